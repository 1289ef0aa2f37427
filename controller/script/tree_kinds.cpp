#include "script/tree_kinds.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "script/tree_class.h"

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

}  // namespace

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

void class_opaque(StatementClass& out) {
  out.opaque = out.changes_session = out.may_lose_objects = true;
  put(out, LockClass::Unknown, kUnknown);
  out.probe = ProbeKind::Unknown;
}

void class_do(const json& node, StatementClass& out) {
  out.kind = "DO";
  class_opaque(out);
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

}  // namespace dbm::script
