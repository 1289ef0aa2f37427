#include "script/tree_class.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <nlohmann/json.hpp>

namespace dbm::script {

using nlohmann::json;

namespace {

constexpr auto kNone = LockClass::None;
constexpr auto kBrief = LockClass::Brief;
constexpr auto kShared = LockClass::ShareUpdateExclusive;
constexpr auto kScan = LockClass::ScanOrRewrite;

void put(StatementClass& out, LockClass lock, unsigned effects = kNoEffect) {
  out.lock = heavier(out.lock, lock);
  out.effects |= effects;
}

void outside(StatementClass& out, ProbeKind probe) {
  out.scope = Scope::OutsideOnly;
  out.probe = probe;
}

void class_create_table(const json& node, StatementClass& out) {
  out.kind = "CREATE TABLE";
  const json& relation = at(node, "relation");
  out.relation = relation_name(relation);
  out.changes_session = text_at(relation, "relpersistence") == "t";
  bool refers = !at(node, "partbound").is_null() || !at(node, "inhRelations").empty();
  const auto is_key = [](const json& entry) {
    return text_at(at(entry, "Constraint"), "contype") == "CONSTR_FOREIGN";
  };
  for (const json& element : at(node, "tableElts")) {
    const json& constraints = at(at(element, "ColumnDef"), "constraints");
    refers = refers || is_key(element) || std::any_of(constraints.begin(), constraints.end(), is_key);
  }
  put(out, refers ? kBrief : kNone);
}

void class_create_as(const json& node, StatementClass& out) {
  out.kind = text_at(node, "objtype") == "OBJECT_MATVIEW" ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS";
  const json& relation = at(at(node, "into"), "rel");
  out.relation = relation_name(relation);
  out.changes_session = text_at(relation, "relpersistence") == "t";
}

void class_index(const json& node, StatementClass& out) {
  const json& relation = at(node, "relation");
  const std::string name = text_at(node, "idxname");
  out.relation = relation_name(relation);
  out.object = name.empty() ? "" : quote_name(name);
  if (flag_at(node, "concurrent")) {
    out.kind = "CREATE INDEX CONCURRENTLY";
    outside(out, ProbeKind::CreateIndexConcurrently);
    put(out, LockClass::Concurrent);
    return;
  }
  out.kind = "CREATE INDEX";
  // ONLY makes sense for a partitioned table, which has no rows of its own.
  const bool only = !flag_at(relation, "inh");
  put(out, only ? kBrief : kScan, only ? kNoEffect : kBlocking);
}

void class_reindex(const json& node, StatementClass& out) {
  const std::string what = text_at(node, "kind");
  const bool concurrently = option_is_on(at(node, "params"), "concurrently", false);
  const bool many =
      what == "REINDEX_OBJECT_SCHEMA" || what == "REINDEX_OBJECT_SYSTEM" || what == "REINDEX_OBJECT_DATABASE";
  out.kind = concurrently ? "REINDEX CONCURRENTLY" : "REINDEX";
  const std::string name = many ? quote_name(text_at(node, "name")) : relation_name(at(node, "relation"));
  (what == "REINDEX_OBJECT_TABLE" ? out.relation : out.object) = name;
  if (concurrently)
    outside(out, many ? ProbeKind::Repeatable : ProbeKind::ReindexConcurrently);
  else if (many)
    outside(out, ProbeKind::Repeatable);
  put(out, concurrently ? LockClass::Concurrent : kScan, concurrently ? kNoEffect : kBlocking);
}

void class_enum(const json& node, StatementClass& out) {
  out.object = dotted_name(at(node, "typeName"));
  out.value = text_at(node, "newVal");
  if (text_at(node, "oldVal").empty()) {
    out.kind = "ALTER TYPE ADD VALUE";
    out.probe = ProbeKind::AddEnumValue;
    return;
  }
  out.kind = "ALTER TYPE RENAME VALUE";
  put(out, kNone, kBreaking);
}

void class_domain(const json& node, StatementClass& out) {
  out.kind = "ALTER DOMAIN";
  out.object = dotted_name(at(node, "typeName"));
  const std::string action = text_at(node, "subtype");
  const bool not_valid = flag_at(at(at(node, "def"), "Constraint"), "skip_validation");
  const bool scans = action == "O" || action == "V" || (action == "C" && !not_valid);
  put(out, scans ? kScan : kNone, scans ? kBlocking : kNoEffect);
  if (action != "X") return;
  out.may_lose_objects = true;
  out.dropped.push_back("constraint " + out.object + "." + quote_name(text_at(node, "name")));
}

void class_vacuum(const json& node, StatementClass& out) {
  const bool vacuum = flag_at(node, "is_vacuumcmd");
  const bool full = vacuum && option_is_on(at(node, "options"), "full", false);
  out.kind = vacuum ? "VACUUM" : "ANALYZE";
  if (vacuum) outside(out, ProbeKind::Repeatable);
  put(out, full ? kScan : kShared, full ? kBlocking : kNoEffect);
}

void class_cluster(const json& node, StatementClass& out) {
  out.kind = "CLUSTER";
  out.relation = relation_name(at(node, "relation"));
  if (out.relation.empty()) outside(out, ProbeKind::Repeatable);
  put(out, kScan, kBlocking);
}

void class_copy(const json& node, StatementClass& out) {
  out.kind = "COPY";
  out.needs_reply = true;
  out.writes_rows = flag_at(node, "is_from");
  out.relation = relation_name(at(node, "relation"));
  if (!text_at(node, "filename").empty()) put(out, kNone, kExternal);
}

void class_subscription(const json& node, StatementClass& out) {
  const json& options = at(node, "options");
  out.object = quote_name(text_at(node, "subname"));
  put(out, kBrief, kExternal);
  // Without a connection there is no slot to make.
  const bool slot = option_is_on(options, "connect", true) && option_is_on(options, "create_slot", true);
  if (out.kind == "CREATE SUBSCRIPTION" && slot) outside(out, ProbeKind::Unknown);
  if (out.kind == "DROP SUBSCRIPTION") outside(out, ProbeKind::Unknown);
  if (out.kind != "ALTER SUBSCRIPTION") return;
  const std::string what = text_at(node, "kind");
  const bool refreshes = what == "ALTER_SUBSCRIPTION_REFRESH" ||
                         (what.ends_with("_PUBLICATION") && option_is_on(options, "refresh", true));
  if (refreshes) outside(out, ProbeKind::Repeatable);
}

void class_database(const json& node, StatementClass& out) {
  out.object = quote_name(text_at(node, "dbname"));
  put(out, kNone, kExternal);
  if (out.kind == "CREATE DATABASE") outside(out, ProbeKind::CreateDatabase);
  if (out.kind == "DROP DATABASE")
    outside(out, ProbeKind::DropDatabase), put(out, kNone, kDataLoss | kBreaking | kBlocking);
  if (out.kind != "ALTER DATABASE") return;
  for (const json& option : at(node, "options")) {
    if (text_at(at(option, "DefElem"), "defname") == "tablespace") outside(out, ProbeKind::Unknown);
  }
}

void class_tablespace(const json& node, StatementClass& out) {
  out.object = quote_name(text_at(node, "tablespacename"));
  put(out, kNone, kExternal);
  outside(out, out.kind == "CREATE TABLESPACE" ? ProbeKind::CreateTablespace : ProbeKind::DropTablespace);
}

void class_transaction(const json& node, StatementClass& out) {
  const std::string what = text_at(node, "kind");
  struct Kind {
    const char* kind;
    const char* name;
  };
  static constexpr std::array kKinds{Kind{"TRANS_STMT_BEGIN", "BEGIN"},
                                     Kind{"TRANS_STMT_START", "START TRANSACTION"},
                                     Kind{"TRANS_STMT_COMMIT", "COMMIT"},
                                     Kind{"TRANS_STMT_ROLLBACK", "ROLLBACK"},
                                     Kind{"TRANS_STMT_PREPARE", "PREPARE TRANSACTION"},
                                     Kind{"TRANS_STMT_COMMIT_PREPARED", "COMMIT PREPARED"},
                                     Kind{"TRANS_STMT_ROLLBACK_PREPARED", "ROLLBACK PREPARED"}};
  out.kind = "SAVEPOINT";
  for (const Kind& kind : kKinds) {
    if (what != kind.kind) continue;
    out.kind = kind.name;
    out.scope = Scope::TransactionControl;
  }
}

void class_setting(const json& node, StatementClass& out) {
  const std::string what = text_at(node, "kind");
  out.kind = what.starts_with("VAR_RESET") ? "RESET" : "SET";
  out.object = text_at(node, "name");
  // SET LOCAL and SET TRANSACTION end with the transaction.
  out.changes_session = !flag_at(node, "is_local") && out.object != "TRANSACTION";
}

void class_discard(const json& node, StatementClass& out) {
  out.kind = "DISCARD";
  out.changes_session = true;
  if (text_at(node, "target") != "DISCARD_ALL") return;
  out.kind = "DISCARD ALL";
  out.scope = Scope::TransactionControl;
}

void opaque(StatementClass& out) {
  out.opaque = out.changes_session = out.may_lose_objects = true;
  put(out, LockClass::Unknown, kUnknown);
  out.probe = ProbeKind::Unknown;
}

void class_do(const json& node, StatementClass& out) {
  out.kind = "DO";
  opaque(out);
  for (const json& argument : at(node, "args")) {
    // The body is a literal; of what it calls only this would end our own protection.
    if (text_at(at(at(at(argument, "DefElem"), "arg"), "String"), "sval").find("pg_advisory_unlock") !=
        std::string::npos)
      out.scope = Scope::TransactionControl;
  }
}

void class_grant(const json& node, StatementClass& out) {
  const bool grants = flag_at(node, "is_grant");
  out.kind = grants ? "GRANT" : "REVOKE";
  if (grants) return;
  out.may_lose_objects = true;
  for (const json& object : at(node, "objects")) {
    const std::string name = relation_name(at(object, "RangeVar"));
    if (!name.empty()) out.dropped.push_back("grant " + name);
  }
}

void class_refresh(const json& node, StatementClass& out) {
  out.kind =
      flag_at(node, "concurrent") ? "REFRESH MATERIALIZED VIEW CONCURRENTLY" : "REFRESH MATERIALIZED VIEW";
  out.relation = relation_name(at(node, "relation"));
  put(out, kScan, kBlocking);
}

void class_view(const json& node, StatementClass& out) {
  out.kind = flag_at(node, "replace") ? "CREATE OR REPLACE VIEW" : "CREATE VIEW";
  out.changes_session = text_at(at(node, "view"), "relpersistence") == "t";
  put(out, flag_at(node, "replace") ? kBrief : kNone);
}

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
    put(out, simple.lock, simple.effects);
    if (node == "AlterSystemStmt") outside(out, ProbeKind::Repeatable);
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
    opaque(out);
  } else if (!class_simple(name, value, out)) {
    out.kind = name;
    put(out, LockClass::Unknown, kUnknown);
  }
  Contents contents = contents_of(value);
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
