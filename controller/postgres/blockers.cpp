#include "postgres/blockers.h"

namespace dbm::postgres {
namespace {

// The text of a statement is looked at on the server, for autovacuum's own words only, and never sent.
// Sessions of ours are not in the way of themselves.
constexpr const char* kBlockers = R"sql(
SELECT pg_catalog.format('transaction of pid %s (%s, %s) is open for %s s, %s', pid, coalesce(usename, 'unknown user'),
         coalesce(nullif(application_name, ''), 'no application name'), pg_catalog.date_part('epoch', pg_catalog.now() - xact_start)::bigint, coalesce(state, 'state hidden'))
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'
  AND xact_start < pg_catalog.now() - interval '30 s' AND application_name !~ '^dbmigration/'
UNION ALL
SELECT pg_catalog.format('prepared transaction %s of %s is open for %s s', pg_catalog.quote_literal(pg_catalog.left(gid, 60)), owner,
         pg_catalog.date_part('epoch', pg_catalog.now() - prepared)::bigint)
FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()
UNION ALL
SELECT pg_catalog.format('autovacuum against wraparound (pid %s) runs for %s s and does not give way', pid, pg_catalog.date_part('epoch', pg_catalog.now() - xact_start)::bigint)
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND backend_type = 'autovacuum worker' AND query LIKE '%(to prevent wraparound)'
UNION ALL
SELECT pg_catalog.format('an index is being built on %s (pid %s, %s)', relid::pg_catalog.regclass, pid, phase)
FROM pg_catalog.pg_stat_progress_create_index WHERE datname = pg_catalog.current_database() AND relid IS NOT NULL
LIMIT 20
)sql";

}  // namespace

Result<std::vector<std::string>> find_blockers(Session& session, Deadline deadline,
                                               const std::stop_token& stop) {
  const auto rows = session.exec(kBlockers, deadline, stop);
  if (!rows) return rows.error();
  std::vector<std::string> blockers;
  for (int row = 0; row < rows->size(); ++row) blockers.emplace_back(rows->text(row, 0));
  return blockers;
}

}  // namespace dbm::postgres
