#include "postgres/history_count.h"

namespace dbm::postgres {
namespace {

/// What has taken effect, wholly or in part. A running row counts when it is closed; what failed with nothing
/// in effect may go.
std::string counted(const std::string& schema) {
  return "(SELECT pg_catalog.count(*) FROM " + quote_ident(schema) +
         ".history c WHERE c.status <> 'running' AND (c.status <> 'failed' OR c.statements_done > 0))";
}

std::string expected(const std::string& schema) {
  return "(SELECT pg_catalog.max((e.plan ->> 'historyRows')::pg_catalog.int8) FROM " + quote_ident(schema) +
         ".run e)";
}

}  // namespace

std::string history_count_sql(const std::string& schema) {
  return "pg_catalog.jsonb_build_object('historyRows', " + counted(schema) + ")";
}

std::string missing_rows_sql(const std::string& schema) {
  const std::string ledger = quote_ident(schema);
  return "SELECT m.missing, (SELECT pg_catalog.string_agg(DISTINCT p.script ->> 'version', ', ') FROM " +
         ledger +
         ".run r, LATERAL pg_catalog.jsonb_array_elements(r.plan -> 'pending') p (script) WHERE r.outcome = "
         "'Succeeded' AND NOT EXISTS (SELECT FROM " +
         ledger +
         ".history h WHERE h.version = p.script ->> 'version' AND h.status NOT IN ('running', 'failed'))) "
         "FROM (SELECT " +
         expected(schema) + " - " + counted(schema) + " AS missing) m WHERE m.missing > 0";
}

std::string missing_rows(const Rows& rows) {
  if (rows.size() == 0) return {};
  const auto count = rows.number(0, 0);
  const std::string versions{rows.text(0, 1)};
  std::string text =
      std::to_string(count) + (count == 1 ? " row is" : " rows are") + " missing from its history";
  if (!versions.empty())
    text += (versions.find(',') == std::string::npos ? " (version " : " (versions ") + versions + ")";
  return text;
}

bool names_missing(const Rows& rows, const std::string& version) {
  if (rows.size() == 0) return false;
  const std::string versions = ", " + std::string(rows.text(0, 1)) + ", ";
  return versions.find(", " + version + ", ") != std::string::npos;
}

std::string put_back_sql(const std::string& schema, const std::string& version,
                         const std::string& version_key, const std::string& run, std::int64_t epoch) {
  return "INSERT INTO " + quote_ident(schema) +
         ".history (version, version_key, name, batch, status, checksum, checksum_normalised, finished, "
         "execution_ms, "
         "error_text, run, epoch) VALUES (" +
         quote_literal(version) + ", " + quote_literal(version_key) +
         ", '', 0, 'superseded', '', '', pg_catalog.clock_timestamp(), 0, 'its row was gone; made pending by "
         "a "
         "person', " +
         quote_literal(run) + "::pg_catalog.uuid, " + std::to_string(epoch) + ")";
}

}  // namespace dbm::postgres
