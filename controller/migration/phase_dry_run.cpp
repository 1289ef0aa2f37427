/// DryRun: what is pending is tried in transactions that are rolled back.
#include "migration/run.h"

namespace dbm::migration {
namespace {

DryRunStatus not_rehearsed(const Facts& facts, const char* mode, const char* reason) {
  return {.mode = mode,
          .reason = reason,
          .rehearsed = 0,
          .not_rehearsed = static_cast<int>(facts.plan->pending.size())};
}

/// What a rehearsal found. Auto is never failed by the clock: what was not reached in time is not rehearsed.
Result<DryRunStatus> rehearse(const Facts& facts, Run& run, const std::stop_token& stop) {
  const DryRunSpec& spec = facts.migration.spec.dry_run;
  const auto deadline = Deadline::after(spec.timeout);
  const auto rehearsal = run.session().rehearse(*facts.plan, deadline, stop, run.progress());
  if (rehearsal) {
    for (const auto& line : rehearsal->not_rehearsed) run.say(PhaseName::DryRun, "not rehearsed: " + line);
    return rehearsal->summary;
  }
  const Error& error = rehearsal.error();
  if (error.cause != "Timeout" || !deadline.passed()) return error;
  if (spec.mode == DryRunMode::Auto)
    return not_rehearsed(facts, "Auto", "it took longer than dryRun.timeout");
  return Error{ErrorKind::Terminal, "DryRunFailed",
               "the rehearsal took longer than dryRun.timeout: " + error.message, "Timeout"};
}

}  // namespace

bool needs_dry_run(const Facts& facts) {
  if (facts.plan->pending.empty() || facts.migration.spec.dry_run.mode == DryRunMode::Disabled) return false;
  return !facts.database->last_run->dry_run;
}

Outcome run_dry_run(const Facts& facts, Run& run, const std::stop_token& stop) {
  const auto done = facts.migration.spec.dry_run.mode == DryRunMode::Plan
                        ? Result<DryRunStatus>{not_rehearsed(facts, "Plan", "dryRun.mode is Plan")}
                        : rehearse(facts, run, stop);
  if (!done) return done.error();
  if (const auto recorded = run.session().record_rehearsal(*done); !recorded) return recorded.error();
  return Evidence{"rehearsal",
                  std::to_string(done->rehearsed) + " of " + std::to_string(facts.plan->pending.size())};
}

}  // namespace dbm::migration
