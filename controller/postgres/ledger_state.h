#pragma once
/// The ledger as the catalog shows it: is it there, ours, unaltered, of which version; and its fence.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/engine.h"
#include "postgres/identity.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// What lies in the ledger schema, and who has laid hands on it.
struct LedgerShape {
  bool schema_exists = false, owned_by_login = false;
  std::string schema_owner;
  int relations = 0;  ///< tables, views, sequences … in it
  bool has_version_table = false;
  std::vector<std::string>
      foreign;  ///< one line each: triggers, rules, policies, views, owners that are not ours
  std::multimap<std::string, std::string> functions;  ///< name → SHA-256 of its source and settings
};

struct LedgerFence {
  std::string ledger_id;
  std::int64_t epoch = 0;
  std::string run, holder;
  migration::Owner owner;
  std::string system_identifier, timeline, database;
};

std::string shape_sql(const std::string& schema);
LedgerShape read_shape(const Rows& rows);
/// The newest version recorded in the ledger: one row, one number.
std::string version_sql(const std::string& schema);
std::string fence_sql(const std::string& schema);
/// Nothing when the row is missing.
std::optional<LedgerFence> read_fence(const Rows& rows);

/// What a shape means, before the tables are read. Ours: ask on.
struct Judgement {
  migration::LedgerState state = migration::LedgerState::Absent;
  std::string trouble;  ///< one line when it is neither Absent nor Ours
};
/// Absent: no schema, or an empty one that is ours. `version` is the recorded one, 0 when there is none.
Judgement judge_shape(const LedgerShape& shape, const std::string& schema, int version);
/// Ours, OtherOwner or IdentityChanged.
Judgement judge_fence(const LedgerFence& fence, const migration::Owner& owner, const Identity& identity);
/// Whether `owner` may take the ledger over without being told so: a cluster from `local`, same namespace and
/// name.
bool inherits(const migration::Owner& owner, const migration::Owner& from);
/// The Error for a state that is neither Absent nor Ours.
Error ledger_error(const Judgement& judgement);

}  // namespace dbm::postgres
