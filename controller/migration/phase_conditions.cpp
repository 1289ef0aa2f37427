#include "migration/phase_conditions.h"

#include "migration/remedy.h"

namespace dbm::migration {
namespace {

struct Finding {
  const char* state;
  const char* reason;
  std::string message;
};

Finding pending(std::string message = "not reached yet") {
  return {"Unknown", "Pending", std::move(message)};
}
Finding failed(const Error& why) { return {"False", "Failed", message_of(why)}; }
Finding skipped(std::string message) { return {"True", "Skipped", std::move(message)}; }
Finding succeeded(std::string message) { return {"True", "Succeeded", std::move(message)}; }

Finding backup_finding(const Spec& spec, const RunRow* run) {
  if (run != nullptr && run->backup)
    return succeeded(run->backup->id + (run->backup->verified.empty()
                                            ? ", not verified"
                                            : ", verified: " + run->backup->verified));
  if (spec.backup.method == BackupMethod::None)
    return skipped("backup.method is None: " + spec.backup.reason);
  if (spec.backup.when == BackupWhen::Risky)
    return skipped("backup.when is Risky and the plan was Safe, or nothing was pending");
  return skipped("nothing was pending");
}

Finding dry_run_finding(const Spec& spec, const RunRow* run) {
  if (run == nullptr || !run->dry_run)
    return skipped(spec.dry_run.mode == DryRunMode::Disabled ? "dryRun.mode is Disabled"
                                                             : "nothing was pending");
  const DryRunStatus& dry_run = *run->dry_run;
  const std::string counts =
      std::to_string(dry_run.rehearsed) + " rehearsed, " + std::to_string(dry_run.not_rehearsed) + " not";
  if (dry_run.not_rehearsed > 0 && dry_run.rehearsed == 0)
    return {"True", "NotRehearsed", counts + (dry_run.reason.empty() ? "" : ": " + dry_run.reason)};
  return succeeded(counts + (dry_run.reason.empty() ? "" : ": " + dry_run.reason));
}

Finding applied_finding(const Status& status) {
  if (status.applied_count == 0) return skipped("nothing was pending");
  return succeeded(std::to_string(status.applied_count) + " applied, newest " + status.current_version);
}

Finding validated_finding(const RunRow* run) {
  if (run == nullptr || !run->checks) return succeeded("no check was asked for");
  const ChecksStatus& checks = *run->checks;
  std::string text = std::to_string(checks.passed) + " passed, " + std::to_string(checks.failed) +
                     " failed, " + std::to_string(checks.warned) + " warned, " +
                     std::to_string(checks.vacuous) + " vacuous";
  if (checks.passed == 0 && checks.vacuous > 0)
    text += ": every check held before the change already, so none says anything about it";
  return succeeded(text);
}

/// The phase an object is in, stopped in, or waits in; nothing when it is past all of them.
std::optional<PhaseName> phase_reached(const Verdict& verdict) {
  if (verdict.mood == Mood::Done) return std::nullopt;
  if (verdict.mood == Mood::Running) return verdict.phase;
  if (verdict.why)
    for (const PhaseName phase :
         {PhaseName::Backup, PhaseName::DryRun, PhaseName::Apply, PhaseName::Validate})
      if (verdict.why->phase == to_string(phase)) return phase;
  return PhaseName::Plan;
}

}  // namespace

void add_phase_conditions(const Facts& facts, const Verdict& verdict, Status& status) {
  const Spec& spec = facts.migration.spec;
  const RunRow* run = facts.last_run();
  const auto reached = phase_reached(verdict);
  const auto add = [&](const char* type, PhaseName phase, const Finding& finding_when_done) {
    Finding finding = finding_when_done;
    if (reached && phase == *reached)
      finding = verdict.mood == Mood::Stalled
                    ? failed(*verdict.why)
                    : pending(verdict.mood == Mood::Running ? "under way" : "not reached yet");
    else if (reached && phase > *reached)
      finding = pending();
    status.conditions.push_back({type, finding.state, finding.reason, finding.message, "", 0});
  };
  add("BackupCompleted", PhaseName::Backup, backup_finding(spec, run));
  add("DryRunSucceeded", PhaseName::DryRun, dry_run_finding(spec, run));
  add("Applied", PhaseName::Apply, applied_finding(status));
  add("Validated", PhaseName::Validate, validated_finding(run));
}

}  // namespace dbm::migration
