#include <algorithm>
#include <array>

#include "base/inject.h"
#include "postgres/catalog_state.h"
#include "postgres/index_statement.h"
#include "postgres/journalled_script.h"
#include "postgres/ledger_guard.h"
#include "postgres/script_position.h"

namespace dbm::postgres {

namespace {

/// The number of the transaction that this very statement runs in, counted by the backend: one more for each
/// it has begun, also for those that a procedure begins (virtual transaction IDs, PostgreSQL manual 74.1).
/// The script may have a search_path of its own, so operators are named whole.
constexpr std::string_view kTransactionNumber =
    "SELECT pg_catalog.split_part(l.virtualtransaction, '/', 2)::pg_catalog.int8 FROM pg_catalog.pg_locks l "
    "WHERE l.locktype OPERATOR(pg_catalog.=) 'virtualxid' AND l.pid OPERATOR(pg_catalog.=) "
    "pg_catalog.pg_backend_pid() LIMIT 1";

/// What can commit inside, and is one transaction when it does not.
bool may_commit_inside(const script::StatementClass& what) {
  return what.kind == "CALL" || what.kind == "DO";
}

/// Whether an error reply says that nothing of the statement is left. Of what commits inside (CALL, DO) and
/// what works in several transactions, it does only when the server refused the text itself: an error with a
/// place in the statement and raised by nothing that it called.
bool left_nothing(const ServerError& report, const script::StatementClass& what) {
  if (report.severity != "ERROR") return false;
  if (!report.has_context && report.position > 0) return true;
  constexpr std::array<std::string_view, 9> kWhole{"SELECT", "INSERT",  "UPDATE",       "DELETE",     "MERGE",
                                                   "WITH",   "EXECUTE", "CREATE TABLE", "CREATE VIEW"};
  return std::ranges::find(kWhole, what.kind) != kWhole.end();
}

}  // namespace

Result<> JournalledScript::assume_role() {
  const std::string role = set_role(run_, "");
  if (role.empty()) return {};
  const auto set = run_.work->exec(role, execution_.watch.deadline());
  if (set) return {};
  Error refused = role_refused(set.error());
  refused.at.file = file_of(script_);
  return refused;
}

Result<> JournalledScript::see_session() {
  if (seen_) return {};
  const auto rows =
      run_.work->exec("SELECT pg_catalog.current_setting('role'), SESSION_USER", execution_.watch.deadline());
  if (!rows) return rows.error();
  role_ = rows->text(0, 0) == "none" ? std::string{} : std::string(rows->text(0, 0));
  authorization_ = rows->text(0, 1) == run_.login ? std::string{} : std::string(rows->text(0, 1));
  seen_ = true;
  return {};
}

std::vector<std::string> JournalledScript::back_to_script() const {
  std::vector<std::string> steps;
  if (!authorization_.empty())
    steps.push_back("SET LOCAL SESSION AUTHORIZATION " + quote_ident(authorization_));
  if (!role_.empty()) steps.push_back("SET LOCAL ROLE " + quote_ident(role_));
  return steps;
}

std::string JournalledScript::intend(std::uint64_t index, const std::string& hash,
                                     const Intent& intent) const {
  return intend_statement_sql(run_.fence, key(), static_cast<std::int64_t>(index), hash, intent.kind,
                              intent.object, encode_intent(intent));
}

std::string JournalledScript::outcome(std::uint64_t index, std::string_view what, std::int64_t rows) const {
  return done_statement_sql(run_.fence, key(), static_cast<std::int64_t>(index), what, rows);
}

Result<> JournalledScript::run_session(const JournalUnit& unit) {
  auto statement = cursor_.at(unit.first);
  if (!statement) return statement.error();
  std::int64_t rows = 0;
  if (auto set = send_alone(std::string((*statement)->text), unit, rows); !set) return set;
  if (unit.first < done_) return {};
  Intent intent;
  intent.kind = unit.what.kind;
  intent.idempotent = true;
  DBM_EFFECT_REPLY(effect, "journal.session");
  return fenced_at(effect, run_,
                   {intend(unit.first, unit.hashes[0], intent), outcome(unit.first, "done", 0)});
}

Result<> JournalledScript::run_transactional(const JournalUnit& unit) {
  if (auto seen = see_session(); !seen) return seen;
  Transaction transaction(execution_, execution_.schedule.limit());
  const auto done = send_transactional(transaction, unit);
  if (done) {
    confirm_durability(execution_, script_);
    rows_ += transaction.rows();
    return done;
  }
  transaction.abandon();
  (void)retake_run_lock(run_);
  if (!transaction.failure() || done.error().kind == ErrorKind::InDoubt ||
      done.error().reason == "DeadlineExceeded")
    return done;
  return explain(*transaction.failure(), script_);
}

Result<> JournalledScript::send_transactional(Transaction& transaction, const JournalUnit& unit) {
  const auto back = back_to_script();
  auto sent = transaction.begin();
  for (const char* sql : {kDisarmLogin, kDisarmRole}) {
    if (sent && !back.empty()) sent = transaction.step(Step::Setting, sql);
  }
  if (sent) sent = transaction.step(Step::Enter, enter_sql(run_.fence));
  Intent intent;
  for (std::uint64_t index = unit.first; sent && index <= unit.last; ++index) {
    intent.kind = unit.kinds[index - unit.first];
    sent = transaction.step(Step::Leave, intend(index, unit.hashes[index - unit.first], intent));
  }
  for (const std::string& sql : back) {
    if (sent) sent = transaction.step(Step::Role, sql);
  }
  guarded_ = unit.what.changes_session || (unit.what.effects & (script::kUnknown | script::kExternal)) != 0;
  for (std::uint64_t index = unit.first; sent && index <= unit.last; ++index)
    sent = send_statement(transaction, unit, index);
  for (const char* sql : {kConstraintsNow, kCloseCursors}) {
    if (sent) sent = transaction.step(Step::Harden, sql);
  }
  for (const char* sql : {kDisarmLogin, kDisarmRole, kDisarmPath}) {
    if (sent) sent = transaction.step(Step::Setting, sql);
  }
  if (sent && (unit.block || guarded_)) sent = transaction.step(Step::Guard, guard_sql(run_.fence.schema));
  if (sent)
    sent = transaction.step(Step::Leave, enter_sql(run_.fence));  // a script can give the run lock away
  if (sent) sent = transaction.collect();
  for (std::uint64_t index = unit.first; sent && index <= unit.last; ++index)
    sent = transaction.step(Step::Leave, outcome(index, "done", index == unit.last ? transaction.rows() : 0));
  return sent ? transaction.commit() : sent;
}

Result<> JournalledScript::send_statement(Transaction& transaction, const JournalUnit& unit,
                                          std::uint64_t index) {
  auto statement = cursor_.at(index);
  if (!statement) return statement.error();
  if (unit.block && (index == unit.first || index == unit.last)) return {};  // BEGIN and COMMIT are ours
  guarded_ = guarded_ || speaks_of_ledger((*statement)->text, run_.fence.schema);
  return transaction.statement(**statement, cursor_.reader(), script_.analysis.directives);
}

Result<> JournalledScript::run_outside(const JournalUnit& unit) {
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
  if (auto refused = refuse_another_index(unit, *intent); !refused)
    return record_failed(unit, refused.error());
  std::int64_t rows = 0;
  never_ran_ = false;
  const auto once = [&]() -> Result<> {
    auto again = cursor_.at(unit.first);
    return again ? execute_outside(**again, unit, rows) : again.error();
  };
  // What may have done half its work is not sent again because a lock did not come.
  const bool repeatable = intent->idempotent || !hides_what_it_does(unit);
  auto done = with_lock_schedule(once, [&] { return repeatable || never_ran_; });
  const bool given_away = retake_run_lock(run_);
  if (!done) return settle_failed(unit, *intent, done.error());
  const auto recorded = record_done(unit, rows);
  if (!recorded) return located(own_doing(recorded.error(), unit), unit.first, 0);
  if (!given_away) return recorded;
  const Error gone{ErrorKind::Terminal, "", "", "", "MG002"};
  return located(run_lock_given_away(gone, script_, "ApplyFailed"), unit.first, 0);
}

/// After a statement that may have committed anything we hold the run lock still, or again: nobody else can
/// have changed the fence but by the script's giving the lock away. After one that says all it does it was
/// somebody else.
Error JournalledScript::own_doing(Error error, const JournalUnit& unit) {
  if (error.sqlstate == "MG005") return open_row(ledger_altered(std::move(error), "ApplyFailed"));
  if (error.sqlstate != "MG001" || !hides_what_it_does(unit)) return error;
  return open_row(run_lock_given_away(std::move(error), script_, "ApplyFailed"));
}

Result<> JournalledScript::refuse_another_index(const JournalUnit& unit, const Intent& intent) {
  const bool there = intent.before == "present" || intent.before == "invalid";
  if (intent.probe != script::ProbeKind::CreateIndexConcurrently || !there) return {};
  auto statement = cursor_.at(unit.first);
  if (!statement) return statement.error();
  const auto index = read_index_statement((*statement)->text);
  if (!index || !index->if_not_exists) return {};  // the server refuses it by itself
  const auto now = index_definition(run_, intent.object, execution_.watch.deadline());
  if (!now) return now.error();
  if (intent.before == "present" && !intent.definition.empty() && *now == intent.definition) return {};
  Error error{ErrorKind::Terminal, "ApplyFailed",
              "index " + intent.object +
                  (intent.before == "invalid" ? " is there and invalid"
                                              : " is there, and not known to be as the script defines it") +
                  ": IF NOT EXISTS would leave it as it is",
              "StatementFailed", "42P07"};
  return located(error.with_remedy("drop or rename that index, or give this one another name"), unit.first,
                 0);
}

bool JournalledScript::hides_what_it_does(const JournalUnit& unit) {
  return unit.what.opaque || unit.what.probe == script::ProbeKind::Unknown;
}

Result<> JournalledScript::record_done(const JournalUnit& unit, std::int64_t rows) {
  rows_ += rows;
  std::vector<std::string> steps{outcome(unit.first, "done", rows)};
  if (hides_what_it_does(unit)) steps.insert(steps.begin(), guard_sql(run_.fence.schema));
  DBM_EFFECT_REPLY(effect, "journal.done");
  return fenced_at(effect, run_, steps);
}

Result<> JournalledScript::record_failed(const JournalUnit& unit, const Error& error) {
  DBM_EFFECT_REPLY(effect, "journal.failed");
  if (auto recorded = fenced_at(effect, run_, {outcome(unit.first, "failed", 0)}); !recorded) return recorded;
  return error;
}

Result<> JournalledScript::execute_outside(const script::Statement& statement, const JournalUnit& unit,
                                           std::int64_t& rows) {
  const bool concurrent = unit.what.lock == script::LockClass::Concurrent || is_concurrent(unit.what.probe);
  const auto limit = concurrent ? Milliseconds{0} : execution_.schedule.limit();
  StatementLimits limits(limit, concurrent ? Milliseconds{0} : run_.spec->apply.statement_timeout, "");
  script::Statement alone = statement;
  if (concurrent) alone.directives = {};  // a time-out would leave half an index behind
  auto before = limits.before(alone, concurrent ? script::ScriptDirectives{} : script_.analysis.directives);
  if (may_commit_inside(unit.what)) before.emplace_back(kTransactionNumber);
  const auto set = run_.work->pipeline(before, execution_.watch.deadline());
  if (set.error) return *set.error;
  if (may_commit_inside(unit.what)) transaction_before_ = set.rows.back().number(0, 0);

  execution_.watch.begin_try(limit);
  DBM_EFFECT_REPLY(effect, "journal.statement");
  if (effect.must_fail()) return run_.work->lose();
  never_ran_ = false;
  auto executed = send_alone(std::string(statement.text), unit, rows);
  if (effect.reply_lost()) return run_.work->lose();
  effect.done();
  if (!executed && !never_ran_) never_ran_ = committed_nothing(unit);
  return executed;
}

bool JournalledScript::is_concurrent(script::ProbeKind probe) {
  using script::ProbeKind;
  return probe == ProbeKind::CreateIndexConcurrently || probe == ProbeKind::ReindexConcurrently ||
         probe == ProbeKind::DetachConcurrently || probe == ProbeKind::DropIndexConcurrently;
}

Result<> JournalledScript::send_alone(const std::string& sql, const JournalUnit& unit, std::int64_t& rows) {
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
    const StepFailure failure{{Step::Statement, 0, static_cast<std::uint32_t>(unit.first)},
                              read_error(reply->result.get())};
    never_ran_ = left_nothing(failure.report, unit.what);
    return explain(failure, script_);
  }
  rows = rows_changed(reply->result.get());
  return {};
}

/// The statement's own transaction, and this one: more say that it has committed inside.
bool JournalledScript::committed_nothing(const JournalUnit& unit) {
  if (!may_commit_inside(unit.what) || run_.work->lost()) return false;
  const auto now = run_.work->exec(std::string(kTransactionNumber), execution_.watch.deadline());
  return now && now->size() == 1 && now->number(0, 0) == transaction_before_ + 2;
}

Result<> JournalledScript::settle_failed(const JournalUnit& unit, const Intent& intent, const Error& error) {
  if (run_.work->lost()) return error;
  const auto probed =
      probe_and_clean(run_, intent, Deadline::after(std::chrono::minutes{10}), execution_.stop);
  if (!probed) return open_row(error);
  if (probed->verdict == Verdict::Unknown && !never_ran_) {
    Error person =
        ask_a_person(script_.script.version.id, static_cast<std::int64_t>(unit.first), intent, *probed);
    person.message += " (it failed: " + error.message + ")";
    person.at = error.at;
    person.sqlstate = error.sqlstate;
    return open_row(person);
  }
  // An equal index that was there before us is no success of ours: the statement failed because of it.
  const bool was_there =
      intent.probe == script::ProbeKind::CreateIndexConcurrently && intent.before == "present";
  if (probed->verdict == Verdict::Done && !was_there) return record_done(unit, 0);
  return record_failed(unit, error);
}

Error JournalledScript::located(Error error, std::uint64_t index, int character) const {
  error.at = locate(script_, index, character);
  return error;
}

}  // namespace dbm::postgres
