/// Plan: what stands in the way is found before anything is touched.
#include <algorithm>

#include "migration/backups.h"
#include "migration/plan_rules.h"
#include "migration/run.h"

namespace dbm::migration {
namespace {

bool grammar_unsure(const Plan& plan) {
  return std::any_of(plan.pending.begin(), plan.pending.end(), [](const PendingScript& pending) {
    return std::any_of(pending.analysis.named.begin(), pending.analysis.named.end(),
                       [](const auto& s) { return !s.what.syntax_error.empty(); });
  });
}

bool asked_before(const Spec& spec) {
  return std::any_of(spec.checks.begin(), spec.checks.end(), [](const Check& check) {
    return std::find(check.at.begin(), check.at.end(), Gate::Before) != check.at.end();
  });
}

Result<> look_first(const Facts& facts, Run& run, const std::stop_token& stop) {
  Engine& engine = *run.surroundings().engine;
  const auto preflight = engine.preflight(facts.connection->target, facts.migration.spec, *facts.plan,
                                          Deadline::after(std::chrono::minutes{1}), stop);
  if (!preflight) return preflight.error();
  run.database_bytes = preflight->database_bytes;
  for (const auto& line : preflight->blockers) run.say(PhaseName::Plan, line);
  for (const auto& line : preflight->warnings) run.say(PhaseName::Plan, line);
  const auto parsed = grammar_unsure(*facts.plan)
                          ? engine.parse_with_server(facts.connection->target, *facts.plan,
                                                     Deadline::after(std::chrono::minutes{5}), stop)
                          : Result<>{};
  const auto told = parsed ? facts.plan->warnings : without_notice_of(*facts.plan, parsed.error()).warnings;
  for (const auto& line : told) run.say(PhaseName::Plan, line);
  return parsed;
}

}  // namespace

Error failed_check(const ChecksStatus& checks) {
  const auto failed = std::find_if(checks.results.begin(), checks.results.end(),
                                   [](const CheckResult& r) { return r.result == "Failed"; });
  Error error{ErrorKind::Terminal, "ValidationFailed", std::to_string(checks.failed) + " checks failed",
              "CheckFailed"};
  if (failed == checks.results.end()) return error;
  error.message = "check " + failed->name + " failed: " + failed->message;
  if (checks.failed > 1) error.message += " (and " + std::to_string(checks.failed - 1) + " more)";
  return error;
}

bool needs_plan(const Facts& facts) { return !facts.plan->empty() || asked_before(facts.migration.spec); }

Outcome run_plan(const Facts& facts, Run& run, const std::stop_token& stop) {
  if (!facts.plan->empty()) {
    if (const auto looked = look_first(facts, run, stop); !looked) return looked.error();
    if (needs_backup(facts))
      if (const auto possible = check_backup_possible(facts, run.surroundings(), run.database_bytes);
          !possible)
        return possible.error();
  }
  // With nothing pending there is no "before": such checks speak about a change.
  if (facts.plan->pending.empty() || !asked_before(facts.migration.spec))
    return Evidence{"plan", facts.plan->digest};
  const auto checks = run.session().check(Gate::Before, *facts.plan, Deadline::after(kChecksTake), stop);
  if (!checks) return checks.error();
  run.before = *checks;
  if (checks->failed > 0) {
    if (const auto recorded = run.session().record_checks(*checks); !recorded) return recorded.error();
    return failed_check(*checks).with_remedy(
        "nothing was changed; correct the data or the check, then run dbm apply again");
  }
  return Evidence{"plan", facts.plan->digest};
}

}  // namespace dbm::migration
