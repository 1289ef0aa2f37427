#pragma once
/// One table from SQLSTATE (PostgreSQL manual, appendix A) to what happens next.

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm::postgres {

/// What we keep of an error report. `server_message`, `detail` may hold row values: for the ledger only.
struct ServerError {
  std::string sqlstate, severity, server_message, detail, hint, source_file, schema, table, column,
      constraint, data_type;
  bool has_context = false;  ///< raised inside a function, perhaps by SQL made of values
  bool translated = false;   ///< the server's messages are not in English
  bool in_copy = false;      ///< the context is a COPY alone: the names are the schema's
  int position = 0;          ///< character of the statement, from 1; 0: none
};
ServerError read_error(const PGresult* result);

/// The Error for a server's report: kind by SQLSTATE; the published message is our own words plus SQLSTATE
/// and names, and the server's words only for the listed SQLSTATEs that cannot carry row values
/// (docs/status.md#words). `reason` is the condition's reason for terminal errors ("ApplyFailed"); transient
/// and waiting ones bring their own.
/// `statement`: what was sent, where it may have read rows; empty: not known, or our own.
Error translate(const ServerError& error, std::string_view reason, std::string_view statement = {});

/// An error of one of our own steps: MG001, MG002 are Cancelled/Fenced (but see run_lock_given_away), MG003
/// is Terminal/ManualInterventionRequired, a second applied row (23505) stays what it is. Class MG counts
/// nowhere else: a script may RAISE what it likes.
Error at_own_step(Error error);

/// What kind a SQLSTATE is, alone.
ErrorKind kind_of(std::string_view sqlstate);

}  // namespace dbm::postgres
