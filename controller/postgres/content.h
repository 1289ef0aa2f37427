#pragma once
/// Counts and content sums of tables, order-free and comparable between a database and its restored copy.

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/session.h"

namespace dbm::postgres {

constexpr const char* kContentAlgorithm = "hashtextextended/1";

/// A table that holds rows of its own: ordinary tables and the leaves of partitioned ones, but not temporary,
/// foreign or materialised ones, nor members of extensions.
struct TableContent {
  std::string name;  ///< as plain_name() prints it: public.orders, public."Odd name"
  std::string sql;   ///< the same, safe in a statement
  std::int64_t rows = 0;
  std::string sum;                                      ///< a whole number of any length
  std::int64_t inserted = 0, updated = 0, deleted = 0;  ///< the server's counters since they were last reset
  std::int64_t pages = 0;
};

/// SET LOCAL of everything that changes how a value is written as text. Within a transaction.
Result<> pin_text_form(Session& session, Deadline deadline, const std::stop_token& stop);
/// Names and counters, largest first. Terminal/PermissionDenied/InsufficientPrivilege naming what the login
/// may not read.
Result<std::vector<TableContent>> list_tables(Session& session, Deadline deadline,
                                              const std::stop_token& stop);
/// Fills rows and sum by reading the whole table.
Result<> sum_table(Session& session, TableContent& table, Deadline deadline, const std::stop_token& stop);
/// last_value of each sequence that was used, by quoted name.
Result<std::map<std::string, std::int64_t>> read_sequences(Session& session, Deadline deadline,
                                                           const std::stop_token& stop);

}  // namespace dbm::postgres
