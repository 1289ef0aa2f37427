#pragma once
/// One pass over a script before it runs: checksums, directives, what it is made of. This is what the plan
/// knows.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "script/classify.h"
#include "script/script.h"

namespace dbm::script {

/// Directives before a file's first statement.
struct ScriptDirectives {
  TransactionMode transaction = TransactionMode::Auto;
  std::vector<std::string> requires_versions;  ///< Versions or names.
  std::string engine;                          ///< Empty: any.
  std::string server;                          ///< ">=14"; empty: any.
  std::optional<Milliseconds> lock_timeout;
  std::optional<Milliseconds> statement_timeout;
  bool idempotent = false;
  std::string irreversible;        ///< The reason; empty: not declared.
  std::vector<std::string> drops;  ///< "index idx_cards_pack_rarity", …: losses declared on purpose.
};

/// A statement the plan names. Only those that matter one by one are kept (see Analysis::named).
struct NamedStatement {
  std::uint64_t index = 0;
  Position at;
  StatementClass what;
  std::string text;  ///< At most 4 KiB of it.
};

struct Analysis {
  std::string checksum;  ///< "sha256:…" of the bytes read: equal to Script::checksum unless the text changed
                         ///< meanwhile.
  std::string normalised;  ///< "dbm1-sha256:…"
  std::uint64_t statements = 0;
  ScriptDirectives directives;
  bool in_transaction = true;  ///< false: statement by statement, journalled.
  bool wrapped = false;        ///< The file was one BEGIN … COMMIT.
  bool has_copy = false;
  bool changes_session = false;  ///< Any statement does, or is opaque.
  bool may_lose_objects = false;
  bool chainable =
      true;  ///< No COPY, no reply needed, small, brief locks, no session change: may go in a chain.
  bool brief_locks = true;  ///< Every statement's lock class is None or Brief.
  /// Every one is None, Brief or ShareUpdateExclusive, which keeps nobody from reading and writing rows.
  bool rehearsable_locks = true;
  bool counts_rows = false;  ///< A statement of it may change rows, so that the server's count is wanted.
  unsigned effects = kNoEffect;
  LockClass lock = LockClass::None;   ///< The heaviest.
  std::vector<NamedStatement> named;  ///< Those that are not plain rows or plain DDL: at most 1,000; all that
                                      ///< run outside a transaction.
  std::vector<std::string> notices;   ///< docs/scripts.md#notices, one line each, its file first.
};

/// Whether `rule` reads as comparisons of server versions: ">=14", ">=14, <18", "=15.4".
bool is_server_rule(std::string_view rule);
/// Whether a server (150018 is 15.18) satisfies the directive `server`; an empty rule is always satisfied.
bool server_matches(std::string_view rule, int server_version_num);

/// Reads the whole part once. Memory follows the longest statement. Terminal/SourceInvalid as
/// StatementReader, and TransactionControl, UnknownDirective, MissingName (CONCURRENTLY without an index
/// name), DBM codes as notices. A syntax error of grammar 15 is a notice (DBM717) and the effect Unknown: the
/// server judges.
Result<Analysis> analyse(const Script& script);

/// The same once the server has refused to run a statement of it in a transaction (25001), though nothing in
/// its text says so: REINDEX or CLUSTER of what turned out to be partitioned, a statement newer than our
/// grammar. Those run outside then, and the script statement by statement. Still `in_transaction` where there
/// is none of them, or where the script insists on one transaction.
Result<Analysis> analyse_refused_inside(const Script& script);

}  // namespace dbm::script
