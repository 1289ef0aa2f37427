#pragma once
/// The dry run: what is predicted brief, in order, in one transaction that is rolled back
/// (docs/locks.md#rehearsal).

#include <stop_token>

#include "migration/engine.h"
#include "migration/plan.h"
#include "postgres/run_context.h"

namespace dbm::postgres {

/// Executes the plan's scripts on `work` as apply would (fence, role, lock schedule, one statement a message)
/// and rolls back. Stops before the first script that cannot be rehearsed or would hold locks longer than
/// dryRun.maxBlocking: it and what follows is `not_rehearsed`; with mode Rehearse that is
/// Terminal/DryRunFailed/NotRehearsed. A failing statement is DryRunFailed/StatementFailed at its file, line
/// and column. Modes Plan and Disabled touch nothing. Afterwards `work` is reset and still holds the run
/// lock, else Cancelled as for any fenced step.
Result<migration::Rehearsal> rehearse(RunContext& run, const migration::Plan& plan, Deadline deadline,
                                      const std::stop_token& stop, const migration::ProgressSink& progress);

}  // namespace dbm::postgres
