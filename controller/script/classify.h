#pragma once
/// What one statement is, as far as its first keywords and the parse tree (libpg_query, PostgreSQL 15's
/// grammar) tell.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dbm::script {

/// Where a statement can run.
enum class Scope {
  Transaction,        ///< anywhere
  OutsideOnly,        ///< cannot run inside a transaction block (docs/scripts.md#classes)
  TransactionControl  ///< COMMIT, ROLLBACK, PREPARE TRANSACTION, DISCARD ALL, advisory unlocks: refused
};

/// What a statement outside a transaction needs after a crash (docs/exactly-once.md#journal).
enum class ProbeKind {
  None,
  CreateIndexConcurrently,
  ReindexConcurrently,
  DetachConcurrently,
  DropIndexConcurrently,
  AddEnumValue,
  CreateDatabase,
  DropDatabase,
  CreateTablespace,
  DropTablespace,
  Repeatable /* VACUUM, CLUSTER, REINDEX SCHEMA … */,
  Ordinary /* could run in a transaction; here by `transaction none` */,
  Unknown
};

/// The lock class (docs/locks.md#classes): decides lock_timeout and whether a rehearsal is brief.
enum class LockClass { None, Brief, ScanOrRewrite, ShareUpdateExclusive, Concurrent, Unknown };

/// docs/scripts.md#effects, as a set of bits.
enum Effect : unsigned {
  kNoEffect = 0,
  kDataLoss = 1,
  kBlocking = 2,
  kBreaking = 4,
  kIrreversible = 8,
  kExternal = 16,
  kUnknown = 32
};
/// "DataLoss", … in the order of the bits.
std::vector<std::string> effect_names(unsigned effects);
/// "Safe", "MultiStep" or "Risky".
std::string_view risk_of(unsigned effects);

struct StatementClass {
  std::string
      kind;  ///< "CREATE TABLE", "UPDATE", "CREATE INDEX CONCURRENTLY", …: the command tag, near enough.
  Scope scope = Scope::Transaction;
  ProbeKind probe = ProbeKind::Ordinary;
  LockClass lock = LockClass::None;
  unsigned effects = kNoEffect;
  bool changes_session = false;   ///< SET, set_config, DO, CALL, unknown functions: a reset must follow.
  bool opaque = false;            ///< DO, CALL, dynamic SQL: what it does is not in its text.
  bool may_lose_objects = false;  ///< ALTER TABLE DROP COLUMN/TYPE, DROP …: the schema-diff rule must look.
  bool writes_rows = false;
  bool needs_reply = false;  ///< COPY: cannot stand in a pipeline.
  std::string object;        ///< The index, partition, type, database it is about, as written; for probes.
  std::string relation;      ///< The table an index or partition belongs to, as written.
  std::string value;         ///< The enum label, where there is one.
  std::vector<std::string> dropped;  ///< Objects a statement names as dropped, "index public.x" or "column
                                     ///< t.c", for docs/checks.md#lost-objects.
  std::vector<std::string> touches;  ///< Tables it reads or writes, as written and as far as known.
  std::string
      syntax_error;        ///< The parser's words, if it did not understand (grammar 15); the server decides.
  int syntax_offset = -1;  ///< Byte of the statement the parser points at, -1: none.
};

/// Cheap for the common statements: first keywords decide, the parser is asked only where they cannot. A long
/// text, which may nest deeply, is parsed on a stack of its own; one over 1 MB is classed by its first
/// keywords alone. Never fails: what the parser does not understand has `syntax_error`. Thread-safe.
StatementClass classify(std::string_view text);

/// The same, always by the parse tree where the text is not too long for it.
StatementClass classify_by_tree(std::string_view text);

/// Runs `work` on a thread with a stack of 512 MiB and waits for it: the parser recurses as deep as its text
/// nests. False when there is no such thread to be had; `work` has not run then.
bool on_deep_stack(const std::function<void()>& work);

}  // namespace dbm::script
