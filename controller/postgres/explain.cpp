#include "postgres/ledger_guard.h"
#include "postgres/script_position.h"
#include "postgres/transaction.h"

namespace dbm::postgres {
namespace {

/// Nothing has happened: where our own reading of the script leaves it open, the plan is made anew, statement
/// by statement. A function, or a script that insists on one transaction, is its author's to change.
Error refused_inside(const ServerError& report, const migration::PendingScript& script, Error error) {
  const auto outside = script::analyse_refused_inside(script.script);
  const bool by_the_server = report.source_file == "xact.c";  // a script may RAISE what it likes
  if (script.analysis.in_transaction && by_the_server && outside && !outside->in_transaction) {
    error.kind = ErrorKind::Transient;
    error.reason = "ProgressingWithRetry";
    error.cause = "PlanOutdated";
    error.message =
        "the server does not run this in a transaction (25001): the plan is made anew, statement by "
        "statement";
    return error;
  }
  return error.with_remedy(
      "this statement cannot run inside a transaction: put `-- dbm:transaction none` on the script's first "
      "line");
}

Error explain_statement(const StepFailure& failure, const migration::PendingScript& script, Error error) {
  // A script may RAISE what it likes: only at our own steps does class MG mean what we mean by it.
  if (error.sqlstate.starts_with("MG"))
    error.message = "the script's own code raised an error (" + error.sqlstate + ")";
  error.at = locate(script, failure.where.statement, failure.report.position);
  if (error.sqlstate == "25001") return refused_inside(failure.report, script, std::move(error));
  if (error.sqlstate == "55P04")
    error.remedy =
        "use the new label in a later script: it can be used only after the transaction that adds it";
  return error;
}

}  // namespace

std::string transaction_ended_remedy(const migration::PendingScript& script) {
  const std::string& version = script.script.version.id;
  return "see what " + file_of(script) + " has left in the database, then `dbm resolve " + version +
         "=applied` or `=pending`";
}

Error run_lock_given_away(Error error, const migration::PendingScript& script, std::string_view reason) {
  const bool fence = error.sqlstate == "MG001";
  if (!fence && error.sqlstate != "MG002") return error;
  error.kind = ErrorKind::Terminal;
  error.reason = reason;
  error.cause = "RunLockGivenAway";
  error.message = fence ? "the script, or a check beside it, changed the ledger's fence"
                        : "the script, or a check beside it, gave the run lock away";
  if (error.at.file.empty()) error.at.file = file_of(script);
  return error;
}

Error role_refused(Error error) {
  if (error.kind != ErrorKind::Terminal) return error;
  error.reason = "PermissionDenied";
  error.cause = "InsufficientPrivilege";
  return error.with_remedy("create the role that spec.role names, or GRANT it to the login");
}

Error explain(const StepFailure& failure, const migration::PendingScript& script) {
  const bool theirs = failure.where.step == Step::Statement;
  Error error = translate(failure.report, "ApplyFailed",
                          theirs ? statement_text(script, failure.where.statement) : std::string{});
  switch (failure.where.step) {
    case Step::Statement:
      return explain_statement(failure, script, std::move(error));
    case Step::Enter:
      if (error.sqlstate == "23505") {
        error = {ErrorKind::Transient, "ProgressingWithRetry",
                 "the ledger has this version as applied already: the plan is made anew", "PlanOutdated",
                 "23505"};
      }
      [[fallthrough]];
    case Step::Leave:
      error = at_own_step(std::move(error));
      // The fence row was locked by our `enter` before the script: nobody else can have come since.
      if (failure.where.step == Step::Leave)
        error = run_lock_given_away(std::move(error), script, "ApplyFailed");
      if (error.sqlstate == "MG003") error.remedy = transaction_ended_remedy(script);
      break;
    case Step::Role:
      error = role_refused(std::move(error));
      break;
    case Step::Guard:
      error = ledger_altered(std::move(error), "ApplyFailed");
      break;
    case Step::Harden:
      error.message = "at the script's end: " + error.message;
      break;
    default:
      break;
  }
  error.at.file = file_of(script);
  return error;
}

}  // namespace dbm::postgres
