#pragma once
/// The schema as a value: every user object with its canonical definition, under its final name. What a
/// fingerprint, a difference and the rule of the lost objects are computed from.

#include <cstddef>
#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// One object, or one property of an object. `kind` is a word as people say it: table, partitioned table,
/// view, materialized view, foreign table, sequence, schema, type, function, extension; and of a container:
/// column, not null, default, index, constraint, trigger, rule, policy, statistics, grant, comment, owner,
/// replica identity.
struct CatalogObject {
  std::string kind;
  std::string name;        ///< unique within its kind: "public.orders", column "public.orders.note", index
                           ///< "public.orders_note"
  std::string container;   ///< what it belongs to: a table's name for a column or index, a column's for its
                           ///< default; or empty
  std::string definition;  ///< as the server prints it, names of other schemas than pg_catalog written out
  std::string identity;    ///< stays the same over a rename: class, oid, column number, what it is
  std::string container_identity;
  std::string masked;  ///< the definition without the object's own name: equal for two indexes that differ in
                       ///< name only
  bool valid = true;   ///< indexes: valid and ready; constraints: validated
  bool inherited = false;  ///< a partition has it from its parent: comes and goes with the parent's
};

struct SchemaSnapshot {
  std::vector<CatalogObject> objects;  ///< sorted by kind, then name

  /// "sha256:…" over kind, name and definition of every object. Casts, parentheses and blanks in expressions
  /// are left out, because the server itself prints them differently after a dump and restore.
  [[nodiscard]] std::string fingerprint() const;
  /// How many of each kind: {"tables": 31, "indexes": 88, …}.
  [[nodiscard]] std::map<std::string, std::int64_t> counts() const;
};

/// An expression as the server prints it, without casts, parentheses and blanks: equal where only these
/// differ.
std::string bare_expression(std::string_view text);

/// The statements of a snapshot inside a transaction that is open, for a pipeline: within a savepoint that is
/// rolled back, so that the caller's search_path and role stay. The answer is that of number kSnapshotAt.
std::vector<std::string> snapshot_steps(std::string_view ledger_schema);
constexpr std::size_t kSnapshotAt = 3;
SchemaSnapshot read_snapshot(const Rows& rows);

/// Reads the catalog in one round trip: outside a transaction as its own read-only one, inside one within a
/// savepoint that is rolled back, so that the caller's search_path and role stay. Left out: the ledger
/// schema, the system's own schemas, temporary objects, members of extensions. Errors are those of
/// Session::exec.
Result<SchemaSnapshot> take_snapshot(Session& session, std::string_view ledger_schema, Deadline deadline,
                                     const std::stop_token& stop);

}  // namespace dbm::postgres
