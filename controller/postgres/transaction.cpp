#include "postgres/transaction.h"

#include <algorithm>

#include "base/inject.h"

namespace dbm::postgres {
namespace {

/// Replies outstanding at most, and how many are left when some were read. Each costs libpq a copy of the
/// statement.
constexpr std::size_t kMostPending = 1024, kFewerPending = 512;
/// The same in bytes. A receiver's window is small at first and grows with what has been read through it: a
/// megabyte sent at once overruns it, and the rest then waits 200 ms for TCP to probe.
constexpr std::size_t kMostBytes = std::size_t{1} << 20, kMoreBytes = std::size_t{16} << 10;
/// After so many statements or bytes the server is asked to send what it has to say.
constexpr int kAskAfter = 256;
constexpr std::size_t kAskAfterBytes = std::size_t{64} << 10;

}  // namespace

std::int64_t rows_changed(const PGresult* result) {
  if (result == nullptr) return 0;
  auto* const raw = const_cast<PGresult*>(result);
  const std::string_view tag = PQcmdStatus(raw);
  if (tag.starts_with("SELECT") || tag.starts_with("FETCH") || tag.starts_with("MOVE")) return 0;
  return std::atoll(PQcmdTuples(raw));
}

Transaction::Transaction(Execution& execution, Milliseconds lock_limit)
    : execution_(execution),
      pipeline_(*execution.run.work, execution.watch),
      limits_(lock_limit, execution.run.spec->apply.statement_timeout) {
  execution.watch.begin_try(lock_limit);
}

Transaction::~Transaction() { abandon(); }

Result<> Transaction::send(StepTag tag, const std::string& sql) {
  if (auto sent = pipeline_.send(sql, tag.packed()); !sent) return sent;
  bytes_since_ask_ += sql.size();
  return {};
}

Result<> Transaction::begin() {
  if (execution_.needs_reset) {
    DBM_EFFECT(effect, "apply.reset");
    if (effect.must_fail()) return execution_.run.work->lose();
    for (const std::string& sql : reset_statements(execution_.run)) {
      if (auto sent = send({Step::Reset}, sql); !sent) return sent;
    }
    if (auto synced = pipeline_.sync(); !synced) return synced;
    effect.done();
  }
  DBM_EFFECT(effect, "apply.begin");
  if (effect.must_fail()) return execution_.run.work->lose();
  state_ = State::Open;
  if (auto sent = send({Step::Begin}, kBegin); !sent) return sent;
  effect.done();
  return {};
}

void Transaction::of_script(std::uint32_t index) {
  script_ = index;
  rows_ = 0;
  limits_.forget();
}

Result<> Transaction::step(Step step, const std::string& sql) {
  if (auto entered = pipeline_.enter(); !entered) return entered;
  return send({step, script_}, sql);
}

Result<> Transaction::statement(const script::Statement& statement, script::StatementReader& reader,
                                const script::ScriptDirectives& script) {
  if (auto entered = pipeline_.enter(); !entered) return entered;
  for (const std::string& sql : limits_.before(statement, script)) {
    if (auto sent = send({Step::Setting, script_}, sql); !sent) return sent;
  }
  if (statement.copy_from_stdin) return copy(statement, reader);

  DBM_EFFECT(effect, "apply.statement");
  if (effect.must_fail()) return execution_.run.work->lose();
  text_.assign(statement.text);
  if (auto sent = send({Step::Statement, script_, static_cast<std::uint32_t>(statement.index)}, text_); !sent)
    return sent;
  effect.done();
  return thin_out();
}

/// Keeps what is outstanding small, however long the script.
Result<> Transaction::thin_out() {
  if (++since_ask_ >= kAskAfter || bytes_since_ask_ >= kAskAfterBytes) {
    since_ask_ = 0;
    bytes_since_ask_ = 0;
    if (auto asked = pipeline_.ask(); !asked) return asked;
    execution_.watch.keep_alive();
  }
  if (pipeline_.pending() < kMostPending && pipeline_.pending_bytes() < most_bytes_) return {};
  if (auto asked = pipeline_.ask(); !asked) return asked;
  while (pipeline_.pending() > kFewerPending || pipeline_.pending_bytes() > most_bytes_ / 2) {
    if (auto read = read_one(); !read) return read;
  }
  most_bytes_ = std::min(kMostBytes, most_bytes_ + kMoreBytes);
  return {};
}

Result<> Transaction::fail(StepTag where, const PGresult* result) {
  failure_ = StepFailure{where, read_error(result)};
  if (execution_.watch.deadline().passed() && failure_->report.sqlstate == "57014")
    return execution_.watch.out_of_time();
  return translate(failure_->report, "ApplyFailed");
}

Result<> Transaction::read_one() {
  auto reply = pipeline_.next();
  if (!reply) return reply.error().cause == "Timeout" ? execution_.watch.out_of_time() : reply.error();
  const StepTag where = StepTag::unpack(reply->tag);
  if (reply->kind == Reply::Kind::Failed) return fail(where, reply->result.get());
  if (reply->kind == Reply::Kind::Done && where.step == Step::Statement && where.script == script_)
    rows_ += rows_changed(reply->result.get());
  return {};
}

Result<> Transaction::read_all() {
  while (pipeline_.pending() > 0) {
    if (auto read = read_one(); !read) return read;
  }
  return {};
}

Result<> Transaction::collect() {
  if (pipeline_.pending() == 0) return {};
  if (auto asked = pipeline_.ask(); !asked) return asked;
  return read_all();
}

Result<> Transaction::settle() {
  if (auto entered = pipeline_.enter(); !entered) return entered;
  if (auto synced = pipeline_.sync(); !synced) return synced;
  if (auto read = read_all(); !read) return read;
  // Nothing more may be sent unless our transaction still stands: it would run, and commit, by itself.
  if (!pipeline_.in_transaction()) return at_own_step(Error{ErrorKind::Terminal, "", "", "", "MG003"});
  return pipeline_.leave();
}

Result<> Transaction::copy(const script::Statement& statement, script::StatementReader& reader) {
  if (auto settled = settle(); !settled) return settled;
  DBM_EFFECT(effect, "apply.copy");
  if (effect.must_fail()) return execution_.run.work->lose();
  const StepTag where{Step::Statement, script_, static_cast<std::uint32_t>(statement.index)};
  auto started = pipeline_.start_copy(std::string(statement.text));
  if (!started) return started.error();
  if (started->kind == Reply::Kind::Failed) return fail(where, started->result.get());
  if (started->kind != Reply::Kind::CopyIn) return execution_.run.work->lose();

  const auto streamed = stream_rows(reader);
  if (!streamed && pipeline_.lost()) return streamed;
  auto ended = pipeline_.end_copy(!streamed);
  effect.done();
  if (!streamed) return streamed;  // what the source said outweighs the server's answer to the break
  if (!ended) return ended.error();
  if (ended->kind == Reply::Kind::Failed) return fail(where, ended->result.get());
  rows_ += rows_changed(ended->result.get());
  if (!pipeline_.in_transaction()) return at_own_step(Error{ErrorKind::Terminal, "", "", "", "MG003"});
  limits_.forget();
  return {};
}

Result<> Transaction::stream_rows(script::StatementReader& reader) {
  while (true) {
    auto rows = reader.next_rows();
    if (!rows) return rows.error();
    if (rows->empty()) return {};
    if (auto sent = pipeline_.copy_rows(*rows); !sent) return sent;
    execution_.watch.keep_alive();
  }
}

Result<> Transaction::commit() {
  if (auto settled = settle(); !settled) return settled;
  if (auto entered = pipeline_.enter(); !entered) return entered;
  execution_.run.work->take_notices();  // what comes from here on was said about the COMMIT
  execution_.watch.committing(true);
  auto committed = send_commit();
  execution_.watch.committing(false);
  return committed;
}

/// From the first byte of COMMIT on nothing is ever sent again for this transaction.
Result<> Transaction::send_commit() {
  DBM_EFFECT_REPLY(effect, "apply.commit");
  if (effect.must_fail()) return execution_.run.work->lose();
  state_ = State::Ended;
  auto sent = send({Step::Commit, script_}, "COMMIT");
  if (sent) sent = pipeline_.sync();
  if (!sent) return outcome_unknown();
  auto reply = pipeline_.next();
  if (effect.reply_lost()) {
    execution_.run.work->lose();
    return outcome_unknown();
  }
  effect.done();
  if (!reply) return outcome_unknown();
  if (reply->kind == Reply::Kind::Failed) {
    failure_ = StepFailure{{Step::Commit, script_}, read_error(reply->result.get())};
    (void)pipeline_.close();
    return judge_commit_error(reply->result.get());
  }
  (void)pipeline_.close();  // lost only now: it is committed all the same
  return judge_commit(reply->result.get());
}

void Transaction::abandon() {
  if (state_ != State::Open) return;
  state_ = State::Ended;
  if (pipeline_.lost() || !pipeline_.enter() || !pipeline_.close() || pipeline_.idle()) return;
  DBM_EFFECT(effect, "apply.rollback");
  if (effect.must_fail()) {
    execution_.run.work->lose();
    return;
  }
  if (!pipeline_.send("ROLLBACK", 0)) return;
  (void)pipeline_.close();
  effect.done();
}

}  // namespace dbm::postgres
