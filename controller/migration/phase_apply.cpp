/// Apply: each script exactly once, by the protocol of the engine.
#include "migration/run.h"

namespace dbm::migration {

bool needs_apply(const Facts& facts) { return !facts.plan->empty(); }

Outcome run_apply(const Facts& facts, Run& run, const std::stop_token& stop) {
  const auto deadline = Deadline::after(facts.migration.spec.apply.deadline);
  const auto applied = [&run](const AppliedScript&) { ++run.applied; };
  const auto done = run.session().apply(*facts.plan, deadline, stop, run.progress(), applied);
  if (done)
    return Evidence{"ledger",
                    facts.plan->pending.empty() ? "baseline" : facts.plan->pending.back().script.version.id};
  Error error = done.error();
  // A COMMIT whose reply is lost is looked up, whatever the clock says.
  if (error.kind == ErrorKind::Transient && error.cause == "Timeout" && deadline.passed())
    error = {ErrorKind::Terminal, "DeadlineExceeded",
             "the run took longer than apply.deadline: " + error.message, "Timeout"};
  return error;
}

}  // namespace dbm::migration
