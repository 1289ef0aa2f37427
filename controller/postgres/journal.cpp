#include "postgres/journal.h"

#include <algorithm>

#include "base/inject.h"
#include "postgres/journalled_script.h"
#include "postgres/right_of_way.h"
#include "postgres/script_position.h"

namespace dbm::postgres {

using Clock = std::chrono::steady_clock;

namespace {

Result<> close_as_failed(RunContext& run, const std::string& key, const Error& error) {
  DBM_EFFECT_REPLY(effect, "journal.close-failed");
  return fenced_at(effect, run, {close_script_sql(run.fence, key, "failed", error)});
}

}  // namespace

Result<migration::AppliedScript> JournalledScript::run() {
  const auto began = Clock::now();
  auto units = read_units(script_);
  if (!units) return units.error();
  if (auto opened = open(*units); !opened) return opened.error();
  if (auto assumed = assume_role(); !assumed) return after_error(assumed.error());
  for (const JournalUnit& unit : *units) {
    if (unit.last < done_ && unit.kind != JournalUnit::Kind::Session) continue;
    if (execution_.stop.stop_requested())
      return Error{ErrorKind::Cancelled, "Stopping", "stopped between two statements"};
    if (execution_.watch.deadline().passed()) return close_failed(execution_.watch.out_of_time());
    execution_.report(script_, static_cast<std::int64_t>(unit.first),
                      unit.kind == JournalUnit::Kind::Outside ? unit.what.kind : "");
    if (auto done = run_unit(unit); !done) return after_error(done.error());
    if (unit.block || unit.kind != JournalUnit::Kind::Transactional || unit.what.changes_session)
      seen_ = false;
  }
  DBM_EFFECT_REPLY(effect, "journal.close");
  if (auto closed = fenced_at(effect, run_, {close_script_sql(run_.fence, key(), "applied", {})}); !closed)
    return closed.error();
  migration::AppliedScript applied{script_.script.version.id, rows_};
  applied.duration_millis = std::chrono::duration_cast<Milliseconds>(Clock::now() - began).count();
  return applied;
}

Result<> JournalledScript::open(const std::vector<JournalUnit>& units) {
  const auto reset = run_.work->pipeline(reset_statements(run_), execution_.watch.deadline());
  if (reset.error) return *reset.error;
  execution_.needs_reset = false;  // from here on the session is the script's
  if (auto read = read_done(units); !read) return read;
  DBM_EFFECT_REPLY(effect, "journal.running");
  const HistoryRecord record = record_of(run_, script_);
  std::vector<std::string> steps{
      take_up_sql(record),
      begin_script_sql(run_.fence, record, "running") + " WHERE NOT EXISTS (SELECT FROM " + ledger() +
          ".history h WHERE h.version_key = " + quote_literal(key()) + " AND h.status = 'running')"};
  for (std::string& sql : carry_over()) steps.push_back(std::move(sql));
  return fenced_at(effect, run_, steps);
}

std::string JournalledScript::earlier() const {
  return "(SELECT pg_catalog.max(h.id) FROM " + ledger() +
         ".history h WHERE h.version_key = " + quote_literal(key()) +
         " AND h.status IN ('failed', 'running') AND EXISTS (SELECT FROM " + ledger() +
         ".statement s WHERE s.history_id = h.id AND s.outcome = 'done')" + " AND NOT EXISTS (SELECT FROM " +
         ledger() + ".history r WHERE r.version_key = h.version_key AND r.id > h.id AND r.status IN " +
         "('rolled_back', 'superseded')))";
}

Result<> JournalledScript::read_done(const std::vector<JournalUnit>& units) {
  const auto rows = ask_as_login(run_,
                                 "SELECT s.index, s.hash FROM " + ledger() +
                                     ".statement s WHERE s.outcome = 'done' AND s.history_id = " + earlier() +
                                     " ORDER BY s.index",
                                 execution_.watch.deadline());
  if (!rows) return rows.error();
  std::vector<std::string> hashes;
  for (const JournalUnit& unit : units) hashes.insert(hashes.end(), unit.hashes.begin(), unit.hashes.end());
  for (int row = 0; row < rows->size(); ++row) {
    const auto index = static_cast<std::uint64_t>(rows->number(row, 0));
    if (index != done_) break;  // what is done has no gaps: each statement waits for the one before
    if (index >= hashes.size() || hashes[index] != rows->text(row, 1))
      return changed_before(index, rows->size());
    ++done_;
  }
  return {};
}

Error JournalledScript::changed_before(std::uint64_t index, int in_effect) const {
  Error error = text_changed(file_of(script_));
  error.message = file_of(script_) + ": its first " + std::to_string(in_effect) +
                  " statements are in effect, and statement " + std::to_string(index + 1) + " is another now";
  error.at = locate(script_, index, 0);
  return error.with_remedy("put the first " + std::to_string(in_effect) +
                           " statements back as they were, or `dbm resolve " + script_.script.version.id +
                           "=applied` once the rest is in effect too");
}

/// A row that an earlier run left open is this run's now.
std::string JournalledScript::take_up_sql(const HistoryRecord& record) const {
  const auto set = [](const char* column, const std::string& value) {
    return std::string(column) + " = " + (value.empty() ? "NULL" : quote_literal(value)) + ", ";
  };
  return "UPDATE " + ledger() + ".history h SET " + set("checksum", record.checksum) +
         set("checksum_normalised", record.normalised) + set("name", record.name) +
         set("rollback_checksum", record.rollback_checksum) + set("backup_id", record.backup_id) +
         set("plan_digest", record.plan_digest) + "statements = " + std::to_string(record.statements) +
         ", batch = " + std::to_string(record.batch) + ", run = " + quote_literal(run_.fence.run) +
         ", epoch = " + std::to_string(run_.fence.epoch) + " WHERE h.version_key = " + quote_literal(key()) +
         " AND h.status = 'running'";
}

std::vector<std::string> JournalledScript::carry_over() const {
  const std::string ours = " h.version_key = " + quote_literal(key()) + " AND h.status = 'running'";
  return {
      "INSERT INTO " + ledger() +
          ".statement (history_id, index, hash, kind, object, state_before, intended_at, outcome, finished, "
          "rows, epoch) SELECT h.id, s.index, s.hash, s.kind, s.object, s.state_before, s.intended_at, "
          "s.outcome, s.finished, s.rows, s.epoch FROM " +
          ledger() + ".statement s, " + ledger() + ".history h WHERE s.outcome = 'done' AND s.index < " +
          std::to_string(done_) + " AND s.history_id = " + earlier() + " AND s.history_id <> h.id AND" + ours,
      "UPDATE " + ledger() + ".history h SET statements_done = (SELECT pg_catalog.count(*) FROM " + ledger() +
          ".statement s WHERE s.history_id = h.id AND s.outcome = 'done') WHERE" + ours};
}

Result<> JournalledScript::run_unit(const JournalUnit& unit) {
  Needs needs;
  add_needs(needs, unit.what);
  if (auto clear = wait_for_right_of_way(execution_, script_, needs); !clear) return clear;
  switch (unit.kind) {
    case JournalUnit::Kind::Session:
      return run_session(unit);
    case JournalUnit::Kind::Outside:
      return run_outside(unit);
    case JournalUnit::Kind::Transactional:
      break;
  }
  auto done = with_lock_schedule([&] { return run_transactional(unit); }, [] { return true; });
  // The net under the parse: nothing happened, so it may run where it can.
  if (!done && done.error().sqlstate == "25001" && !unit.block && !run_.work->lost()) {
    JournalUnit outside = unit;
    outside.kind = JournalUnit::Kind::Outside;
    outside.what.probe = script::ProbeKind::Unknown;
    return run_outside(outside);
  }
  return done;
}

Error JournalledScript::open_row(const Error& error) {
  leave_open_ = true;
  return error;
}

/// What will be tried again is no attempt that failed: its row stays open, and whoever tries again takes it
/// up.
Error JournalledScript::after_error(const Error& error) {
  if (run_.work->lost() || leave_open_ || error.kind != ErrorKind::Terminal) return error;
  return close_failed(error);
}

Error JournalledScript::close_failed(const Error& error) {
  const auto closed = close_as_failed(run_, key(), error);
  // Unclosed, the next run settles it; being fenced out is another matter.
  return !closed && closed.error().kind == ErrorKind::Cancelled ? closed.error() : error;
}

Result<> close_unfinished(Execution& execution) {
  RunContext& run = execution.run;
  if (run.unfinished.empty()) return {};
  const auto& pending = execution.plan.pending;
  const auto next = std::ranges::find_if(
      pending, [](const migration::PendingScript& script) { return !script.analysis.in_transaction; });
  if (next != pending.end() && next->script.version.key == run.unfinished) return {};
  const Error left{ErrorKind::Transient, "ProgressingWithRetry",
                   "it was left unfinished, and the plan is another now", "RunEnded"};
  auto closed = close_as_failed(run, run.unfinished, left);
  if (closed) run.unfinished.clear();
  return closed;
}

Result<migration::AppliedScript> apply_journalled(Execution& execution,
                                                  const migration::PendingScript& script) {
  auto applied = JournalledScript(execution, script).run();
  execution.needs_reset = true;
  return applied;
}

}  // namespace dbm::postgres
