/// DryRun: what is pending is tried in transactions that are rolled back.
#include "migration/run.h"

namespace dbm::migration {
namespace {

DryRunStatus not_rehearsed(const Facts& facts) {
  return {.mode = "Plan",
          .reason = "dryRun.mode is Plan",
          .rehearsed = 0,
          .not_rehearsed = static_cast<int>(facts.plan->pending.size())};
}

}  // namespace

bool needs_dry_run(const Facts& facts) {
  if (facts.plan->pending.empty() || facts.migration.spec.dry_run.mode == DryRunMode::Disabled) return false;
  return !facts.database->last_run->dry_run;
}

Outcome run_dry_run(const Facts& facts, Run& run, const std::stop_token& stop) {
  DryRunStatus done = not_rehearsed(facts);
  if (facts.migration.spec.dry_run.mode != DryRunMode::Plan) {
    const auto deadline = Deadline::after(facts.migration.spec.dry_run.timeout);
    const auto rehearsal = run.session().rehearse(*facts.plan, deadline, stop, run.progress());
    if (!rehearsal) {
      Error error = rehearsal.error();
      if (error.kind == ErrorKind::Transient && deadline.passed())
        error = {ErrorKind::Terminal, "DryRunFailed",
                 "the rehearsal took longer than dryRun.timeout: " + error.message, "Timeout"};
      return error;
    }
    done = rehearsal->summary;
    for (const auto& line : rehearsal->not_rehearsed) run.say(PhaseName::DryRun, "not rehearsed: " + line);
  }
  if (const auto recorded = run.session().record_rehearsal(done); !recorded) return recorded.error();
  return Evidence{"rehearsal",
                  std::to_string(done.rehearsed) + " of " + std::to_string(facts.plan->pending.size())};
}

}  // namespace dbm::migration
