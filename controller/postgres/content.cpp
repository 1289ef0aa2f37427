#include "postgres/content.h"

#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

constexpr const char* kTables = R"sql(
SELECT n.nspname, c.relpages,
       coalesce(pg_catalog.pg_stat_get_tuples_inserted(c.oid), 0), coalesce(pg_catalog.pg_stat_get_tuples_updated(c.oid), 0),
       coalesce(pg_catalog.pg_stat_get_tuples_deleted(c.oid), 0),
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'), c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relpages DESC, 1, c.relname
)sql";

constexpr const char* kSequences = R"sql(
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), pg_catalog.pg_sequence_last_value(c.oid)
FROM (SELECT s.oid, s.relname, s.relnamespace FROM pg_catalog.pg_class s WHERE s.relkind = 'S' AND s.relpersistence <> 't' OFFSET 0) c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT')
ORDER BY 1
)sql";

}  // namespace

Result<> pin_text_form(Session& session, Deadline deadline, const std::stop_token& stop) {
  const std::vector<std::string> settings{"SET LOCAL TimeZone = 'UTC'",
                                          "SET LOCAL DateStyle = 'ISO, MDY'",
                                          "SET LOCAL IntervalStyle = 'postgres'",
                                          "SET LOCAL extra_float_digits = 1",
                                          "SET LOCAL bytea_output = 'hex'",
                                          "SET LOCAL search_path = pg_catalog, pg_temp",
                                          "SET LOCAL row_security = off",
                                          "SET LOCAL jit = off",  // sums over rows get no faster by it
                                          "SET LOCAL statement_timeout = 0",
                                          "SET LOCAL idle_in_transaction_session_timeout = 0",
                                          "SET LOCAL xmloption = 'content'",
                                          "SET LOCAL lc_monetary = 'C'"};
  const auto set = session.pipeline(settings, deadline, stop);
  if (set.error) return *set.error;
  return {};
}

Result<std::vector<TableContent>> list_tables(Session& session, Deadline deadline,
                                              const std::stop_token& stop) {
  const auto rows = session.exec(kTables, deadline, stop);
  if (!rows) return rows.error();
  std::vector<TableContent> tables;
  std::string denied;
  for (int row = 0; row < rows->size(); ++row) {
    TableContent table;
    table.name = plain_name({rows->text(row, 0), rows->text(row, 6)});
    table.sql = quote_ident(rows->text(row, 0)) + "." + quote_ident(rows->text(row, 6));
    table.pages = rows->number(row, 1);
    table.inserted = rows->number(row, 2);
    table.updated = rows->number(row, 3);
    table.deleted = rows->number(row, 4);
    if (!rows->boolean(row, 5)) denied += (denied.empty() ? "" : ", ") + table.name;
    tables.push_back(std::move(table));
  }
  if (denied.empty()) return tables;
  Error error{ErrorKind::Terminal, "PermissionDenied",
              "a whole backup needs to read every table; the login may not read " + denied.substr(0, 500),
              "InsufficientPrivilege"};
  error.remedy = "GRANT SELECT on them to the login, or make it a member of pg_read_all_data";
  return error;
}

Result<> sum_table(Session& session, TableContent& table, Deadline deadline, const std::stop_token& stop) {
  // ROW(t.*)::text and not t::text, which a user's own cast could fake. Order-free; exact, since sum(bigint)
  // is numeric.
  const auto rows =
      session.exec("SELECT count(*), coalesce(sum(hashtextextended(ROW(t.*)::text, 0)), 0)::text FROM ONLY " +
                       table.sql + " t",
                   deadline, stop);
  if (!rows) return rows.error().during("read " + table.name);
  table.rows = rows->number(0, 0);
  table.sum = rows->text(0, 1);
  return {};
}

Result<std::map<std::string, std::int64_t>> read_sequences(Session& session, Deadline deadline,
                                                           const std::stop_token& stop) {
  const auto rows = session.exec(kSequences, deadline, stop);
  if (!rows) return rows.error();
  std::map<std::string, std::int64_t> sequences;
  for (int row = 0; row < rows->size(); ++row)
    if (!rows->is_null(row, 1)) sequences[std::string(rows->text(row, 0))] = rows->number(row, 1);
  return sequences;
}

}  // namespace dbm::postgres
