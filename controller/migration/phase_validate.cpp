/// Validate: the spec's checks at After and those that are always on.
#include "migration/run.h"

namespace dbm::migration {

// Also where nothing was pending: a spec whose checks were never asked is not validated.
bool needs_validate(const Facts&) { return true; }

Outcome run_validate(const Facts& facts, Run& run, const std::stop_token& stop) {
  auto checks = run.session().check(Gate::After, *facts.plan, Deadline::after(kChecksTake), stop);
  if (!checks) return checks.error();
  ChecksStatus all = run.before;
  all.passed += checks->passed;
  all.failed += checks->failed;
  all.warned += checks->warned;
  all.vacuous += checks->vacuous;
  all.results.insert(all.results.end(), checks->results.begin(), checks->results.end());
  if (const auto recorded = run.session().record_checks(all); !recorded) return recorded.error();
  if (checks->failed == 0) return Evidence{"validation", std::to_string(all.passed) + " passed"};

  Error error = failed_check(*checks);
  const auto& backup = facts.database->last_run->backup;
  const std::string manifest = facts.migration.object.file.empty() ? "MANIFEST" : facts.migration.object.file;
  error.remedy = "the change stays; correct the data or the check, then run: dbm apply -f " + manifest;
  if (backup && facts.migration.spec.on_failure == OnFailure::TransactionOnly)
    error.remedy +=
        "; or look at the state before: dbm restore " + backup->id + " --into NEWDATABASE -f " + manifest;
  return error;
}

}  // namespace dbm::migration
