#pragma once
/// What the pending scripts say about rows and objects, read from their words: for the vacuous rule, the
/// schema difference and constraints left NOT VALID on purpose. Reads scripts; else pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "migration/plan.h"

namespace dbm::postgres {

/// Rows a statement changes: these columns of the table, or all of it (INSERT, DELETE, TRUNCATE, COPY,
/// MERGE).
struct WrittenTable {
  std::string table;                 ///< as written
  std::vector<std::string> columns;  ///< unquoted; empty: the whole table

  friend bool operator==(const WrittenTable&, const WrittenTable&) = default;
};

std::vector<WrittenTable> written_by(std::string_view statement);
/// Columns that an ALTER TABLE adds, changes, drops or renames; with ALTER TYPE also written_by.
WrittenTable altered_by(std::string_view statement);
/// Whether a query reads what is written: it names the table and, where columns are known, one of them.
bool reads(std::string_view query, const WrittenTable& written);

struct PlanWords {
  std::vector<WrittenTable> written;  ///< each once
  std::vector<WrittenTable> altered;  ///< columns whose definition ALTER TABLE changes
  std::vector<std::string> losses;  ///< losses_named_by of every statement, and what `-- dbm:drops` declares
  bool says_not_valid = false;
};
/// Reads the pending scripts: whole where a statement may lose an object, else the first 4 MiB of each.
Result<PlanWords> read_plan_words(const migration::Plan& plan);

}  // namespace dbm::postgres
