#include "script/tree_class.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <nlohmann/json.hpp>

#include "script/tree_kinds.h"

namespace dbm::script {

using nlohmann::json;

namespace {

constexpr auto kNone = LockClass::None;
constexpr auto kBrief = LockClass::Brief;
constexpr auto kShared = LockClass::ShareUpdateExclusive;
constexpr auto kScan = LockClass::ScanOrRewrite;

/// A statement that needs more than a row of the table below.
struct Special {
  std::string_view node;
  const char* kind;  ///< nullptr: the function sets it.
  void (*judge)(const json& node, StatementClass& out);
};

constexpr std::array kSpecial{
    Special{"CreateStmt", nullptr, class_create_table},
    Special{"CreateTableAsStmt", nullptr, class_create_as},
    Special{"IndexStmt", nullptr, class_index},
    Special{"ReindexStmt", nullptr, class_reindex},
    Special{"AlterTableStmt", nullptr, class_alter_table},
    Special{"DropStmt", nullptr, class_drop},
    Special{"RenameStmt", nullptr, class_rename},
    Special{"CommentStmt", nullptr, class_comment},
    Special{"AlterEnumStmt", nullptr, class_enum},
    Special{"AlterDomainStmt", nullptr, class_domain},
    Special{"VacuumStmt", nullptr, class_vacuum},
    Special{"ClusterStmt", nullptr, class_cluster},
    Special{"CopyStmt", nullptr, class_copy},
    Special{"RefreshMatViewStmt", nullptr, class_refresh},
    Special{"ViewStmt", nullptr, class_view},
    Special{"CreateSubscriptionStmt", "CREATE SUBSCRIPTION", class_subscription},
    Special{"AlterSubscriptionStmt", "ALTER SUBSCRIPTION", class_subscription},
    Special{"DropSubscriptionStmt", "DROP SUBSCRIPTION", class_subscription},
    Special{"CreatedbStmt", "CREATE DATABASE", class_database},
    Special{"DropdbStmt", "DROP DATABASE", class_database},
    Special{"AlterDatabaseStmt", "ALTER DATABASE", class_database},
    Special{"CreateTableSpaceStmt", "CREATE TABLESPACE", class_tablespace},
    Special{"DropTableSpaceStmt", "DROP TABLESPACE", class_tablespace},
    Special{"TransactionStmt", nullptr, class_transaction},
    Special{"VariableSetStmt", nullptr, class_setting},
    Special{"DiscardStmt", nullptr, class_discard},
    Special{"DoStmt", nullptr, class_do},
    Special{"GrantStmt", nullptr, class_grant},
};

/// Statements whose class follows from what they are.
struct Simple {
  std::string_view node;
  const char* kind;
  LockClass lock = kNone;
  unsigned effects = kNoEffect;
  bool session = false;
};

constexpr std::array kSimple{
    Simple{"CreateSchemaStmt", "CREATE SCHEMA"},
    Simple{"CreateSeqStmt", "CREATE SEQUENCE"},
    Simple{"AlterSeqStmt", "ALTER SEQUENCE", kBrief},
    Simple{"CreateEnumStmt", "CREATE TYPE"},
    Simple{"CompositeTypeStmt", "CREATE TYPE"},
    Simple{"CreateRangeStmt", "CREATE TYPE"},
    Simple{"AlterTypeStmt", "ALTER TYPE", kBrief},
    Simple{"DefineStmt", "CREATE"},
    Simple{"CreateDomainStmt", "CREATE DOMAIN"},
    Simple{"CreateFunctionStmt", "CREATE FUNCTION"},
    Simple{"AlterFunctionStmt", "ALTER FUNCTION"},
    Simple{"CreateExtensionStmt", "CREATE EXTENSION"},
    Simple{"AlterExtensionStmt", "ALTER EXTENSION", LockClass::Unknown, kUnknown},
    Simple{"AlterExtensionContentsStmt", "ALTER EXTENSION", kBrief},
    Simple{"AlterObjectSchemaStmt", "ALTER SET SCHEMA", kBrief, kBreaking},
    Simple{"AlterObjectDependsStmt", "ALTER DEPENDS", kBrief},
    Simple{"AlterOwnerStmt", "ALTER OWNER", kBrief},
    Simple{"AlterOperatorStmt", "ALTER OPERATOR"},
    Simple{"AlterOpFamilyStmt", "ALTER OPERATOR FAMILY"},
    Simple{"AlterCollationStmt", "ALTER COLLATION"},
    Simple{"AlterTSConfigurationStmt", "ALTER TEXT SEARCH CONFIGURATION"},
    Simple{"AlterTSDictionaryStmt", "ALTER TEXT SEARCH DICTIONARY"},
    Simple{"CreateCastStmt", "CREATE CAST"},
    Simple{"CreateConversionStmt", "CREATE CONVERSION"},
    Simple{"CreateOpClassStmt", "CREATE OPERATOR CLASS"},
    Simple{"CreateOpFamilyStmt", "CREATE OPERATOR FAMILY"},
    Simple{"CreateTransformStmt", "CREATE TRANSFORM"},
    Simple{"CreateAmStmt", "CREATE ACCESS METHOD"},
    Simple{"CreatePLangStmt", "CREATE LANGUAGE"},
    Simple{"RuleStmt", "CREATE RULE", kBrief},
    Simple{"CreateTrigStmt", "CREATE TRIGGER", kBrief},
    Simple{"CreatePolicyStmt", "CREATE POLICY", kBrief},
    Simple{"AlterPolicyStmt", "ALTER POLICY", kBrief},
    Simple{"CreateStatsStmt", "CREATE STATISTICS", kShared},
    Simple{"AlterStatsStmt", "ALTER STATISTICS", kShared},
    Simple{"SecLabelStmt", "SECURITY LABEL", kShared},
    Simple{"AlterDefaultPrivilegesStmt", "ALTER DEFAULT PRIVILEGES"},
    Simple{"CreatePublicationStmt", "CREATE PUBLICATION", kShared},
    Simple{"AlterPublicationStmt", "ALTER PUBLICATION", kShared},
    Simple{"TruncateStmt", "TRUNCATE TABLE", kScan, kDataLoss | kBlocking},
    Simple{"LockStmt", "LOCK TABLE", kBrief, kBlocking},
    Simple{"AlterTableMoveAllStmt", "ALTER TABLE SET TABLESPACE", kScan, kBlocking},
    Simple{"ReassignOwnedStmt", "REASSIGN OWNED", kBrief},
    Simple{"DropOwnedStmt", "DROP OWNED", kBrief, kDataLoss | kBreaking | kBlocking},
    Simple{"GrantRoleStmt", "GRANT ROLE", kNone, kExternal},
    Simple{"CreateRoleStmt", "CREATE ROLE", kNone, kExternal},
    Simple{"AlterRoleStmt", "ALTER ROLE", kNone, kExternal},
    Simple{"AlterRoleSetStmt", "ALTER ROLE", kNone, kExternal},
    Simple{"DropRoleStmt", "DROP ROLE", kNone, kExternal},
    Simple{"AlterDatabaseSetStmt", "ALTER DATABASE", kNone, kExternal},
    Simple{"AlterDatabaseRefreshCollStmt", "ALTER DATABASE", kNone, kExternal},
    Simple{"AlterTableSpaceOptionsStmt", "ALTER TABLESPACE", kNone, kExternal},
    Simple{"AlterSystemStmt", "ALTER SYSTEM", kNone, kExternal},
    Simple{"CreateForeignServerStmt", "CREATE SERVER", kNone, kExternal},
    Simple{"AlterForeignServerStmt", "ALTER SERVER", kNone, kExternal},
    Simple{"CreateUserMappingStmt", "CREATE USER MAPPING", kNone, kExternal},
    Simple{"AlterUserMappingStmt", "ALTER USER MAPPING", kNone, kExternal},
    Simple{"DropUserMappingStmt", "DROP USER MAPPING", kNone, kExternal},
    Simple{"CreateFdwStmt", "CREATE FOREIGN DATA WRAPPER", kNone, kExternal},
    Simple{"AlterFdwStmt", "ALTER FOREIGN DATA WRAPPER", kNone, kExternal},
    Simple{"CreateForeignTableStmt", "CREATE FOREIGN TABLE", kNone, kExternal},
    Simple{"ImportForeignSchemaStmt", "IMPORT FOREIGN SCHEMA", kNone, kExternal},
    Simple{"CreateEventTrigStmt", "CREATE EVENT TRIGGER", kNone, kExternal},
    Simple{"AlterEventTrigStmt", "ALTER EVENT TRIGGER", kNone, kExternal},
    Simple{"CheckPointStmt", "CHECKPOINT", kNone, kExternal},
    Simple{"LoadStmt", "LOAD", kNone, kExternal, true},
    Simple{"VariableShowStmt", "SHOW"},
    Simple{"ConstraintsSetStmt", "SET CONSTRAINTS"},
    Simple{"ListenStmt", "LISTEN", kNone, kNoEffect, true},
    Simple{"UnlistenStmt", "UNLISTEN", kNone, kNoEffect, true},
    Simple{"NotifyStmt", "NOTIFY"},
    Simple{"PrepareStmt", "PREPARE", kNone, kNoEffect, true},
    Simple{"DeallocateStmt", "DEALLOCATE", kNone, kNoEffect, true},
    Simple{"DeclareCursorStmt", "DECLARE CURSOR", kNone, kNoEffect, true},
    Simple{"ClosePortalStmt", "CLOSE CURSOR"},
    Simple{"FetchStmt", "FETCH"},
    Simple{"ExplainStmt", "EXPLAIN"},
    Simple{"InsertStmt", "INSERT"},
    Simple{"UpdateStmt", "UPDATE"},
    Simple{"DeleteStmt", "DELETE"},
    Simple{"MergeStmt", "MERGE"},
    Simple{"SelectStmt", "SELECT"},
};

/// Statements that call the functions in them now; all others keep them for later.
bool runs_calls(std::string_view node) {
  static constexpr std::array kRunning{
      "InsertStmt",  "UpdateStmt", "DeleteStmt", "MergeStmt",      "SelectStmt",         "CreateTableAsStmt",
      "ExplainStmt", "IndexStmt",  "CopyStmt",   "AlterTableStmt", "RefreshMatViewStmt", "DeclareCursorStmt"};
  return std::find(kRunning.begin(), kRunning.end(), node) != kRunning.end();
}

bool class_simple(std::string_view node, const json& value, StatementClass& out) {
  for (const Simple& simple : kSimple) {
    if (simple.node != node) continue;
    out.kind = simple.kind;
    out.changes_session = simple.session;
    out.relation = relation_name(at(value, "relation"));
    out.lock = simple.lock;
    out.effects |= simple.effects;
    if (node == "AlterSystemStmt") {
      out.scope = Scope::OutsideOnly;
      out.probe = ProbeKind::Repeatable;
    }
    if (node == "DropOwnedStmt") out.may_lose_objects = true;
    if (node == "SelectStmt" && !at(value, "intoClause").is_null()) {
      out.kind = "SELECT INTO";
      out.relation = relation_name(at(at(value, "intoClause"), "rel"));
      out.changes_session = text_at(at(at(value, "intoClause"), "rel"), "relpersistence") == "t";
    }
    return true;
  }
  return false;
}

/// Rows that a statement changes, at its top or in a WITH.
void judge_rows(const Contents& contents, StatementClass& out) {
  out.writes_rows =
      out.writes_rows || contents.inserts || contents.updates || contents.deletes || contents.merges;
  if (contents.deletes || contents.merges || contents.update_loses) out.effects |= kDataLoss;
  if (contents.deletes || contents.merges || contents.updates) out.effects |= kBlocking;
}

}  // namespace

StatementClass class_of_tree(const json& node) {
  StatementClass out;
  if (!node.is_object() || node.empty()) return out;
  const std::string& name = node.begin().key();
  const json& value = node.begin().value();
  const auto* const special = std::find_if(kSpecial.begin(), kSpecial.end(),
                                           [&](const Special& entry) { return entry.node == name; });
  if (special != kSpecial.end()) {
    if (special->kind != nullptr) out.kind = special->kind;
    special->judge(value, out);
  } else if (name == "CallStmt" || name == "ExecuteStmt") {
    out.kind = name == "CallStmt" ? "CALL" : "EXECUTE";
    class_opaque(out);
  } else if (!class_simple(name, value, out)) {
    out.kind = name;
    out.lock = LockClass::Unknown;
    out.effects |= kUnknown;
  }
  Contents contents = contents_of(node);
  const bool runs = runs_calls(name);
  if (runs) judge_rows(contents, out);
  const bool unknown = judge_functions(contents, runs, out);
  // A query whose functions nobody knows is run for what they do.
  if (name == "SelectStmt" && unknown) {
    out.opaque = out.may_lose_objects = true;
    out.effects |= kUnknown;
  }
  if (out.touches.empty()) out.touches = std::move(contents.relations);
  return out;
}

}  // namespace dbm::script
