#include "postgres/sqlstate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "postgres/published_names.h"

namespace dbm::postgres {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

// Our words for what a script meets most; for the others the class speaks. None repeats what the server said.
constexpr std::array kWords{
    Words{"0A000", "the server does not support this here"},
    Words{"21000", "a subquery gave more than one row where one may be"},
    Words{"22001", "a text is too long for its column"},
    Words{"22003", "a number is out of range"},
    Words{"22004", "NULL where none is allowed"},
    Words{"22007", "a text does not read as a date or time"},
    Words{"22008", "a date or time is out of range"},
    Words{"22012", "division by zero"},
    Words{"22021", "bytes that are no text in this encoding"},
    Words{"22P02", "a text does not read as its type"},
    Words{"22P04", "COPY data does not fit the table"},
    Words{"23502", "NULL in a column that must not be NULL"},
    Words{"23503", "a row refers to one that is not there, or is still referred to"},
    Words{"23505", "a value that must be unique is there already"},
    Words{"23514", "a row violates a check constraint"},
    Words{"23P01", "a row violates an exclusion constraint"},
    Words{"25P02", "an earlier error has aborted the transaction"},
    Words{"2BP01", "other objects still depend on it"},
    Words{"2D000", "a transaction may not end here"},
    Words{"40001", "another transaction came first"},
    Words{"40P01", "a deadlock with another session"},
    Words{"42501", "the role lacks a privilege"},
    Words{"42601", "syntax error"},
    Words{"53100", "the server's disk is full"},
    Words{"53200", "the server is out of memory"},
    Words{"53300", "the server has no connection left"},
    Words{"55000", "the object is not in the state this needs"},
    Words{"55006", "the object is in use"},
    Words{"55P03", "the lock was not free in time"},
    Words{"55P04", "a new enum label is usable only after its own transaction"},
    Words{"57014", "the statement was cancelled"},
    Words{"57P01", "the server ended the session"},
    Words{"57P02", "the server crashed"},
    Words{"57P03", "the server is starting up or shutting down"},
    Words{"P0001", "the script's own code raised an error"},
    Words{"P0004", "an assertion failed"},
    Words{"MG001", "another run has taken over"},
    Words{"MG002", "the run lock is not held any more"},
    Words{"MG003", "the script ended the transaction it runs in"},
};

constexpr std::array kClassWords{
    Words{"08", "the connection failed"},
    Words{"21", "wrong number of rows"},
    Words{"22", "a value does not fit"},
    Words{"23", "a row violates a constraint"},
    Words{"25", "wrong state of the transaction"},
    Words{"28", "the server refused the login"},
    Words{"2F", "a function failed"},
    Words{"38", "an external routine failed"},
    Words{"3D", "no such database"},
    Words{"3F", "no such schema"},
    Words{"42", "the statement does not fit the schema"},
    Words{"44", "a row violates the view's check option"},
    Words{"53", "the server is out of resources"},
    Words{"54", "a limit of the server is exceeded"},
    Words{"55", "the object is not in the state this needs"},
    Words{"57", "an operator or the server intervened"},
    Words{"58", "an error of the server's system"},
    Words{"F0", "an error in the server's configuration"},
    Words{"HV", "a foreign server failed"},
    Words{"P0", "an error in PL/pgSQL code"},
    Words{"XX", "an internal error of the server"},
};

// SQLSTATEs after which the same thing may simply be tried again: connection, shutdown, resources,
// serialization, deadlock, lock time-out.
constexpr std::array kTransient{
    Words{"08", ""},    Words{"40001", ""}, Words{"40P01", ""}, Words{"53", ""},
    Words{"55006", ""}, Words{"55P03", ""}, Words{"57P", ""},   Words{"58000", ""},
    Words{"58030", ""}, Words{"25006", ""}, Words{"25P03", ""}, Words{"72000", ""},
};

std::string_view words_for(std::string_view sqlstate) {
  const auto exact = std::ranges::find(kWords, sqlstate, &Words::first);
  if (exact != kWords.end()) return exact->second;
  const auto by_class = std::ranges::find(kClassWords, sqlstate.substr(0, 2), &Words::first);
  return by_class != kClassWords.end() ? by_class->second : std::string_view{"the statement failed"};
}

/// Whether the server's message names only what the script or the schema says, never a value of a row. A
/// CONTEXT means SQL inside a function, perhaps made of values; 42601's message repeats what stands at the
/// error.
bool may_publish(const ServerError& error, std::string_view statement) {
  if (error.has_context || error.sqlstate == "42601") return false;
  constexpr std::array<std::string_view, 9> kListed{"42",    "25",    "2BP",   "3D", "3F",
                                                    "53300", "55P03", "57014", "57P"};
  return std::ranges::any_of(kListed,
                             [&](std::string_view prefix) { return error.sqlstate.starts_with(prefix); }) &&
         names_only_what_is_known(error, statement);
}

std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

/// " (table public.orders, constraint orders_pkey)", of the names the report carries.
/// None where a procedural language raised it (RAISE … USING CONSTRAINT takes any value for a name), and none
/// from inside a function: EXECUTE makes names of values.
std::string names_of(const ServerError& error) {
  if (error.source_file.starts_with("pl")) return {};
  if (error.has_context && !error.in_copy) return {};
  std::string names;
  const auto add = [&names](std::string_view what, const std::string& name) {
    if (name.empty()) return;
    names += (names.empty() ? "" : ", ") + std::string(what) + " " + name;
  };
  if (!error.table.empty())
    add("table", error.schema.empty() ? error.table : error.schema + "." + error.table);
  else
    add("schema", error.schema);
  add("column", error.column);
  add("constraint", error.constraint);
  add("type", error.data_type);
  return names.empty() ? names : " (" + one_line(names) + ")";
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string{} : std::string{text};
}

/// What to do where a statement's own rows break a rule; where a new rule is broken by rows that are there
/// already, the SQLSTATE alone says it (migration/remedy.h). Empty: no such case.
std::string_view remedy_of_rows(std::string_view sqlstate, std::string_view statement) {
  constexpr std::array<std::string_view, 5> kWriters{"insert", "update", "merge", "copy", "delete"};
  constexpr std::array kRemedies{
      Words{"23505",
            "a row with this key is there already: leave it out, or say what is to happen to it (ON "
            "CONFLICT)"},
      Words{"23503", "write the row that is referred to first, or remove those that refer to it first"},
      Words{"23502", "give the column a value, or a default before this statement"},
      Words{"23514", "write values that meet the condition, or change the condition first"},
  };
  const auto word = statement.substr(0, std::min<std::size_t>(statement.find_first_of(" \t\r\n("), 10));
  const bool writes = std::ranges::any_of(kWriters, [&](std::string_view writer) {
    return std::ranges::equal(word, writer, {}, [](char c) { return static_cast<char>(c | 0x20); });
  });
  const auto found = std::ranges::find(kRemedies, sqlstate, &Words::first);
  return writes && found != kRemedies.end() ? found->second : std::string_view{};
}

struct Words3 {
  std::string_view sqlstate, reason, cause;
};
// Reasons that do not depend on what was being done.
constexpr std::array kReasons{
    Words3{"42501", "PermissionDenied", "InsufficientPrivilege"},
    Words3{"55P03", "WaitingForLock", "LockTimeout"},
    Words3{"25006", "ProgressingWithRetry", "ReadOnly"},
    Words3{"40P01", "ProgressingWithRetry", "Deadlock"},
    Words3{"40001", "ProgressingWithRetry", "SerializationFailure"},
    Words3{"53100", "ProgressingWithRetry", "DiskFull"},
};

}  // namespace

ServerError read_error(const PGresult* result) {
  ServerError error;
  error.sqlstate = field(result, PG_DIAG_SQLSTATE);
  error.severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  error.server_message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  error.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  error.hint = field(result, PG_DIAG_MESSAGE_HINT);
  error.source_file = field(result, PG_DIAG_SOURCE_FILE);
  error.schema = field(result, PG_DIAG_SCHEMA_NAME);
  error.table = field(result, PG_DIAG_TABLE_NAME);
  error.column = field(result, PG_DIAG_COLUMN_NAME);
  error.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  error.data_type = field(result, PG_DIAG_DATATYPE_NAME);
  error.translated = field(result, PG_DIAG_SEVERITY) != error.severity;
  const std::string context = field(result, PG_DIAG_CONTEXT);
  // A query made inside a function has no context where it could not be read, but is itself reported.
  error.has_context = !context.empty() || PQresultErrorField(result, PG_DIAG_INTERNAL_QUERY) != nullptr;
  error.in_copy = context.starts_with("COPY ") && context.find('\n') == std::string::npos;
  const std::string position = field(result, PG_DIAG_STATEMENT_POSITION);
  if (!position.empty()) error.position = std::atoi(position.c_str());
  return error;
}

ErrorKind kind_of(std::string_view sqlstate) {
  const bool again =
      std::ranges::any_of(kTransient, [&](const Words& row) { return sqlstate.starts_with(row.first); });
  if (again) return ErrorKind::Transient;
  return sqlstate == "40003" ? ErrorKind::InDoubt : ErrorKind::Terminal;
}

Error translate(const ServerError& error, std::string_view reason, std::string_view statement) {
  Error out{kind_of(error.sqlstate), std::string(reason), ""};
  out.sqlstate = error.sqlstate;
  out.server_message = error.server_message;
  if (!error.detail.empty()) out.server_message += " DETAIL: " + error.detail;
  out.remedy = remedy_of_rows(error.sqlstate, statement);

  if (may_publish(error, statement))
    out.message = one_line(error.server_message) + " (" + error.sqlstate + ")" + names_of(error);
  else
    out.message = std::string(words_for(error.sqlstate)) + " (" + error.sqlstate + ")" + names_of(error);

  if (out.kind == ErrorKind::Transient) out.reason = "ProgressingWithRetry";
  if (out.kind == ErrorKind::InDoubt) out.reason = "ResolvingOutcome";
  if (out.kind == ErrorKind::Terminal) out.cause = "StatementFailed";
  if (out.kind == ErrorKind::Terminal && error.sqlstate == "42601") out.cause = "SyntaxError";
  const auto own = std::ranges::find(kReasons, error.sqlstate, &Words3::sqlstate);
  if (own != kReasons.end()) {
    out.reason = own->reason;
    out.cause = own->cause;
  }
  return out;
}

Error at_own_step(Error error) {
  if (error.sqlstate == "MG001" || error.sqlstate == "MG002") {
    error.kind = ErrorKind::Cancelled;
    error.reason = "Cancelled";
    error.cause = "Fenced";
    error.message = std::string(words_for(error.sqlstate));
  } else if (error.sqlstate == "MG003") {
    error.kind = ErrorKind::Terminal;
    error.reason = "ManualInterventionRequired";
    error.cause = "TransactionEnded";
    error.message = std::string(words_for(error.sqlstate));
  } else if (error.sqlstate == "MG004") {
    error.kind = ErrorKind::Terminal;
    error.reason = "ManualInterventionRequired";
    error.cause = "LedgerRow";
    error.message = "the ledger does not hold the row this step needs";
  }
  return error;
}

}  // namespace dbm::postgres
