#pragma once
/// Facts for tests of what is pure: scripts in memory, a ledger as rows.

#include <string>
#include <utility>
#include <vector>

#include "migration/facts.h"
#include "migration/plan.h"
#include "script/analysis.h"
#include "unit/migration/manifests.h"

namespace dbm::migration {

using Files = std::vector<std::pair<std::string, std::string>>;

inline script::ScriptSet scripts(const Files& files) {
  std::vector<script::Text> texts;
  for (const auto& [name, sql] : files) texts.push_back(script::text_of(name, sql));
  auto set = script::read_set(std::move(texts), {});
  if (!set) std::abort();
  return *std::move(set);
}

/// The row of a script as the ledger has it after it was applied.
inline HistoryRow row_of(const script::Script& script, const std::string& status = "applied") {
  const auto analysis = script::analyse(script);
  return {.version = script.version.id,
          .version_key = script.version.key,
          .name = script.name,
          .status = status,
          .closed = true,
          .checksum = script.checksum,
          .normalised = analysis->normalised,
          .statements = static_cast<std::int64_t>(analysis->statements),
          .statements_done = status == "applied" ? static_cast<std::int64_t>(analysis->statements) : 0};
}

inline Inspection database_with(std::vector<HistoryRow> rows) {
  Inspection database;
  database.database = {"15.18", "7710", "orders", "ledger-1"};
  database.server_version_num = 150018;
  database.ledger = rows.empty() ? LedgerState::Absent : LedgerState::Ours;
  database.rows = std::move(rows);
  return database;
}

inline Migration migration_of(const Json& spec) {
  auto migration = decode(object_of(spec));
  if (!migration) std::abort();
  return *std::move(migration);
}

}  // namespace dbm::migration
