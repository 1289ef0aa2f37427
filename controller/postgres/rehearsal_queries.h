#pragma once
/// What a rehearsal asks of the catalog. Operators are named with their schema where a script's search_path
/// may stand.

namespace dbm::postgres {

/// oid and file of every user relation; the ledger schema's literal follows.
inline constexpr const char* kFiles = R"sql(
SELECT c.oid, c.relfilenode FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S', 'v', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> 
)sql";

// Only relations of users; the caller drops those that did not exist before.
inline constexpr const char* kLocks = R"sql(
SELECT l.mode, n.nspname OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) c.relname, c.oid, c.relfilenode
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.granted
  AND n.nspname OPERATOR(pg_catalog.!~) '^(pg_|information_schema$)'
ORDER BY 2, 1
)sql";

}  // namespace dbm::postgres
