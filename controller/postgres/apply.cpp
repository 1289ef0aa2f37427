#include "postgres/apply.h"

#include <random>

#include "base/inject.h"
#include "postgres/apply_script.h"
#include "postgres/chain.h"
#include "postgres/journal.h"
#include "postgres/ledger_guard.h"
#include "postgres/right_of_way.h"

namespace dbm::postgres {
namespace {

using migration::PendingScript;
using Clock = std::chrono::steady_clock;

bool is_lock_timeout(const Error& error) { return error.sqlstate == "55P03"; }

/// Rows for what was there before we came; no script runs.
Result<> record_baseline(Execution& execution) {
  if (execution.plan.baseline.empty()) return {};
  std::vector<std::string> steps;
  for (const PendingScript& script : execution.plan.baseline)
    steps.push_back(begin_script_sql(execution.run.fence, record_of(execution.run, script), "baseline"));
  DBM_EFFECT_REPLY(effect, "baseline.insert");
  return fenced_at(effect, execution.run, steps);
}

/// The failed row, in a transaction of its own. Losing it is harmless, so only being fenced out counts.
Result<> record_failure(Execution& execution, const PendingScript& script, const Error& error) {
  DBM_EFFECT_REPLY(effect, "apply.failed-row");
  const auto recorded =
      fenced_at(effect, execution.run,
                {fail_script_sql(execution.run.fence, record_of(execution.run, script), error, 0)});
  if (!recorded && recorded.error().kind == ErrorKind::Cancelled) return recorded;
  return {};
}

/// What an error of `script` means for the run. Ok: try again.
Result<> after_error(Execution& execution, const PendingScript& script, const Error& error) {
  if (execution.run.work->lost()) return error;
  const bool to_wait = is_lock_timeout(error);
  if (to_wait || error.kind == ErrorKind::Terminal) (void)retake_run_lock(execution.run);
  if (to_wait) return wait_for_lock(execution, script);
  // That the server refused it in a transaction is what the next plan is made from.
  const bool refused_inside = error.cause == "PlanOutdated" && error.sqlstate == "25001";
  if ((error.kind != ErrorKind::Terminal && !refused_inside) || error.reason == "ManualInterventionRequired")
    return error;
  if (auto recorded = record_failure(execution, script, error); !recorded) return recorded;
  return error;
}

/// A commit that waits for the disk takes all commits before it along.
Result<> make_durable(Execution& execution) {
  DBM_EFFECT_REPLY(effect, "chain.flush");
  return fenced_at(effect, execution.run, {});
}

void tell(Execution& execution, const std::vector<migration::AppliedScript>& all) {
  execution.scripts_applied += static_cast<std::int64_t>(all.size());
  if (!execution.applied) return;
  for (const auto& one : all) execution.applied(one);
}

Result<> may_go_on(const Execution& execution) {
  if (execution.stop.stop_requested()) return stopped();
  if (execution.watch.deadline().passed()) return execution.watch.out_of_time();
  return {};
}

/// One chain; `at` moves past what was committed.
Result<> run_chain(Execution& execution, std::size_t length, std::size_t& at) {
  const std::span<const PendingScript> scripts(&execution.plan.pending[at], length);
  const auto outcome = apply_chain(execution, scripts, execution.schedule.limit());
  at += outcome.applied.size();
  if (!outcome.applied.empty()) execution.schedule.reset();
  if (!outcome.durable && !execution.run.work->lost()) {
    if (auto flushed = make_durable(execution); !flushed) return flushed;
  }
  if (!execution.run.work->lost() || outcome.durable) tell(execution, outcome.applied);
  if (!outcome.error) {
    confirm_durability(execution, execution.plan.pending[at - 1]);
    return {};
  }
  return after_error(execution, execution.plan.pending[at], *outcome.error);
}

/// One transaction of `count` scripts from `at` on, tried once; `at` moves past them when it is committed.
Result<> run_transaction(Execution& execution, std::size_t count, std::size_t& at) {
  const std::span<const PendingScript> scripts(&execution.plan.pending[at], count);
  auto lock = script::LockClass::Brief;
  if (count == 1 && scripts[0].analysis.lock == script::LockClass::ShareUpdateExclusive)
    lock = scripts[0].analysis.lock;
  execution.report(scripts[0], 0, "");
  for (const PendingScript& script : scripts) {
    if (auto clear = wait_for_right_of_way(execution, script, needs_of(script)); !clear) return clear;
  }
  const auto outcome = apply_in_transaction(execution, scripts, execution.schedule.limit(lock));
  if (outcome.error) return after_error(execution, scripts[outcome.script], *outcome.error);
  at += count;
  execution.schedule.reset();
  confirm_durability(execution, scripts.back());
  tell(execution, outcome.applied);
  return {};
}

Result<> run_journalled(Execution& execution, std::size_t& at) {
  const PendingScript& script = execution.plan.pending[at];
  auto applied = apply_journalled(execution, script);
  if (!applied) return applied.error();  // it closes its own row
  ++at;
  execution.schedule.reset();
  tell(execution, {*applied});
  return {};
}

Result<> run_from(Execution& execution, std::size_t& at) {
  const auto& pending = execution.plan.pending;
  const migration::Spec& spec = *execution.run.spec;
  if (spec.apply.transaction == migration::ApplyTransaction::AllPending)
    return run_transaction(execution, pending.size(), at);
  if (!pending[at].analysis.in_transaction) return run_journalled(execution, at);
  const std::size_t length = chain_length(spec, std::span(pending).subspan(at));
  return length > 1 ? run_chain(execution, length, at) : run_transaction(execution, 1, at);
}

/// Plan refuses these; a hand-made plan must not slip past.
Result<> refuse_mixed(const Execution& execution) {
  if (execution.run.spec->apply.transaction != migration::ApplyTransaction::AllPending) return {};
  for (const PendingScript& script : execution.plan.pending) {
    if (script.analysis.in_transaction) continue;
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 file_of(script) + " cannot run in a transaction, and apply.transaction is AllPending",
                 "InvalidValue"};
  }
  return {};
}

Error altered_unseen(const std::string& message) {
  Error error{ErrorKind::Terminal, "ManualInterventionRequired", message, "LedgerAltered"};
  return error.with_remedy(
      "see what the scripts' triggers and functions do to the ledger's schema, and put the ledger back");
}

/// The end: the ledger is as it was, and each script that was applied has its row. Triggers and functions of
/// tables that a plain statement changes are looked at by nobody else, nor what runs at COMMIT. Then nothing
/// that a script has set in the session reaches what the run does next.
Result<> look_back(Execution& execution) {
  RunContext& run = execution.run;
  auto steps = as_login(
      {guard_sql(run.fence.schema), "SELECT pg_catalog.count(*) FROM " + quote_ident(run.fence.schema) +
                                        ".history h WHERE h.run = " + quote_literal(run.fence.run) +
                                        "::pg_catalog.uuid AND h.epoch = " + std::to_string(run.fence.epoch) +
                                        " AND h.status = 'applied' AND h.finished IS NOT NULL"});
  const auto reset = reset_statements(run);
  steps.insert(steps.end(), reset.begin(), reset.end());
  const auto seen = run.work->pipeline(steps);
  if (seen.error && seen.error->sqlstate == "MG005")
    return altered_unseen("the ledger's tables or functions were altered while scripts were applied");
  if (seen.error) return *seen.error;
  const auto missing = execution.scripts_applied - seen.rows[kOwnStepsAt + 1].number(0, 0);
  if (missing <= 0) return {};
  return altered_unseen(std::to_string(missing) +
                        (missing == 1 ? " applied script has" : " applied scripts have") +
                        " no row in the ledger any more");
}

}  // namespace

Result<> apply_pending(RunContext& run, const migration::Plan& plan, Deadline deadline,
                       const std::stop_token& stop, const migration::ProgressSink& progress,
                       const std::function<void(const migration::AppliedScript&)>& applied) {
  std::mt19937_64 source{std::random_device{}()};
  LockSchedule schedule(run.spec->apply.lock_timeout, [&source] {
    return std::uniform_real_distribution<double>{0.0, 1.0}(source);
  });
  LockWatch watch(run, run.spec->apply.deadline);
  Execution execution{run, plan, watch, schedule, progress, applied, stop, deadline};
  if (auto fits = refuse_mixed(execution); !fits) return fits;
  if (auto recorded = record_baseline(execution); !recorded) return recorded;
  if (auto closed = close_unfinished(execution); !closed) return closed;

  std::size_t at = 0;
  while (at < plan.pending.size()) {
    if (auto go_on = may_go_on(execution); !go_on) return go_on;
    if (auto done = run_from(execution, at); !done) return done;
  }
  if (plan.pending.empty()) return {};
  return look_back(execution);
}

}  // namespace dbm::postgres
