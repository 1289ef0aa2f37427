#include "base/inject.h"
#include "postgres/journalled_script.h"
#include "postgres/script_position.h"

namespace dbm::postgres {

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

Result<> JournalledScript::run_transactional(const JournalUnit& unit) {
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
  std::int64_t rows = 0;
  auto done = with_lock_schedule([&]() -> Result<> {
    auto again = cursor_.at(unit.first);
    return again ? execute_outside(**again, unit, rows) : again.error();
  });
  const bool given_away = retake_run_lock(run_);
  if (!done) return settle_failed(unit, *intent, done.error());
  const auto recorded = record_done(unit, rows);
  if (!recorded || !given_away) return recorded;
  const Error gone{ErrorKind::Terminal, "", "", "", "MG002"};
  return located(run_lock_given_away(gone, script_, "ApplyFailed"), unit.first, 0);
}

Result<> JournalledScript::record_done(const JournalUnit& unit, std::int64_t rows) {
  rows_ += rows;
  DBM_EFFECT_REPLY(effect, "journal.done");
  return fenced_at(effect, run_, {outcome(unit.first, "done", rows)});
}

Result<> JournalledScript::execute_outside(const script::Statement& statement, const JournalUnit& unit,
                                           std::int64_t& rows) {
  const bool concurrent = unit.what.lock == script::LockClass::Concurrent || is_concurrent(unit.what.probe);
  const auto limit = concurrent ? Milliseconds{0} : execution_.schedule.limit();
  StatementLimits limits(limit, concurrent ? Milliseconds{0} : run_.spec->apply.statement_timeout, "");
  script::Statement alone = statement;
  if (concurrent) alone.directives = {};  // a time-out would leave half an index behind
  auto before = limits.before(alone, concurrent ? script::ScriptDirectives{} : script_.analysis.directives);
  if (const std::string role = set_role(run_, ""); !role.empty()) before.push_back(role);
  if (const auto set = run_.work->pipeline(before, execution_.watch.deadline()); set.error) return *set.error;

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

bool JournalledScript::is_concurrent(script::ProbeKind probe) {
  using script::ProbeKind;
  return probe == ProbeKind::CreateIndexConcurrently || probe == ProbeKind::ReindexConcurrently ||
         probe == ProbeKind::DetachConcurrently || probe == ProbeKind::DropIndexConcurrently;
}

Result<> JournalledScript::send_alone(const std::string& sql, std::uint64_t index, std::int64_t& rows) {
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

Result<> JournalledScript::settle_failed(const JournalUnit& unit, const Intent& intent, const Error& error) {
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
  const bool was_there =
      intent.probe == script::ProbeKind::CreateIndexConcurrently && intent.before == "present";
  if (probed->verdict == Verdict::Done && !was_there) return record_done(unit, 0);
  DBM_EFFECT_REPLY(effect, "journal.failed");
  if (auto recorded = fenced_at(effect, run_, {outcome(unit.first, "failed", 0)}); !recorded) return recorded;
  return error;
}

Error JournalledScript::located(Error error, std::uint64_t index, int character) const {
  error.at = locate(script_, index, character);
  return error;
}

}  // namespace dbm::postgres
