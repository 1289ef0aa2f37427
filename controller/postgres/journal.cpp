#include "postgres/journal.h"

#include <algorithm>

#include "base/inject.h"
#include "postgres/journal_units.h"
#include "postgres/probe.h"
#include "postgres/script_position.h"
#include "postgres/transaction.h"

namespace dbm::postgres {
namespace {

using migration::PendingScript;
using Clock = std::chrono::steady_clock;

/// A script's statements from any index on; opened again when it has to go back.
class StatementCursor {
 public:
  explicit StatementCursor(const PendingScript& script) : script_(script) {}

  /// The statement at `index`; it lives until the next call.
  Result<const script::Statement*> at(std::uint64_t index) {
    if (!reader_ || next_ > index) {
      auto opened = script::StatementReader::open(script_.script.forward, script_.analysis.wrapped);
      if (!opened) return opened.error();
      reader_.emplace(std::move(*opened));
      next_ = 0;
    }
    while (true) {
      const auto next = reader_->next();
      if (!next) return next.error();
      if (*next == nullptr) return text_changed(file_of(script_));
      ++next_;
      if ((*next)->index == index) return *next;
      while ((*next)->copy_from_stdin) {
        const auto rows = reader_->next_rows();
        if (!rows) return rows.error();
        if (rows->empty()) break;
      }
    }
  }
  script::StatementReader& reader() { return *reader_; }

 private:
  const PendingScript& script_;
  std::optional<script::StatementReader> reader_;
  std::uint64_t next_ = 0;
};

class JournalledScript {
 public:
  JournalledScript(Execution& execution, const PendingScript& script)
      : execution_(execution), script_(script), cursor_(script) {}

  Result<migration::AppliedScript> run() {
    const auto began = Clock::now();
    auto units = read_units(script_);
    if (!units) return units.error();
    if (auto opened = open(*units); !opened) return opened.error();
    for (const JournalUnit& unit : *units) {
      if (unit.last < done_ && unit.kind != JournalUnit::Kind::Session) continue;
      if (execution_.stop.stop_requested()) return close_failed(stopped());
      if (execution_.watch.deadline().passed()) return close_failed(execution_.watch.out_of_time());
      execution_.report(script_, static_cast<std::int64_t>(unit.first),
                        unit.kind == JournalUnit::Kind::Outside ? unit.what.kind : "");
      if (auto done = run_unit(unit); !done) return after_error(done.error());
    }
    DBM_EFFECT_REPLY(effect, "journal.close");
    if (auto closed = fenced_at(effect, run_, {close_script_sql(run_.fence, key(), "applied", {})}); !closed)
      return closed.error();
    migration::AppliedScript applied{script_.script.version.id, rows_};
    applied.duration_millis = std::chrono::duration_cast<Milliseconds>(Clock::now() - began).count();
    return applied;
  }

 private:
  const std::string& key() const { return script_.script.version.key; }
  std::string ledger() const { return quote_ident(run_.fence.schema); }

  /// The row, and in it what an earlier attempt has done; what that did must still stand in the script.
  Result<> open(const std::vector<JournalUnit>& units) {
    const auto reset = run_.work->pipeline(reset_statements(run_), execution_.watch.deadline());
    if (reset.error) return *reset.error;
    execution_.needs_reset = false;  // from here on the session is the script's
    if (auto read = read_done(units); !read) return read;
    DBM_EFFECT_REPLY(effect, "journal.running");
    auto opened = fenced_at(
        effect, run_, {begin_script_sql(run_.fence, record_of(run_, script_), "running"), carry_over()});
    return opened;
  }

  /// The newest attempt that left statements in effect.
  std::string earlier() const {
    return "(SELECT pg_catalog.max(h.id) FROM " + ledger() +
           ".history h WHERE h.version_key = " + quote_literal(key()) +
           " AND h.status = 'failed' AND EXISTS (SELECT FROM " + ledger() +
           ".statement s WHERE s.history_id = h.id AND s.outcome = 'done')" +
           " AND NOT EXISTS (SELECT FROM " + ledger() +
           ".history r WHERE r.version_key = h.version_key AND r.id > h.id AND r.status IN " +
           "('rolled_back', 'superseded')))";
  }

  Result<> read_done(const std::vector<JournalUnit>& units) {
    const auto rows = run_.work->exec(
        "SELECT s.index, s.hash FROM " + ledger() +
        ".statement s WHERE s.outcome = 'done' AND s.history_id = " + earlier() + " ORDER BY s.index");
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

  Error changed_before(std::uint64_t index, int in_effect) const {
    Error error = text_changed(file_of(script_));
    error.message = file_of(script_) + ": its first " + std::to_string(in_effect) +
                    " statements are in effect, and statement " + std::to_string(index + 1) +
                    " is another now";
    error.at = locate(script_, index, 0);
    return error.with_remedy("put the first " + std::to_string(in_effect) +
                             " statements back as they were, or `dbm resolve " + script_.script.version.id +
                             "=applied` once the rest is in effect too");
  }

  /// Copies the done rows of the earlier attempt, so that this attempt's row tells the whole story.
  std::string carry_over() const {
    const std::string from = "FROM " + ledger() + ".statement s, " + ledger() +
                             ".history n WHERE s.outcome = 'done' AND s.index < " + std::to_string(done_) +
                             " AND s.history_id = " + earlier() +
                             " AND n.version_key = " + quote_literal(key()) + " AND n.status = 'running'";
    return "WITH moved AS (INSERT INTO " + ledger() +
           ".statement (history_id, index, hash, kind, object, state_before, intended_at, outcome, finished, "
           "rows, epoch) " +
           "SELECT n.id, s.index, s.hash, s.kind, s.object, s.state_before, s.intended_at, s.outcome, "
           "s.finished, s.rows, s.epoch " +
           from + " RETURNING 1) UPDATE " + ledger() +
           ".history h SET statements_done = (SELECT pg_catalog.count(*) FROM moved)" +
           " WHERE h.version_key = " + quote_literal(key()) + " AND h.status = 'running'";
  }

  Result<> run_unit(const JournalUnit& unit) {
    switch (unit.kind) {
      case JournalUnit::Kind::Session:
        return run_session(unit);
      case JournalUnit::Kind::Outside:
        return run_outside(unit);
      case JournalUnit::Kind::Transactional:
        break;
    }
    auto done = with_lock_schedule([&] { return run_transactional(unit); });
    // The net under the parse: nothing happened, so it may run where it can.
    if (!done && done.error().sqlstate == "25001" && !unit.block && !run_.work->lost()) {
      JournalUnit outside = unit;
      outside.kind = JournalUnit::Kind::Outside;
      outside.what.probe = script::ProbeKind::Unknown;
      return run_outside(outside);
    }
    return done;
  }

  template <class F>
  Result<> with_lock_schedule(F&& once) {
    while (true) {
      auto done = once();
      if (done) execution_.schedule.reset();
      if (done || done.error().sqlstate != "55P03" || run_.work->lost()) return done;
      if (auto waited = wait_for_lock(execution_, script_); !waited) return waited;
    }
  }

  std::string intend(std::uint64_t index, const std::string& hash, const Intent& intent) const {
    return intend_statement_sql(run_.fence, key(), static_cast<std::int64_t>(index), hash, intent.kind,
                                intent.object, encode_intent(intent));
  }
  std::string outcome(std::uint64_t index, std::string_view what, std::int64_t rows) const {
    return done_statement_sql(run_.fence, key(), static_cast<std::int64_t>(index), what, rows);
  }

  /// It leaves nothing in the database, so it may come before its journal row, and again when the script is
  /// continued.
  Result<> run_session(const JournalUnit& unit) {
    auto statement = cursor_.at(unit.first);
    if (!statement) return statement.error();
    const auto set = run_.work->exec((*statement)->text, execution_.watch.deadline());
    if (!set) return located(set.error(), unit.first, 0);
    if (unit.first < done_) return {};
    Intent intent;
    intent.kind = unit.what.kind;
    intent.idempotent = true;
    DBM_EFFECT_REPLY(effect, "journal.session");
    return fenced_at(effect, run_,
                     {intend(unit.first, unit.hashes[0], intent), outcome(unit.first, "done", 0)});
  }

  /// Effect and journal rows in one transaction: no crash comes between them.
  Result<> run_transactional(const JournalUnit& unit) {
    Transaction transaction(execution_, execution_.schedule.limit());
    const auto done = send_transactional(transaction, unit);
    if (done) {
      confirm_durability(execution_, script_);
      rows_ += transaction.rows();
      return done;
    }
    transaction.abandon();
    if (!transaction.failure() || done.error().kind == ErrorKind::InDoubt ||
        done.error().reason == "DeadlineExceeded")
      return done;
    return explain(*transaction.failure(), script_);
  }

  Result<> send_transactional(Transaction& transaction, const JournalUnit& unit) {
    auto sent = transaction.begin();
    if (sent) sent = transaction.step(Step::Enter, enter_sql(run_.fence));
    Intent intent;
    for (std::uint64_t index = unit.first; sent && index <= unit.last; ++index) {
      intent.kind = unit.kinds[index - unit.first];
      sent = transaction.step(Step::Leave, intend(index, unit.hashes[index - unit.first], intent));
    }
    if (const std::string role = set_role(run_); sent && !role.empty())
      sent = transaction.step(Step::Role, role);
    for (std::uint64_t index = unit.first; sent && index <= unit.last; ++index)
      sent = send_statement(transaction, unit, index);
    for (const char* sql : {kConstraintsNow, kCloseCursors}) {
      if (sent) sent = transaction.step(Step::Harden, sql);
    }
    for (const char* sql : {kDisarmRole, kDisarmPath}) {
      if (sent) sent = transaction.step(Step::Setting, sql);
    }
    if (sent)
      sent = transaction.step(Step::Enter, enter_sql(run_.fence));  // a script can give the run lock away
    if (sent) sent = transaction.collect();
    for (std::uint64_t index = unit.first; sent && index <= unit.last; ++index)
      sent =
          transaction.step(Step::Leave, outcome(index, "done", index == unit.last ? transaction.rows() : 0));
    return sent ? transaction.commit() : sent;
  }

  Result<> send_statement(Transaction& transaction, const JournalUnit& unit, std::uint64_t index) {
    auto statement = cursor_.at(index);
    if (!statement) return statement.error();
    if (unit.block && (index == unit.first || index == unit.last)) return {};  // BEGIN and COMMIT are ours
    return transaction.statement(**statement, cursor_.reader(), script_.analysis.directives);
  }

  Result<> run_outside(const JournalUnit& unit) {
    auto statement = cursor_.at(unit.first);
    if (!statement) return statement.error();
    auto intent = look_before(run_, **statement, unit.what, script_.analysis.directives.idempotent,
                              execution_.watch.deadline());
    if (!intent) return intent.error();
    {
      DBM_EFFECT_REPLY(effect, "journal.intent");
      if (auto intended = fenced_at(effect, run_, {intend(unit.first, unit.hashes[0], *intent)}); !intended)
        return intended;
    }
    std::int64_t rows = 0;
    auto done = with_lock_schedule([&]() -> Result<> {
      auto again = cursor_.at(unit.first);
      return again ? execute_outside(**again, unit, rows) : again.error();
    });
    if (!done) return settle_failed(unit, *intent, done.error());
    return record_done(unit, rows);
  }

  Result<> record_done(const JournalUnit& unit, std::int64_t rows) {
    rows_ += rows;
    DBM_EFFECT_REPLY(effect, "journal.done");
    return fenced_at(effect, run_, {outcome(unit.first, "done", rows)});
  }

  /// The statement alone in its message, outside a transaction, under the role.
  Result<> execute_outside(const script::Statement& statement, const JournalUnit& unit, std::int64_t& rows) {
    const bool concurrent = unit.what.lock == script::LockClass::Concurrent || is_concurrent(unit.what.probe);
    const auto limit = concurrent ? Milliseconds{0} : execution_.schedule.limit();
    StatementLimits limits(limit, concurrent ? Milliseconds{0} : run_.spec->apply.statement_timeout, "");
    script::Statement alone = statement;
    if (concurrent) alone.directives = {};  // a time-out would leave half an index behind
    auto before = limits.before(alone, concurrent ? script::ScriptDirectives{} : script_.analysis.directives);
    if (const std::string role = set_role(run_, ""); !role.empty()) before.push_back(role);
    if (const auto set = run_.work->pipeline(before, execution_.watch.deadline()); set.error)
      return *set.error;

    execution_.watch.begin_try(limit);
    DBM_EFFECT_REPLY(effect, "journal.statement");
    if (effect.must_fail()) return run_.work->lose();
    auto executed = send_alone(std::string(statement.text), unit.first, rows);
    if (effect.reply_lost()) return run_.work->lose();
    effect.done();
    if (run_.work->lost()) return executed;
    const auto disarmed = run_.work->exec("RESET ROLE");
    return executed && !disarmed ? Result<>{disarmed.error()} : executed;
  }

  static bool is_concurrent(script::ProbeKind probe) {
    using script::ProbeKind;
    return probe == ProbeKind::CreateIndexConcurrently || probe == ProbeKind::ReindexConcurrently ||
           probe == ProbeKind::DetachConcurrently || probe == ProbeKind::DropIndexConcurrently;
  }

  Result<> send_alone(const std::string& sql, std::uint64_t index, std::int64_t& rows) {
    Pipeline pipeline(*run_.work, execution_.watch);
    if (auto sent = pipeline.send(sql, 0); !sent) return sent;
    if (auto sent = pipeline.sync(); !sent) return sent;
    auto reply = pipeline.next();
    if (!reply) {
      (void)pipeline.close();
      return pipeline.lost() ? reply.error() : execution_.watch.out_of_time();
    }
    (void)pipeline.close();
    if (reply->kind == Reply::Kind::Failed) {
      const StepFailure failure{{Step::Statement, 0, static_cast<std::uint32_t>(index)},
                                read_error(reply->result.get())};
      return explain(failure, script_);
    }
    rows = rows_changed(reply->result.get());
    return {};
  }

  /// It failed: what did it leave? Only then may its row be closed.
  Result<> settle_failed(const JournalUnit& unit, const Intent& intent, const Error& error) {
    if (run_.work->lost()) return error;
    const auto probed =
        probe_and_clean(run_, intent, Deadline::after(std::chrono::minutes{10}), execution_.stop);
    if (!probed) return open_row(error);
    if (probed->verdict == Verdict::Unknown) {
      Error person =
          ask_a_person(script_.script.version.id, static_cast<std::int64_t>(unit.first), intent, *probed);
      person.message += " (it failed: " + error.message + ")";
      person.at = error.at;
      person.sqlstate = error.sqlstate;
      return open_row(person);
    }
    // An equal index that was there before us is no success of ours: the statement failed because of it.
    const bool was_there = intent.probe == script::ProbeKind::CreateIndexConcurrently && intent.before == "present";
    if (probed->verdict == Verdict::Done && !was_there) return record_done(unit, 0);
    DBM_EFFECT_REPLY(effect, "journal.failed");
    if (auto recorded = fenced_at(effect, run_, {outcome(unit.first, "failed", 0)}); !recorded)
      return recorded;
    return error;
  }

  /// The row stays as it is: the next run looks again.
  Error open_row(const Error& error) {
    leave_open_ = true;
    return error;
  }

  Error located(Error error, std::uint64_t index, int character) const {
    error.at = locate(script_, index, character);
    return error;
  }

  Error after_error(const Error& error) {
    if (run_.work->lost() || leave_open_ || error.kind == ErrorKind::InDoubt || error.cause == "Fenced")
      return error;
    return close_failed(error);
  }

  Error close_failed(const Error& error) {
    DBM_EFFECT_REPLY(effect, "journal.close-failed");
    const auto closed = fenced_at(effect, run_, {close_script_sql(run_.fence, key(), "failed", error)});
    // Unclosed, the next run settles it; being fenced out is another matter.
    return !closed && closed.error().kind == ErrorKind::Cancelled ? closed.error() : error;
  }

  Execution& execution_;
  RunContext& run_ = execution_.run;
  const PendingScript& script_;
  StatementCursor cursor_;
  std::uint64_t done_ = 0;  ///< statements in effect since an earlier attempt
  std::int64_t rows_ = 0;
  bool leave_open_ = false;
};

}  // namespace

Result<migration::AppliedScript> apply_journalled(Execution& execution, const PendingScript& script) {
  auto applied = JournalledScript(execution, script).run();
  execution.needs_reset = true;
  return applied;
}

}  // namespace dbm::postgres
