#include "postgres/rehearsal_try.h"

#include <algorithm>

#include "base/inject.h"
#include "postgres/catalog.h"
#include "postgres/checks.h"
#include "postgres/execution.h"
#include "postgres/lost_objects.h"
#include "postgres/rehearsal_patience.h"
#include "postgres/rehearsal_queries.h"
#include "postgres/rehearsal_scan.h"
#include "postgres/script_position.h"
#include "postgres/statement_limits.h"
#include "postgres/transaction.h"

namespace dbm::postgres {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using Kind = TryOutcome::Kind;

constexpr std::size_t kStatementsKept = 1'000;
constexpr milliseconds kChecksBudget{200};
/// With many statements the locks are looked at less often: each look reads all that are held.
constexpr std::int64_t kLooksInARow = 200;
constexpr std::int64_t kLookEvery = 50;

/// Whether somebody who reads or writes rows may have to wait for it.
bool keeps_from_rows(std::string_view mode) {
  return mode != "AccessShareLock" && mode != "ShareUpdateExclusiveLock";
}

std::string too_long(const RunContext& run) {
  return "locks would be held longer than maxBlocking " + format_duration(run.spec->dry_run.max_blocking);
}

}  // namespace

RehearsalTry::RehearsalTry(RunContext& run, const migration::Plan& plan, milliseconds lock_limit,
                           Deadline deadline, const std::stop_token& stop)
    : run_(run),
      plan_(plan),
      lock_limit_(lock_limit),
      deadline_(deadline),
      stop_(stop),
      watch_(run, milliseconds{0}) {
  watch_.begin_try(lock_limit);
}

RehearsalTry::~RehearsalTry() {
  if (open_) (void)roll_back();
}

Result<> RehearsalTry::begin() {
  const auto reset = run_.work->pipeline(reset_statements(run_));
  if (reset.error) return *reset.error;
  DBM_EFFECT(effect, "rehearse.begin");
  if (effect.must_fail()) return run_.work->lose();
  open_ = true;
  const std::vector<std::string> steps{
      kBegin, "SET LOCAL lock_timeout = " + server_millis(lock_limit_within(lock_limit_, time_left())),
      enter_sql(run_.fence), kFiles + quote_literal(run_.fence.schema)};
  const auto begun = run_.work->pipeline(steps, deadline_, stop_);
  if (begun.error) return at_own_step(*begun.error);
  effect.done();
  const Rows& files = begun.rows.back();
  for (int row = 0; row < files.size(); ++row) files_[std::string(files.text(row, 0))] = files.text(row, 1);
  return {};
}

TryOutcome RehearsalTry::run(std::size_t end, const migration::ProgressSink& progress) {
  if (const auto begun = begin(); !begun) return failed(0, begun.error());
  for (std::size_t index = 0; index < end; ++index) {
    if (stop_.stop_requested()) return failed(index, stopped());
    if (progress)
      progress({migration::PhaseName::DryRun, file_of(plan_.pending[index]), "rehearsing",
                static_cast<std::int64_t>(index + 1), static_cast<std::int64_t>(end)});
    auto outcome = script(index);
    if (outcome.kind != Kind::Done) return outcome;
  }
  look_at_schema();
  return {};
}

/// What the apply will be held against. Where it would take too long it is not: that is no fault of the
/// scripts.
void RehearsalTry::look_at_schema() {
  const auto left = time_left();
  if (left.count() == 0) return;
  const auto limited =
      run_.work->exec("SET LOCAL statement_timeout = " + server_millis(left), deadline_, stop_);
  if (!limited) return;
  if (auto after = take_snapshot(*run_.work, run_.fence.schema, deadline_, stop_)) schema = std::move(*after);
}

TryOutcome RehearsalTry::failed(std::size_t index, Error error) const {
  TryOutcome outcome{Kind::Failed, index, "", std::move(error)};
  if (outcome.error->sqlstate == "55P03") outcome.kind = Kind::LockTimeout;
  return outcome;
}

milliseconds RehearsalTry::time_left() const {
  const auto most = run_.spec->dry_run.max_blocking;
  if (!blocking_since_) return most;
  return std::max(milliseconds{0}, most - duration_cast<milliseconds>(Clock::now() - *blocking_since_));
}

TryOutcome RehearsalTry::script(std::size_t index) {
  const migration::PendingScript& pending = plan_.pending[index];
  std::optional<SchemaSnapshot> before;
  if (pending.analysis.may_lose_objects) {
    auto taken = take_snapshot(*run_.work, run_.fence.schema, deadline_, stop_);
    if (!taken) return failed(index, taken.error());
    before = std::move(*taken);
  }
  std::vector<std::string> named;
  auto outcome = statements_of(index, named);
  if (outcome.kind != Kind::Done) return outcome;
  outcome = finish_script(index);
  if (outcome.kind != Kind::Done || !before) return outcome;

  const auto after = take_snapshot(*run_.work, run_.fence.schema, deadline_, stop_);
  if (!after) return failed(index, after.error());
  const auto kept = refuse_lost_objects(*before, *after, named, pending.analysis.directives.drops);
  if (kept) return {};
  Error lost = kept.error();
  lost.reason = "DryRunFailed";
  lost.at.file = file_of(pending);
  return failed(index, std::move(lost));
}

TryOutcome RehearsalTry::statements_of(std::size_t index, std::vector<std::string>& named) {
  const migration::PendingScript& pending = plan_.pending[index];
  auto reader = script::StatementReader::open(pending.script.forward, pending.analysis.wrapped);
  if (!reader) return failed(index, reader.error());
  if (const auto role = set_role(run_); !role.empty())
    if (const auto set = run_.work->exec(role, deadline_, stop_); !set)
      return failed(index, set.error().during("SET ROLE"));
  while (true) {
    const auto next = reader->next();
    if (!next) return failed(index, next.error());
    if (*next == nullptr) return {};
    const script::Statement& statement = **next;
    if (time_left().count() == 0) return {Kind::Stopped, index, too_long(run_), {}};
    if (blocking_since_) {
      const auto scan = long_scan(*run_.work, statement.text, deadline_, stop_);
      if (!scan) return failed(index, scan.error());
      if (!scan->empty()) return {Kind::Stopped, index, *scan, {}};
    }
    migration::RehearsedStatement entry{file_of(pending), statement.index, statement.at, ""};
    entry.kind = statement.text.substr(0, statement.text.find_first_of(" \t\r\n("));
    if (pending.analysis.may_lose_objects)
      for (auto& loss : losses_named_by(statement.text)) named.push_back(std::move(loss));

    const auto began = Clock::now();
    const auto said = execute(statement, *reader);
    if (!said) return failed(index, said.error());
    if (said->error || said->out_of_time) return judge(index, entry.index, *said);
    entry.millis = duration_cast<milliseconds>(Clock::now() - began).count();
    entry.rows = said->rows;
    if (const auto looked = look_at_locks(entry, began); !looked) return failed(index, looked.error());
    if (statements.size() < kStatementsKept) statements.push_back(std::move(entry));
  }
}

/// As apply ends a script: what is deferred happens now, under the role; what the script has set is
/// forgotten.
TryOutcome RehearsalTry::finish_script(std::size_t index) {
  const std::vector<std::string> end{
      "SET LOCAL lock_timeout = " + server_millis(lock_limit_within(lock_limit_, time_left())),
      "SET LOCAL statement_timeout = " + server_millis(std::max(milliseconds{1}, time_left())),
      kConstraintsNow, kCloseCursors};
  const auto ended = run_.work->pipeline(end, deadline_, stop_);
  if (ended.error) {
    if (ended.error->sqlstate == "57014") return {Kind::Stopped, index, too_long(run_), {}};
    Error error = ended.error->during("at the script's end");
    if (error.kind == ErrorKind::Terminal) error.reason = "DryRunFailed";
    error.at.file = file_of(plan_.pending[index]);
    return failed(index, std::move(error));
  }
  const CheckRequest request{run_.target, run_.spec, &plan_};
  const auto checks =
      check_in_transaction(*run_.work, request, std::min(kChecksBudget, time_left()), deadline_, stop_);
  if (!checks) return failed(index, checks.error());
  // Only what was asked to the end counts: within this budget a time-out says nothing.
  for (const auto& result : checks->results)
    if (result.result == "Failed" && result.message.find("timed out") == std::string::npos &&
        index + 1 == plan_.pending.size()) {
      Error error{ErrorKind::Terminal, "DryRunFailed", "check " + result.name + " failed: " + result.message,
                  "CheckFailed"};
      return failed(index, std::move(error));
    }
  auto leave = reset_statements(run_);
  leave.push_back(enter_sql(run_.fence));
  const auto left = run_.work->pipeline(leave, deadline_, stop_);
  if (left.error)
    return failed(index, run_lock_given_away(*left.error, plan_.pending[index], "DryRunFailed"));
  return {};
}

Result<RehearsalTry::Said> RehearsalTry::execute(const script::Statement& statement,
                                                 script::StatementReader& reader) {
  const auto left = time_left();
  // The server's own time-out comes first; ours is for a server that does not obey.
  const auto lock_limit = lock_limit_within(lock_limit_, left);
  watch_.begin_try(lock_limit);
  RehearsalPatience patience{watch_, deadline_.earlier(Deadline::after(left + milliseconds{500})), stop_};
  Pipeline pipeline{*run_.work, patience};
  const std::string text(statement.text);
  Said said;
  std::vector<std::string> sent{
      "SET LOCAL lock_timeout = " + server_millis(lock_limit),
      "SET LOCAL statement_timeout = " + server_millis(std::max(milliseconds{1}, left))};
  if (!statement.copy_from_stdin) sent.push_back(text);
  for (const auto& sql : sent)
    if (const auto ok = pipeline.send(sql, 0); !ok) return ok.error();
  if (const auto ok = pipeline.sync(); !ok) return ok.error();
  while (pipeline.pending() > 0) {
    const auto reply = pipeline.next();
    if (!reply) {
      if (reply.error().cause != "Timeout" || pipeline.lost()) return reply.error();
      if (const auto closed = pipeline.close(); !closed) return closed.error();
      if (stop_.stop_requested()) return stopped();
      said.out_of_time = true;
      return said;
    }
    if (reply->kind == Reply::Kind::Failed) said.error = read_error(reply->result.get());
    if (reply->kind == Reply::Kind::Done) said.rows = rows_changed(reply->result.get());
  }
  if (statement.copy_from_stdin && !said.error)
    if (const auto streamed = stream(pipeline, text, reader, said); !streamed) return streamed.error();
  return said;
}

Result<> RehearsalTry::stream(Pipeline& pipeline, const std::string& text, script::StatementReader& reader,
                              Said& said) {
  if (auto left = pipeline.leave(); !left) return left;
  const auto started = pipeline.start_copy(text);
  if (!started) return started.error();
  if (started->kind == Reply::Kind::Failed) {
    said.error = read_error(started->result.get());
    return {};
  }
  while (true) {
    const auto rows = reader.next_rows();
    if (!rows) return rows.error();
    if (rows->empty()) break;
    if (time_left().count() == 0) {
      const auto ended = pipeline.end_copy(true);
      if (!ended) return ended.error();
      said.out_of_time = true;
      return {};
    }
    if (auto copied = pipeline.copy_rows(*rows); !copied) return copied;
  }
  const auto ended = pipeline.end_copy(false);
  if (!ended) return ended.error();
  if (ended->kind == Reply::Kind::Failed)
    said.error = read_error(ended->result.get());
  else
    said.rows = rows_changed(ended->result.get());
  return {};
}

Result<> RehearsalTry::look_at_locks(migration::RehearsedStatement& entry, Clock::time_point began) {
  if (++looks_ > kLooksInARow && looks_ % kLookEvery != 0) return {};
  const auto locks = run_.work->exec(kLocks, deadline_, stop_);
  if (!locks) return locks.error();
  for (int row = 0; row < locks->size(); ++row) {
    const std::string oid(locks->text(row, 2));
    const auto before = files_.find(oid);
    if (before == files_.end()) continue;  // made here: nobody else can see it, let alone wait for it
    const std::string mode(locks->text(row, 0)), name(locks->text(row, 1));
    if (seen_locks_.insert(mode + " " + oid).second) entry.locks.push_back(mode + " " + name);
    if (keeps_from_rows(mode) && !blocking_since_) blocking_since_ = began;
    if (before->second == locks->text(row, 3)) continue;
    before->second = locks->text(row, 3);
    if (std::ranges::find(entry.rewrites, name) == entry.rewrites.end()) entry.rewrites.push_back(name);
  }
  return {};
}

TryOutcome RehearsalTry::judge(std::size_t index, std::uint64_t statement, const Said& said) const {
  if (said.out_of_time || said.error->sqlstate == "57014") {
    // Several locks, each of which came in time, may take it all the same.
    const std::string waited = blockers().empty() ? "" : "; it waited for " + blockers();
    return {Kind::Stopped, index, too_long(run_) + waited, {}};
  }
  if (said.error->sqlstate == "55P04")
    return {Kind::Stopped,
            index,
            "it uses an enum label that is usable only once an earlier script is committed",
            {}};
  if (said.error->sqlstate == "25001") return {Kind::Stopped, index, "it cannot run in a transaction", {}};
  Error error = translate(*said.error, "DryRunFailed", statement_text(plan_.pending[index], statement));
  if (error.sqlstate.starts_with("MG"))
    error.message = "the script's own code raised an error (" + error.sqlstate + ")";
  error.at = locate(plan_.pending[index], statement, said.error->position);
  return failed(index, std::move(error));
}

Result<> RehearsalTry::roll_back() {
  if (!std::exchange(open_, false)) return {};
  if (run_.work->lost()) return connection_lost();
  DBM_EFFECT(effect, "rehearse.rollback");
  if (effect.must_fail()) return run_.work->lose();
  const bool ours = PQtransactionStatus(run_.work->raw()) != PQTRANS_IDLE;
  const auto undone = run_.work->exec("ROLLBACK");
  if (blocking_since_) blocking_millis = duration_cast<milliseconds>(Clock::now() - *blocking_since_).count();
  if (!undone) return undone.error();
  effect.done();
  const auto reset = run_.work->pipeline(reset_statements(run_));
  if (reset.error) return *reset.error;
  if (!ours)
    return Error{ErrorKind::Terminal, "ManualInterventionRequired",
                 "a script ended the rehearsal's transaction: what it did before may have stayed",
                 "TransactionEnded"};
  (void)retake_run_lock(run_);
  return fenced(run_, {});
}

}  // namespace dbm::postgres
