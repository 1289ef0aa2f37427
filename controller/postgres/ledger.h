#pragma once
/// The ledger in the target database: its tables, their version, and the texts of our own steps. `L` below is
/// the quoted ledger schema; migrations/ledger/postgresql/ holds what is created.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/engine.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// What marks every statement of a run: I2 of docs/exactly-once.md#promises.
struct Fence {
  std::string schema;         ///< as given, unquoted
  std::int64_t lock_key = 0;  ///< of the run lock; PostgreSQL scopes it by database
  std::int64_t epoch = 0;
  std::string run;  ///< UUID
};

/// One script as its history row needs it.
struct HistoryRecord {
  std::string version, version_key, name, checksum, normalised, plan_digest, backup_id, rollback_sql,
      rollback_checksum;
  std::int64_t batch = 0, statements = 0;
};

// The texts of our steps, each one statement without parameters (all values quoted in), so that they can
// stand in a pipeline and no prepared statement of ours is left for a script to EXECUTE.

/// SELECT L.begin_script(…): raises MG001 unless the fence carries our epoch and run, MG002 unless this
/// backend holds the run lock; keeps the fence row locked; inserts the history row with `status` ('applied'
/// in a transaction, 'running' outside; 'baseline' is closed at once and needs no leave). 23505 when the
/// version has an applied or baseline row already.
std::string begin_script_sql(const Fence& fence, const HistoryRecord& record, std::string_view status);
/// SELECT L.leave(…): enter again, then closes the row this transaction inserted; MG003 if there is none.
/// `rows` empty: not counted.
std::string leave_sql(const Fence& fence, const std::string& version_key, std::optional<std::int64_t> rows);
/// SELECT L.enter(…): the first step of every other fenced transaction.
std::string enter_sql(const Fence& fence);
/// SELECT L.fail_script(…): in its own fenced transaction after ROLLBACK: inserts a closed 'failed' row.
std::string fail_script_sql(const Fence& fence, const HistoryRecord& record, const Error& error,
                            std::int64_t done);

// The journal of what cannot be in a transaction; each inside a transaction that begins with enter_sql.
std::string intend_statement_sql(const Fence& fence, const std::string& version_key, std::int64_t index,
                                 const std::string& hash, const std::string& kind, const std::string& object,
                                 const std::string& state_before);
std::string done_statement_sql(const Fence& fence, const std::string& version_key, std::int64_t index,
                               std::string_view outcome, std::int64_t rows);
/// Closes a journalled script's row: status 'applied' or 'failed'.
std::string close_script_sql(const Fence& fence, const std::string& version_key, std::string_view status,
                             const std::optional<Error>& error);

}  // namespace dbm::postgres
