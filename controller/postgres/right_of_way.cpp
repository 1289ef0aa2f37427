#include "postgres/right_of_way.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "postgres/lock_watch.h"

namespace dbm::postgres {
namespace {

using script::LockClass;
using script::ProbeKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLookTakes{5};
constexpr milliseconds kFirstPause{500}, kLongestPause{15'000};

/// One row per blocker: who it is, so that it is known again, and words for people. $1 the relations, $2
/// whether snapshots count, $3 our own backend. A session whose age is hidden from us is left to the lock
/// schedule.
constexpr std::string_view kInTheWay = R"sql(
WITH r AS MATERIALIZED (
  SELECT coalesce((SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = pg_catalog.to_regclass(n)),
                  pg_catalog.to_regclass(n)::pg_catalog.oid) AS relation
  FROM pg_catalog.unnest($1::text[]) n
), held AS MATERIALIZED (
  SELECT DISTINCT l.pid, l.virtualtransaction FROM pg_catalog.pg_locks l JOIN r ON l.relation = r.relation
  WHERE l.granted AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
)
SELECT a.pid::text || ' ' || a.xact_start::text,
       pg_catalog.format('a transaction of pid %s (user %s, %s%s) that is open for %s s', a.pid, a.usename,
         CASE WHEN a.application_name = '' THEN '' ELSE a.application_name || ', ' END, a.state,
         pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::bigint)
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend' AND a.pid NOT IN ($3::int, pg_catalog.pg_backend_pid())
  AND a.xact_start < pg_catalog.clock_timestamp() - interval '30 s'
  AND ($2::boolean AND a.backend_xmin IS NOT NULL OR EXISTS (SELECT FROM held WHERE held.pid = a.pid))
UNION ALL
SELECT 'prepared ' || p.gid, pg_catalog.format('prepared transaction %s of %s', pg_catalog.quote_literal(pg_catalog.left(p.gid, 60)), p.owner)
FROM pg_catalog.pg_prepared_xacts p
WHERE p.database = pg_catalog.current_database()
  AND ($2::boolean OR EXISTS (
    SELECT FROM held JOIN pg_catalog.pg_locks own USING (virtualtransaction)
    WHERE held.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid' AND own.granted AND own.transactionid = p.transaction))
UNION ALL
SELECT a.pid::text || ' ' || a.xact_start::text, pg_catalog.format('an autovacuum against wraparound (pid %s), which does not give way', a.pid)
FROM pg_catalog.pg_stat_activity a JOIN held ON held.pid = a.pid
WHERE a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)'
UNION ALL
SELECT p.pid::text || ' builds ' || p.relid::text, pg_catalog.format('an index build on %s (pid %s, %s)', p.relid::pg_catalog.regclass, p.pid, p.phase)
FROM pg_catalog.pg_stat_progress_create_index p JOIN r ON r.relation = p.relid
WHERE p.datname = pg_catalog.current_database() AND p.pid <> $3::int
LIMIT 100
)sql";

struct Blocker {
  std::string identity, words;
};

/// As the server reads a text array: each name in quotes, with quotes and backslashes escaped.
std::string array_of(const std::vector<std::string>& names) {
  std::string text = "{";
  for (const std::string& name : names) {
    text += text.size() == 1 ? "\"" : ",\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

/// Empty when we cannot look: the lock schedule guards all the same.
std::vector<Blocker> look(RunContext& run, const Needs& needs) {
  const std::array<Param, 3> params{array_of(needs.relations), needs.snapshots ? "t" : "f",
                                    std::to_string(run.work->backend_pid())};
  const auto rows = run.ask_watch(kInTheWay, params, kLookTakes);
  std::vector<Blocker> found;
  if (!rows) {
    log::debug("who is in the way cannot be seen", {{"error", rows.error().message}});
    return found;
  }
  for (int row = 0; row < rows->size(); ++row)
    found.push_back({std::string(rows->text(row, 0)), std::string(rows->text(row, 1))});
  return found;
}

std::string words_of(const std::vector<Blocker>& blockers) {
  constexpr std::size_t kMost = 3;
  std::string text = "waits, before it queues, for ";
  for (std::size_t i = 0; i < std::min(kMost, blockers.size()); ++i)
    text += (i == 0 ? "" : "; ") + blockers[i].words;
  return blockers.size() > kMost ? text + "; and " + std::to_string(blockers.size() - kMost) + " more" : text;
}

}  // namespace

void add_needs(Needs& needs, const script::StatementClass& what) {
  const bool builds =
      what.probe == ProbeKind::CreateIndexConcurrently || what.probe == ProbeKind::ReindexConcurrently;
  if (what.lock != LockClass::ScanOrRewrite && what.lock != LockClass::Concurrent) return;
  needs.snapshots |= builds;
  for (const std::string* name : {&what.relation, what.relation.empty() ? &what.object : nullptr})
    if (name != nullptr && !name->empty() &&
        std::ranges::find(needs.relations, *name) == needs.relations.end())
      needs.relations.push_back(*name);
}

Needs needs_of(const migration::PendingScript& script) {
  Needs needs;
  for (const auto& named : script.analysis.named) add_needs(needs, named.what);
  return needs;
}

Result<> wait_for_right_of_way(Execution& execution, const migration::PendingScript& script,
                               const Needs& needs) {
  if (!needs.any()) return {};
  std::vector<Blocker> waited_for = look(execution.run, needs);
  for (auto pause = kFirstPause; !waited_for.empty(); pause = std::min(pause * 2, kLongestPause)) {
    if (auto waited = wait_unqueued(execution, script, pause, words_of(waited_for)); !waited) return waited;
    std::vector<Blocker> still;
    for (Blocker& now : look(execution.run, needs))
      if (std::ranges::find(waited_for, now.identity, &Blocker::identity) != waited_for.end())
        still.push_back(std::move(now));
    waited_for = std::move(still);
  }
  return {};
}

}  // namespace dbm::postgres
