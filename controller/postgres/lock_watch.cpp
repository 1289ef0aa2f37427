#include "postgres/lock_watch.h"

#include <algorithm>
#include <array>

namespace dbm::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// One row per blocker: its pid, who and what it is, and what we wait for. No SQL text: it may hold values.
constexpr std::string_view kBlockersQuery = R"(
SELECT b.pid, a.usename, a.application_name, a.state,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start)::pg_catalog.int8,
       (SELECT l.relation::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_locks l
         WHERE l.pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4 AND NOT l.granted AND l.relation IS NOT NULL LIMIT 1)
FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::pg_catalog.int4)) AS b(pid)
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) b.pid LIMIT 3)";

/// Looking must never hold up the run for long.
constexpr seconds kLookTakes{2};

std::string describe(const Rows& rows, int row) {
  const auto pid = rows.text(row, 0);
  if (pid == "0") return "a prepared transaction";
  std::string who;
  const auto add = [&who](std::string_view text) {
    if (!text.empty()) who += (who.empty() ? "" : ", ") + std::string(text);
  };
  add(rows.is_null(row, 1) ? "" : "user " + std::string(rows.text(row, 1)));
  add(rows.text(row, 2));
  if (rows.is_null(row, 3)) {
    add("state hidden: GRANT pg_read_all_stats to see it");
  } else {
    add(rows.text(row, 3));
    add(rows.is_null(row, 4) ? "" : std::string(rows.text(row, 4)) + " s");
  }
  return "pid " + std::string(pid) + " (" + who + ")";
}

std::string describe(const Rows& rows) {
  std::string text =
      rows.is_null(0, 5) ? "a lock held by " : "a lock on " + std::string(rows.text(0, 5)) + " held by ";
  for (int row = 0; row < rows.size(); ++row) text += (row == 0 ? "" : "; ") + describe(rows, row);
  return text;
}

}  // namespace

LockWatch::LockWatch(RunContext& run, milliseconds budget) : run_(run), budget_(budget) {}

Deadline LockWatch::deadline() const {
  if (committing_ || budget_.count() <= 0) return Deadline::never();
  const auto rest =
      budget_ + waited_ - std::chrono::duration_cast<milliseconds>(Deadline::Clock::now() - began_);
  return Deadline::after(std::max(rest, milliseconds{0}));
}

Error LockWatch::out_of_time() {
  return {ErrorKind::Terminal, "DeadlineExceeded", "the scripts took longer than apply.deadline"};
}

void LockWatch::begin_try(milliseconds limit) {
  limit_ = limit;
  blockers_.clear();
  waiting_since_ = milliseconds{0};
}

milliseconds LockWatch::first_look() const {
  if (limit_.count() <= 0) return seconds{1};
  return std::max(limit_ / 2, limit_ - milliseconds{500});
}

milliseconds LockWatch::look(milliseconds quiet) {
  const std::array<Param, 1> pid{std::to_string(run_.work->backend_pid())};
  const auto rows = run_.ask_watch(kBlockersQuery, pid, kLookTakes);
  const bool blocked = rows && rows->size() > 0;
  if (quiet < waiting_since_) waiting_since_ = milliseconds{0};  // something came in between: a new silence
  if (blocked) {
    blockers_ = describe(*rows);
    // Since the last look, or since the silence began: at least this long somebody else held us up.
    waited_ += quiet - std::min(quiet, waiting_since_);
  }
  waiting_since_ = quiet;
  return limit_.count() > 0 && blocked ? std::max(limit_ / 2, milliseconds{50}) : milliseconds{seconds{1}};
}

void LockWatch::keep_alive() {
  if (Deadline::Clock::now() - run_.watch->last_used() < seconds{20}) return;
  (void)run_.ask_watch("SELECT 1", {}, kLookTakes);  // without it only blockers cannot be named
}

}  // namespace dbm::postgres
