#pragma once
/// Applies what is pending, each script exactly once: walks the plan, and decides after each error what
/// happens next.

#include <functional>
#include <stop_token>

#include "migration/engine.h"
#include "migration/plan.h"
#include "postgres/run_context.h"

namespace dbm::postgres {

/// Everything pending: baseline rows, then chains, single scripts in a transaction, and scripts statement by
/// statement; or all in one transaction (apply.transaction: AllPending). `applied` is called after each
/// script is durable.
///
/// `deadline` bounds the waiting for locks and cancels nothing that runs; apply.deadline of the spec is
/// counted here, less the time spent waiting for locks. `stop` is looked at between scripts, and while
/// waiting for a lock.
///
/// Errors: Cancelled/Stopping; Cancelled/Cancelled/Fenced when another run has taken over (a script that
/// gave the lock away itself is Terminal/ApplyFailed/RunLockGivenAway); Terminal (a failed
/// row was written) with file, line, column: ApplyFailed, ValidationFailed, ChangedScript, DeadlineExceeded,
/// PermissionDenied; Terminal/ManualInterventionRequired; Waiting/WaitingForLock when `deadline` ends a wait
/// for a lock; Transient; InDoubt/ResolvingOutcome when the reply to a COMMIT was lost.
Result<> apply_pending(RunContext& run, const migration::Plan& plan, Deadline deadline,
                       const std::stop_token& stop, const migration::ProgressSink& progress,
                       const std::function<void(const migration::AppliedScript&)>& applied);

}  // namespace dbm::postgres
