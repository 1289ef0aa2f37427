#include "migration/decide.h"

#include <algorithm>
#include <array>

namespace dbm::migration {
namespace {

constexpr int kOldestServer = 140000;

constexpr std::array<std::string_view, 17> kStalled{
    "InvalidSpec",     "SourceInvalid",  "ChangedScript",    "OutOfOrder",
    "BackupFailed",    "DryRunFailed",   "ApplyFailed",      "ValidationFailed",
    "RolledBack",      "RollbackFailed", "DeadlineExceeded", "ManualInterventionRequired",
    "IdentityChanged", "PoolerDetected", "PermissionDenied", "DatabaseOwnedElsewhere",
    "LedgerNewer"};

constexpr std::array<std::string_view, 5> kWaiting{"AwaitingApproval", "OutsideWindow", "WaitingForLock",
                                                   "DependencyNotReady", "WaitingForReference"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Error stalled(const char* reason, const std::string& message, const char* cause, const char* remedy) {
  return {ErrorKind::Terminal, reason, message, cause, "", {}, remedy, "Plan"};
}

std::optional<Error> ledger_trouble(const Inspection& database, bool take_over) {
  switch (database.ledger) {
    case LedgerState::Absent:
    case LedgerState::Ours:
      return std::nullopt;
    case LedgerState::OtherOwner:
      if (take_over) return std::nullopt;
      return stalled("DatabaseOwnedElsewhere", database.ledger_trouble, "OtherOwner",
                     "use another ledgerSchema, or take it over: dbm apply --take-over");
    case LedgerState::IdentityChanged:
      if (take_over) return std::nullopt;
      return stalled("IdentityChanged", database.ledger_trouble, "",
                     "if this is the database you mean (upgraded, restored, renamed), accept it: dbm apply "
                     "--take-over; a copy needs a manifest of another name");
    case LedgerState::ForeignSchema:
      // A ledger that was altered is still the record of what was done: under another name all would run
      // again.
      if (database.ledger_trouble.find("has been altered") != std::string::npos)
        return stalled(
            "DatabaseOwnedElsewhere", database.ledger_trouble, "ForeignSchema",
            database.ledger_trouble.find("missing from its history") != std::string::npos
                ? "put the row back as a backup of the ledger has it; if what the script did was undone, "
                  "`dbm resolve VERSION=pending` lets it run again"
                : "put back what was altered; another ledgerSchema would run every script again");
      if (database.ledger_trouble.find("holds a ledger and") != std::string::npos)
        return stalled("DatabaseOwnedElsewhere", database.ledger_trouble, "ForeignSchema",
                       "connect as its owner; another ledgerSchema would run every script again");
      return stalled("DatabaseOwnedElsewhere", database.ledger_trouble, "ForeignSchema",
                     "choose another ledgerSchema, or remove the schema that is not ours");
    case LedgerState::Newer:
      return stalled("LedgerNewer", database.ledger_trouble, "",
                     "use the newer version of dbm that wrote this ledger");
  }
  std::abort();
}

/// A terminal failure is one attempt. It stands until spec or source change (then the digests differ) or on
/// request.
std::optional<Error> failed_before(const Facts& facts) {
  const RunRow* run = facts.run_of_this();
  if (facts.requested || run == nullptr) return std::nullopt;
  // An open row with a failure: what an earlier run left open waits for a person.
  const bool waits = run->outcome.empty() && run->failure;
  const std::string outcome = waits ? "ManualInterventionRequired" : run->outcome;
  if (!is_stalled_reason(outcome)) return std::nullopt;
  Error error{ErrorKind::Terminal, outcome, "the last run ended with " + outcome};
  if (!run->failure) return error;
  const FailureStatus& failure = *run->failure;
  if (!failure.message.empty()) error.message = failure.message;
  error.cause = failure.reason;
  error.sqlstate = failure.sqlstate;
  error.at = {failure.script, failure.line, failure.column};
  error.remedy = failure.remedy;
  error.phase = failure.phase;
  return error;
}

/// Something is pending, or was never validated for this spec.
bool run_is_needed(const Facts& facts) {
  if (!facts.plan->empty()) return true;
  if (facts.database->handed_over) return true;  // a run writes it down
  const RunRow* last = facts.last_run();
  return last == nullptr || last->outcome != "Succeeded" || !last->validated ||
         last->spec_digest != facts.migration.spec_digest;
}

}  // namespace

bool is_stalled_reason(std::string_view reason) { return holds(kStalled, reason); }

std::string stalled_reason(const Error& error) {
  if (is_stalled_reason(error.reason)) return error.reason;
  if (error.phase == "Backup") return "BackupFailed";
  if (error.phase == "DryRun") return "DryRunFailed";
  if (error.phase == "Apply") return "ApplyFailed";
  if (error.phase == "Validate") return "ValidationFailed";
  return "ManualInterventionRequired";
}

std::string reconciling_reason(const Error& error) {
  if (holds(kWaiting, error.reason)) return error.reason;
  return error.kind == ErrorKind::InDoubt ? "ResolvingOutcome" : "ProgressingWithRetry";
}

Decision decide_on(const Error& error) {
  switch (error.kind) {
    case ErrorKind::Terminal:
      return {error.reason == "WaitingForReference" ? Next::Wait : Next::Stalled, error};
    case ErrorKind::Waiting:
      return {Next::Wait, error};
    case ErrorKind::Transient:
    case ErrorKind::InDoubt:
    case ErrorKind::Cancelled:
      return {Next::Retry, error};
  }
  std::abort();
}

Decision decide(const Facts& facts, bool take_over) {
  if (!facts.decoded) return decide_on(*facts.trouble);
  if (facts.migration.spec.suspend) return {Next::Suspended, std::nullopt};
  if (facts.trouble) return decide_on(*facts.trouble);

  const Inspection& database = *facts.database;
  if (database.server_version_num < kOldestServer)
    return {Next::Stalled, stalled("InvalidSpec",
                                   "the server is PostgreSQL " + database.database.server_version +
                                       ", it must be 14 or newer",
                                   "ServerTooOld", "upgrade the server")};
  if (auto trouble = ledger_trouble(database, take_over)) return {Next::Stalled, std::move(trouble)};
  if (auto failure = failed_before(facts)) return {Next::Stalled, std::move(failure)};
  if (facts.plan_trouble) return decide_on(*facts.plan_trouble);
  return {run_is_needed(facts) ? Next::Run : Next::Nothing, std::nullopt};
}

}  // namespace dbm::migration
