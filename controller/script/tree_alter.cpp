#include <array>

#include <nlohmann/json.hpp>

#include "script/tree_class.h"

namespace dbm::script {

using nlohmann::json;

namespace {

/// One action of ALTER TABLE where its name alone decides. The locks are those of docs/locks.md#matrix,
/// measured by tests/oracles/lock_matrix.sql.
struct Action {
  std::string_view subtype;
  LockClass lock;
  unsigned effects = kNoEffect;
  const char* loses = nullptr;  ///< Kind of what it names as lost: "column" t.c, "owner" t.
};

constexpr auto kBrief = LockClass::Brief;
constexpr auto kShared = LockClass::ShareUpdateExclusive;
constexpr auto kScan = LockClass::ScanOrRewrite;

constexpr std::array kActions{
    Action{"AT_DropNotNull", kBrief, kNoEffect, "not null"},
    Action{"AT_SetNotNull", kScan, kBlocking},
    Action{"AT_DropExpression", kBrief, kNoEffect, "default"},
    Action{"AT_SetStatistics", kShared},
    Action{"AT_SetOptions", kShared},
    Action{"AT_ResetOptions", kShared},
    Action{"AT_SetStorage", kBrief},
    Action{"AT_SetCompression", kBrief},
    Action{"AT_DropColumn", kBrief, kDataLoss | kBreaking, "column"},
    Action{"AT_AlterConstraint", kBrief},
    Action{"AT_ValidateConstraint", kShared},
    Action{"AT_DropConstraint", kBrief, kNoEffect, "constraint"},
    Action{"AT_AlterColumnType", kScan, kBlocking | kBreaking},
    Action{"AT_ChangeOwner", kBrief, kNoEffect, "owner"},
    Action{"AT_ClusterOn", kShared},
    Action{"AT_DropCluster", kShared},
    Action{"AT_SetLogged", kScan, kBlocking},
    Action{"AT_SetUnLogged", kScan, kBlocking},
    Action{"AT_SetAccessMethod", kScan, kBlocking},
    Action{"AT_SetTableSpace", kScan, kBlocking},
    Action{"AT_SetRelOptions", kShared},
    Action{"AT_ResetRelOptions", kShared},
    Action{"AT_EnableTrig", kBrief},
    Action{"AT_EnableAlwaysTrig", kBrief},
    Action{"AT_EnableReplicaTrig", kBrief},
    Action{"AT_DisableTrig", kBrief},
    Action{"AT_EnableTrigAll", kBrief},
    Action{"AT_DisableTrigAll", kBrief},
    Action{"AT_EnableTrigUser", kBrief},
    Action{"AT_DisableTrigUser", kBrief},
    Action{"AT_EnableRule", kBrief},
    Action{"AT_EnableAlwaysRule", kBrief},
    Action{"AT_EnableReplicaRule", kBrief},
    Action{"AT_DisableRule", kBrief},
    Action{"AT_AddInherit", kBrief},
    Action{"AT_DropInherit", kBrief},
    Action{"AT_AddOf", kBrief},
    Action{"AT_DropOf", kBrief},
    Action{"AT_ReplicaIdentity", kBrief, kNoEffect, "replica identity"},
    Action{"AT_EnableRowSecurity", kBrief},
    Action{"AT_DisableRowSecurity", kBrief},
    Action{"AT_ForceRowSecurity", kBrief},
    Action{"AT_NoForceRowSecurity", kBrief},
    Action{"AT_GenericOptions", kBrief},
    Action{"AT_AlterColumnGenericOptions", kBrief},
    Action{"AT_AddIdentity", kBrief},
    Action{"AT_SetIdentity", kBrief},
    Action{"AT_DropIdentity", kBrief, kNoEffect, "default"},
    Action{"AT_AttachPartition", kScan, kBlocking},
    Action{"AT_DetachPartition", kBrief, kBlocking},
    Action{"AT_DetachPartitionFinalize", kBrief},
};

void put(StatementClass& out, LockClass lock, unsigned effects) {
  out.lock = heavier(out.lock, lock);
  out.effects |= effects;
}

bool is_serial(const json& type) {
  const json& names = at(type, "names");
  if (!names.is_array() || names.size() != 1) return false;
  const std::string name = text_at(at(names[0], "String"), "sval");
  for (const char* serial : {"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"}) {
    if (name == serial) return true;
  }
  return false;
}

bool calls_volatile(const json& expression) {
  for (const std::string& function : contents_of(expression).functions) {
    if (is_volatile(function)) return true;
  }
  return false;
}

/// A new column: brief, unless something about it makes the server read or write every row.
void add_column(const json& column, StatementClass& out) {
  bool every_row = is_serial(at(column, "typeName"));
  for (const json& entry : at(column, "constraints")) {
    const json& constraint = at(entry, "Constraint");
    const std::string type = text_at(constraint, "contype");
    every_row = every_row || type == "CONSTR_IDENTITY" || type == "CONSTR_GENERATED" ||
                type == "CONSTR_CHECK" || type == "CONSTR_UNIQUE" || type == "CONSTR_PRIMARY" ||
                (type == "CONSTR_DEFAULT" && calls_volatile(at(constraint, "raw_expr")));
  }
  put(out, every_row ? kScan : kBrief, every_row ? kBlocking : kNoEffect);
}

void add_constraint(const json& constraint, StatementClass& out) {
  const std::string type = text_at(constraint, "contype");
  const bool not_valid = flag_at(constraint, "skip_validation");
  const bool by_index = !text_at(constraint, "indexname").empty();
  // A primary key over an index is brief only where the columns are known not to be NULL, which the text does
  // not say.
  const bool brief = not_valid || (type == "CONSTR_UNIQUE" && by_index);
  put(out, brief ? kBrief : kScan, brief ? kNoEffect : kBlocking);
}

void detach(const json& action, const std::string& table, StatementClass& out) {
  const json& partition = at(at(action, "def"), "PartitionCmd");
  out.relation = table;
  out.object = relation_name(at(partition, "name"));
  if (!flag_at(partition, "concurrent")) return;
  out.kind = "ALTER TABLE DETACH PARTITION CONCURRENTLY";
  out.scope = Scope::OutsideOnly;
  out.probe = ProbeKind::DetachConcurrently;
  out.lock = LockClass::Concurrent;
  out.effects &= ~static_cast<unsigned>(kBlocking);
}

void lose(const char* kind, const std::string& table, const std::string& name, StatementClass& out) {
  out.may_lose_objects = true;
  const bool whole_table = std::string_view(kind) == "owner" || std::string_view(kind) == "replica identity";
  out.dropped.push_back(std::string(kind) + " " + table +
                        (whole_table || name.empty() ? "" : "." + quote_name(name)));
}

void class_action(const json& action, const std::string& table, StatementClass& out) {
  const std::string subtype = text_at(action, "subtype");
  const std::string name = text_at(action, "name");
  const json& definition = at(action, "def");
  if (subtype == "AT_AddColumn") return add_column(at(definition, "ColumnDef"), out);
  if (subtype == "AT_AddConstraint") return add_constraint(at(definition, "Constraint"), out);
  if (subtype == "AT_ColumnDefault") {
    put(out, kBrief, kNoEffect);
    if (definition.is_null()) lose("default", table, name, out);
    return;
  }
  for (const Action& known : kActions) {
    if (known.subtype != subtype) continue;
    put(out, known.lock, known.effects);
    if (known.loses != nullptr) lose(known.loses, table, name, out);
    if (subtype == "AT_AlterColumnType") out.may_lose_objects = true;
    if (subtype.starts_with("AT_DetachPartition")) detach(action, table, out);
    if (text_at(action, "behavior") == "DROP_CASCADE") out.effects |= kBlocking;
    return;
  }
  put(out, LockClass::Unknown, kUnknown);
}

struct AlteredKind {
  std::string_view type;
  const char* kind;
};
constexpr std::array kAltered{AlteredKind{"OBJECT_TABLE", "ALTER TABLE"},
                              AlteredKind{"OBJECT_INDEX", "ALTER INDEX"},
                              AlteredKind{"OBJECT_VIEW", "ALTER VIEW"},
                              AlteredKind{"OBJECT_MATVIEW", "ALTER MATERIALIZED VIEW"},
                              AlteredKind{"OBJECT_SEQUENCE", "ALTER SEQUENCE"},
                              AlteredKind{"OBJECT_TYPE", "ALTER TYPE"},
                              AlteredKind{"OBJECT_FOREIGN_TABLE", "ALTER FOREIGN TABLE"}};

}  // namespace

void class_alter_table(const json& statement, StatementClass& out) {
  const std::string type = text_at(statement, "objtype");
  const std::string table = relation_name(at(statement, "relation"));
  out.kind = "ALTER TABLE";
  for (const AlteredKind& altered : kAltered) {
    if (altered.type == type) out.kind = altered.kind;
  }
  out.relation = table;
  bool validates = false;
  for (const json& entry : at(statement, "cmds")) {
    const json& action = at(entry, "AlterTableCmd");
    validates = validates || text_at(action, "subtype") == "AT_ValidateConstraint";
    // An index is attached to its parent's under a light lock, unlike a table.
    if (type == "OBJECT_INDEX" && text_at(action, "subtype") == "AT_AttachPartition")
      put(out, kShared, kNoEffect);
    else
      class_action(action, table, out);
  }
  // The scan of a validation under the lock of another action of the same statement blocks as long as it
  // takes.
  if (validates && out.lock == kBrief) put(out, kScan, kBlocking);
  // Views and types hold no rows.
  if ((type == "OBJECT_VIEW" || type == "OBJECT_TYPE") && out.lock == kScan) {
    out.lock = kBrief;
    out.effects &= ~static_cast<unsigned>(kBlocking);
  }
}

}  // namespace dbm::script
