#include "postgres/ledger_state.h"

#include "postgres/ledger_scripts.h"

namespace dbm::postgres {
namespace {

using migration::LedgerState;

// Objects from 16384 on are users' (FirstNormalObjectId, PostgreSQL manual 52); on those below no dependency
// is recorded. Rows (kind, name, more). `s` is the ledger schema, `rel` what lies in it. Triggers of foreign
// keys are internal; our view's own rule is no foreign one.
constexpr std::string_view kShape = R"sql(
WITH s AS MATERIALIZED (
  SELECT n.oid, n.nspowner, me.oid AS me FROM pg_catalog.pg_namespace n, pg_catalog.pg_roles me
  WHERE n.nspname = @NAME@ AND me.rolname = session_user
), rel AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, s.nspowner FROM pg_catalog.pg_class c, s WHERE c.relnamespace = s.oid
)
SELECT 'schema', pg_catalog.pg_get_userbyid(s.nspowner)::text, (s.nspowner = s.me)::text FROM s
UNION ALL SELECT 'relation', rel.relname::text, rel.relkind::text FROM rel WHERE rel.relkind IN ('r', 'v', 'p', 'm', 'f')
UNION ALL SELECT 'foreign', 'relation ' || rel.relname || ' is owned by ' || pg_catalog.pg_get_userbyid(rel.relowner), ''
  FROM rel WHERE rel.relkind IN ('r', 'v', 'p', 'm', 'f') AND rel.relowner <> rel.nspowner
UNION ALL SELECT 'foreign', 'trigger ' || t.tgname || ' on ' || rel.relname, ''
  FROM rel JOIN pg_catalog.pg_trigger t ON t.tgrelid = rel.oid WHERE NOT t.tgisinternal
UNION ALL SELECT 'foreign', 'rule ' || w.rulename || ' on ' || rel.relname, ''
  FROM rel JOIN pg_catalog.pg_rewrite w ON w.ev_class = rel.oid WHERE w.rulename <> '_RETURN'
UNION ALL SELECT 'foreign', 'policy ' || p.polname || ' on ' || rel.relname, ''
  FROM rel JOIN pg_catalog.pg_policy p ON p.polrelid = rel.oid
UNION ALL SELECT 'foreign', 'row security on ' || rel.relname, '' FROM rel WHERE rel.relrowsecurity
UNION ALL SELECT 'foreign', 'table ' || i.inhrelid::pg_catalog.regclass || ' inherits from ' || rel.relname, ''
  FROM rel JOIN pg_catalog.pg_inherits i ON i.inhparent = rel.oid
UNION ALL SELECT 'foreign', 'index ' || w.name || ' is missing', ''
  FROM rel, (VALUES ('history_one_applied'), ('history_one_running')) w (name)
  WHERE rel.relname = 'history' AND rel.relkind = 'r' AND NOT EXISTS (
    SELECT FROM rel x JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid
    WHERE x.relname = w.name AND i.indrelid = rel.oid AND i.indisunique AND i.indisvalid)
UNION ALL SELECT DISTINCT 'foreign', 'view ' || v.relnamespace::pg_catalog.regnamespace || '.' || v.relname || ' on ' || rel.relname, ''
  FROM rel JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = rel.oid
       AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid JOIN pg_catalog.pg_class v ON v.oid = w.ev_class
  WHERE v.oid <> rel.oid AND NOT EXISTS (SELECT FROM rel r WHERE r.oid = v.oid AND r.relname = 'history_readable')
UNION ALL SELECT DISTINCT 'foreign', 'column ' || a.attname || ' of ' || rel.relname || ' has a function or type of somebody else''s', ''
  FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef e ON e.adrelid = rel.oid AND e.adnum = a.attnum
  WHERE rel.relkind = 'r' AND (a.atttypid >= 16384 OR EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = e.oid
      AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)))
UNION ALL SELECT 'function', f.proname::text,
  pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(f.prosrc || E'\n' || coalesce(f.proconfig::text, ''), 'UTF8')), 'hex')
  FROM pg_catalog.pg_proc f, s WHERE f.pronamespace = s.oid
UNION ALL SELECT 'foreign', 'function ' || f.proname || CASE WHEN f.proisstrict THEN ' is strict'
    ELSE ' is owned by ' || pg_catalog.pg_get_userbyid(f.proowner) END, ''
  FROM pg_catalog.pg_proc f, s WHERE f.pronamespace = s.oid AND (f.proowner <> s.nspowner OR f.prosecdef OR f.proisstrict)
)sql";

std::string owner_text(const migration::Owner& owner) {
  return owner.namespace_ + "/" + owner.name + " of cluster " + owner.cluster_id;
}

}  // namespace

std::string shape_sql(const std::string& schema) {
  std::string sql{kShape};
  const std::string mark = "@NAME@";
  return sql.replace(sql.find(mark), mark.size(), quote_literal(schema));
}

LedgerShape read_shape(const Rows& rows) {
  LedgerShape shape;
  for (int row = 0; row < rows.size(); ++row) {
    const auto kind = rows.text(row, 0);
    const std::string name{rows.text(row, 1)};
    if (kind == "schema") {
      shape.schema_exists = true;
      shape.schema_owner = name;
      shape.owned_by_login = rows.text(row, 2) == "true";
    } else if (kind == "relation") {
      ++shape.relations;
      if (name == "ledger_version") shape.has_version_table = true;
    } else if (kind == "function") {
      shape.functions.emplace(name, rows.text(row, 2));
    } else {
      shape.foreign.push_back(name);
    }
  }
  return shape;
}

std::string version_sql(const std::string& schema) {
  return "SELECT pg_catalog.max(version) FROM " + quote_ident(schema) + ".ledger_version";
}

std::string fence_sql(const std::string& schema) {
  return "SELECT ledger_id, epoch, run, holder, owner_cluster, owner_namespace, owner_name, "
         "system_identifier, timeline, database FROM " +
         quote_ident(schema) + ".fence";
}

std::optional<LedgerFence> read_fence(const Rows& rows) {
  if (rows.size() != 1) return std::nullopt;
  const auto text = [&rows](int column) { return std::string{rows.text(0, column)}; };
  return LedgerFence{text(0), rows.number(0, 1), text(2), text(3), {text(4), text(5), text(6)},
                     text(7), text(8),           text(9)};
}

Judgement judge_shape(const LedgerShape& shape, const std::string& schema, int version) {
  const std::string name = "schema " + quote_ident(schema);
  if (!shape.schema_exists) return {LedgerState::Absent, ""};
  if (!shape.owned_by_login)
    return {LedgerState::ForeignSchema, name + (shape.has_version_table ? " holds a ledger and" : "") +
                                            " is owned by " + quote_ident(shape.schema_owner) +
                                            ", not by the login"};
  if (shape.relations == 0 && shape.functions.empty()) return {LedgerState::Absent, ""};
  if (!shape.has_version_table || version == 0)
    return {LedgerState::ForeignSchema, name + " is not empty and holds no ledger"};
  if (!shape.foreign.empty())
    return {LedgerState::ForeignSchema, name + " has been altered: " + shape.foreign.front()};
  if (version > ledger_version())
    return {LedgerState::Newer, "the ledger in " + name + " is of version " + std::to_string(version) +
                                    "; this program knows " + std::to_string(ledger_version())};
  for (const auto& [function, fingerprint] : ledger_functions(version, schema)) {
    const auto [first, last] = shape.functions.equal_range(function);
    if (first == last || std::next(first) != last || first->second != fingerprint)
      return {LedgerState::ForeignSchema,
              name + " has been altered: function " + function + " is not the ledger's own"};
  }
  return {LedgerState::Ours, ""};
}

bool inherits(const migration::Owner& owner, const migration::Owner& from) {
  return from.cluster_id == "local" && from.namespace_ == owner.namespace_ && from.name == owner.name;
}

Judgement judge_fence(const LedgerFence& fence, const migration::Owner& owner, const Identity& identity) {
  const bool ours = owner.name.empty() || fence.owner == owner || inherits(owner, fence.owner);
  if (!ours)
    return {LedgerState::OtherOwner,
            "the ledger belongs to " + owner_text(fence.owner) + " (ledger " + fence.ledger_id + ")"};
  if (fence.database != identity.database)
    return {LedgerState::IdentityChanged, "the ledger was made in database " + quote_ident(fence.database) +
                                              ", this one is " + quote_ident(identity.database) +
                                              " (a copy, or renamed)"};
  if (!fence.system_identifier.empty() && !identity.system_identifier.empty() &&
      fence.system_identifier != identity.system_identifier)
    return {LedgerState::IdentityChanged, "the ledger was made on the server with system identifier " +
                                              fence.system_identifier + ", this one has " +
                                              identity.system_identifier};
  return {LedgerState::Ours, ""};
}

Error ledger_error(const Judgement& judgement) {
  switch (judgement.state) {
    case LedgerState::OtherOwner:
      return Error{ErrorKind::Terminal, "DatabaseOwnedElsewhere", judgement.trouble, "OtherOwner"}
          .with_remedy(
              "hand it over: `dbm apply --take-over`, in a cluster the annotation dbmigration.dev/take-over "
              "with the ledger's id");
    case LedgerState::IdentityChanged:
      return Error{ErrorKind::Terminal, "IdentityChanged", judgement.trouble}.with_remedy(
          "if this is the database you mean: `dbm apply --take-over`, in a cluster the annotation "
          "dbmigration.dev/take-over");
    case LedgerState::Newer:
      return Error{ErrorKind::Terminal, "LedgerNewer", judgement.trouble}.with_remedy(
          "use a newer version of this program");
    case LedgerState::Absent:
    case LedgerState::Ours:
    case LedgerState::ForeignSchema:
      break;
  }
  const bool altered = judgement.trouble.find("has been altered") != std::string::npos;
  if (judgement.trouble.find("holds a ledger and") != std::string::npos)
    return Error{ErrorKind::Terminal, "DatabaseOwnedElsewhere", judgement.trouble, "ForeignSchema"}
        .with_remedy("connect as its owner; another ledgerSchema would run every script again");
  return Error{ErrorKind::Terminal, "DatabaseOwnedElsewhere", judgement.trouble, "ForeignSchema"}.with_remedy(
      altered ? "put back what was altered; another ledgerSchema would run every script again"
              : "name another ledgerSchema, or remove what does not belong there");
}

}  // namespace dbm::postgres
