#include "postgres/catalog_state.h"

#include "postgres/execution.h"

namespace dbm::postgres {

using script::ProbeKind;

/// "absent", "invalid", "present" (valid), and the definition without names.
const char* const kIndexState = R"(
SELECT CASE WHEN i.indisvalid AND i.indisready THEN 'present' ELSE 'invalid' END,
       (CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END) ||
       pg_catalog.substr(d.definition, pg_catalog.strpos(d.definition, ' USING ') + 1),
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid())
FROM pg_catalog.pg_index i, LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition) d
WHERE i.indexrelid = pg_catalog.to_regclass($1))";

/// Invalid leftovers of REINDEX CONCURRENTLY: names ending in _ccnew or _ccold (and a number), of one index,
/// of a table's indexes, or anywhere. The second column is the oid.
const char* const kLeftovers = R"(
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), c.oid
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname <> 'pg_toast'
  AND ($1 = '' OR i.indrelid = pg_catalog.to_regclass($1)
       OR i.indrelid = (SELECT o.indrelid FROM pg_catalog.pg_index o JOIN pg_catalog.pg_class oc ON oc.oid = o.indexrelid
                        WHERE o.indexrelid = pg_catalog.to_regclass($1)
                          AND pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '') = pg_catalog.left(oc.relname, pg_catalog.length(pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '')))))
  AND NOT c.oid = ANY (pg_catalog.string_to_array($2, ',')::pg_catalog.oid[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.relid = i.indrelid)
ORDER BY 1)";

namespace {

constexpr const char* kPartition = R"(
SELECT CASE WHEN i.inhdetachpending THEN 'pending' ELSE 'present' END FROM pg_catalog.pg_inherits i
WHERE i.inhrelid = pg_catalog.to_regclass($1) AND i.inhparent = pg_catalog.to_regclass($2))";

constexpr const char* kRelation = "SELECT 'present' WHERE pg_catalog.to_regclass($1) IS NOT NULL";
constexpr const char* kLabel = R"(
SELECT 'present' FROM pg_catalog.pg_enum e WHERE e.enumtypid = pg_catalog.to_regtype($1) AND e.enumlabel = $2)";
constexpr const char* kDatabase = "SELECT 'present' FROM pg_catalog.pg_database d WHERE d.datname = $1";
constexpr const char* kTablespace = "SELECT 'present' FROM pg_catalog.pg_tablespace t WHERE t.spcname = $1";

/// The catalog's own spelling of a name as written: quotes off, or folded.
std::string bare(const std::string& written) {
  if (written.empty() || written.front() != '"') {
    std::string folded = written;
    for (char& c : folded) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return folded;
  }
  std::string name;
  for (std::size_t i = 1; i + 1 < written.size(); ++i) {
    name += written[i];
    if (written[i] == '"') ++i;
  }
  return name;
}

/// The first column of the first row, or "absent".
Result<std::string> state(RunContext& run, const char* sql, const std::vector<std::string>& texts,
                          Deadline deadline) {
  const auto rows = ask_catalog(run, sql, texts, deadline);
  if (!rows) return rows.error();
  return rows->size() == 0 ? std::string{"absent"} : std::string(rows->text(0, 0));
}

}  // namespace

Result<Rows> ask_catalog(RunContext& run, std::string_view sql, const std::vector<std::string>& texts,
                         Deadline deadline) {
  std::string filled;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    const bool is_mark = sql[at] == '$' && at + 1 < sql.size() && sql[at + 1] >= '1' && sql[at + 1] <= '9';
    if (is_mark)
      filled += quote_literal(texts.at(static_cast<std::size_t>(sql[++at] - '1')));
    else
      filled += sql[at];
  }
  return ask_as_login(run, filled, deadline);
}

Result<std::string> index_definition(RunContext& run, const std::string& index, Deadline deadline) {
  const auto rows = ask_catalog(run, kIndexState, {index}, deadline);
  if (!rows) return rows.error();
  return rows->size() == 0 ? std::string{} : std::string(rows->text(0, 1));
}

Result<std::string> state_of(RunContext& run, const Intent& intent, Deadline deadline) {
  switch (intent.probe) {
    case ProbeKind::CreateIndexConcurrently:
      return state(run, kIndexState, {intent.object}, deadline);
    case ProbeKind::DropIndexConcurrently:
      return state(run, kRelation, {intent.object}, deadline);
    case ProbeKind::DetachConcurrently:
      return state(run, kPartition, {intent.object, intent.relation}, deadline);
    case ProbeKind::AddEnumValue:
      return state(run, kLabel, {intent.object, intent.label}, deadline);
    case ProbeKind::CreateDatabase:
    case ProbeKind::DropDatabase:
      return state(run, kDatabase, {bare(intent.object)}, deadline);
    case ProbeKind::CreateTablespace:
    case ProbeKind::DropTablespace:
      return state(run, kTablespace, {bare(intent.object)}, deadline);
    default:
      return std::string{};
  }
}

}  // namespace dbm::postgres
