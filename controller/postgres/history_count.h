#pragma once
/// How many rows the history held: rows are only ever inserted, so fewer than a run has counted says that
/// somebody deleted some, and that a script would run a second time without anybody having been asked.

#include <string>

#include "postgres/session.h"

namespace dbm::postgres {

/// An expression: {"historyRows": n} of this moment, for the plan of a run's row.
std::string history_count_sql(const std::string& schema);
/// One row: NULL, or what is missing: how many rows, and the versions as far as the runs' plans name them.
std::string missing_rows_sql(const std::string& schema);
/// "2 rows are missing from its history (versions 0007, 0008)"; empty when none is. Of missing_rows_sql.
std::string missing_rows(const Rows& rows);
/// Whether a version is among those that a run has applied and that have no row of it. Of missing_rows_sql.
bool names_missing(const Rows& rows, const std::string& version);
/// A row for a version that has none, so that it counts as there and the script runs again.
std::string put_back_sql(const std::string& schema, const std::string& version,
                         const std::string& version_key, const std::string& run, std::int64_t epoch);

}  // namespace dbm::postgres
