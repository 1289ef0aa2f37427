#include "postgres/execution.h"

#include <algorithm>
#include <array>

#include "base/inject.h"
#include "base/log.h"
#include "postgres/sqlstate.h"

namespace dbm::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How long a run stays open for a standby that has not confirmed a commit.
constexpr seconds kStandbyTakes{60};

/// 'none': no synchronous standby is configured; else whether one has flushed all there is.
constexpr std::string_view kStandbyQuery = R"(
SELECT CASE WHEN pg_catalog.current_setting('synchronous_standby_names') OPERATOR(pg_catalog.=) '' THEN 'none'
            WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_replication r
                          WHERE r.sync_state OPERATOR(pg_catalog.=) ANY ('{sync,quorum}'::pg_catalog.text[])
                            AND r.flush_lsn OPERATOR(pg_catalog.>=) $1::pg_catalog.pg_lsn) THEN 'yes' ELSE 'no' END)";

}  // namespace

void Execution::report(const migration::PendingScript& script, std::int64_t statement,
                       const std::string& message) {
  const auto now = std::chrono::steady_clock::now();
  if (!progress || (message.empty() && now - reported < milliseconds{100})) return;
  reported = now;
  migration::Progress told{migration::PhaseName::Apply, file_of(script), message};
  told.statement = statement;
  told.of = static_cast<std::int64_t>(script.analysis.statements);
  told.percent = told.of > 0 ? static_cast<int>(std::min<std::int64_t>(100, statement * 100 / told.of)) : 100;
  progress(told);
}

HistoryRecord record_of(const RunContext& run, const migration::PendingScript& script) {
  HistoryRecord record;
  record.version = script.script.version.id;
  record.version_key = script.script.version.key;
  record.name = script.script.name;
  record.checksum = script.script.checksum;
  record.normalised = script.analysis.normalised;
  record.plan_digest = run.plan_digest;
  record.backup_id = run.backup_id;
  record.rollback_checksum = script.script.rollback_checksum;
  record.batch = run.batch;
  record.statements = static_cast<std::int64_t>(script.analysis.statements);
  return record;
}

std::vector<std::string> reset_statements(const RunContext& run) {
  std::vector<std::string> all{
      "RESET ALL",    "RESET SESSION AUTHORIZATION", "RESET ROLE",    "CLOSE ALL", "UNLISTEN *",
      "DISCARD TEMP", "DISCARD SEQUENCES",           "DEALLOCATE ALL"};
  if (!run.after_reset.empty()) all.push_back(run.after_reset);
  return all;
}

std::string set_role(const RunContext& run, std::string_view local) {
  const std::string& role = run.target->role;
  return role.empty() ? std::string{} : "SET " + std::string(local) + "ROLE " + quote_ident(role);
}

Error outcome_unknown() {
  Error error{ErrorKind::InDoubt, "ResolvingOutcome",
              "the connection was lost while COMMIT was on its way: it may have taken effect"};
  error.cause = "CommitOutcomeUnknown";
  return error;
}

Error stopped() { return {ErrorKind::Cancelled, "Stopping", "stopped between two scripts"}; }

Error text_changed(const std::string& file) {
  Error error{ErrorKind::Terminal, "ChangedScript",
              file + " is not what the plan was made from: it changed while the run was on",
              "ChecksumDiffers"};
  error.at.file = file;
  return error.with_remedy("leave the source alone while it is applied, then apply again");
}

Result<> judge_commit(const PGresult* result) {
  const std::string_view tag = PQcmdStatus(const_cast<PGresult*>(result));
  if (tag == "COMMIT") return {};
  return Error{ErrorKind::Transient, "ProgressingWithRetry",
               "the server rolled the transaction back at COMMIT", "RolledBack"};
}

Error judge_commit_error(const PGresult* result) {
  const ServerError report = read_error(result);
  // A session that is ended, or a cancel, may strike after the commit took effect but before we were told.
  if (report.severity != "ERROR" || report.sqlstate == "57014") return outcome_unknown();
  return translate(report, "ApplyFailed");
}

std::vector<std::string> as_login(const std::vector<std::string>& steps) {
  std::vector<std::string> all{kBegin, kDisarmLogin, kDisarmRole, kDisarmPath};
  all.insert(all.end(), steps.begin(), steps.end());
  all.emplace_back("COMMIT");
  return all;
}

Result<Rows> ask_as_login(RunContext& run, const std::string& sql, Deadline deadline) {
  auto answered = run.work->pipeline(as_login({sql}), deadline);
  if (!answered.error) return std::move(answered.rows[kOwnStepsAt]);
  if (run.work->lost()) return *answered.error;
  if (const auto undone = run.work->exec("ROLLBACK"); !undone) return undone.error();
  return *answered.error;
}

Result<> fenced(RunContext& run, const std::vector<std::string>& steps) {
  std::vector<std::string> own{"SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0",
                               enter_sql(run.fence)};
  own.insert(own.end(), steps.begin(), steps.end());
  const auto all = as_login(own);
  const auto answered = run.work->pipeline(all);
  if (answered.error) {
    if (run.work->lost()) return outcome_unknown();
    if (const auto undone = run.work->exec("ROLLBACK"); !undone) return undone.error();
    return at_own_step(*answered.error);
  }
  return judge_commit(answered.rows.back().raw());
}

bool retake_run_lock(RunContext& run) {
  if (run.work->lost()) return false;
  const std::string key = "'" + std::to_string(run.fence.lock_key) + "'::pg_catalog.int8";
  // Only when it is not held: session locks stack, and one unlock at the end must set it free.
  const auto steps = as_login({
      "SET LOCAL statement_timeout = 0",
      "SELECT pg_catalog.pg_try_advisory_lock(" + key +
          ") WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = "
          "pg_catalog.pg_backend_pid() AND l.granted AND l.mode = 'ExclusiveLock' AND l.objsubid = 1 AND "
          "l.classid = ((" +
          key + " >> 32) & 4294967295)::pg_catalog.oid AND l.objid = (" + key +
          " & 4294967295)::pg_catalog.oid)",
  });
  DBM_EFFECT_REPLY(effect, "run.lock-again");
  if (effect.must_fail()) run.work->lose();
  const auto answered = run.work->pipeline(steps, Deadline::after(seconds{30}));
  if (effect.reply_lost()) run.work->lose();
  if (run.work->lost()) return false;
  effect.done();
  if (answered.error) {
    (void)run.work->exec("ROLLBACK");
    return false;
  }
  const Rows& got = answered.rows[steps.size() - 2];
  const bool again = got.size() == 1 && got.boolean(0, 0);
  if (again) log::info("a script gave the run lock away; it is ours again");
  if (got.size() == 1 && !again)
    log::warning("a script gave the run lock away, and another run holds it now");
  return again;
}

void confirm_durability(Execution& execution, const migration::PendingScript& script) {
  const auto notices = execution.run.work->take_notices();
  const bool warned =
      std::ranges::any_of(notices, [](const Notice& notice) { return notice.severity == "WARNING"; });
  if (!warned) return;
  const auto soon = Deadline::after(kStandbyTakes);
  const auto written =
      execution.run.ask_watch("SELECT pg_catalog.pg_current_wal_flush_lsn()", {}, seconds{5});
  if (!written) return;
  const std::array<Param, 1> position{std::string(written->text(0, 0))};
  bool told = false;
  while (!soon.passed() && !execution.stop.stop_requested()) {
    const auto answer = execution.run.ask_watch(kStandbyQuery, position, seconds{5});
    if (!answer || answer->text(0, 0) != "no") return;
    if (!told)
      execution.report(script, 0,
                       "committed, but no synchronous standby has confirmed it yet: waiting for one");
    told = true;
    if (!sleep_alive(execution.run, milliseconds{500}, soon, execution.stop)) break;
  }
  log::warning("committed on this server; no synchronous standby has confirmed it",
               {{"script", file_of(script)}});
  execution.report(script, 0, "committed on this server; no synchronous standby has confirmed it");
}

Result<> wait_unqueued(Execution& execution, const migration::PendingScript& script, Milliseconds span,
                       const std::string& words) {
  execution.report(script, 0, "WaitingForLock: " + words);
  const auto began = std::chrono::steady_clock::now();
  const auto slept = sleep_alive(execution.run, span, execution.deadline, execution.stop);
  execution.watch.keep_alive();
  execution.watch.not_counted(
      std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - began));
  if (slept || slept.error().cause != "Timeout") return slept;
  Error waiting{ErrorKind::Waiting, "WaitingForLock", file_of(script) + " " + words, "LockTimeout", "55P03"};
  waiting.at.file = file_of(script);
  return waiting;
}

Result<> wait_for_lock(Execution& execution, const migration::PendingScript& script) {
  const auto span = execution.schedule.time_out();
  const std::string who = execution.watch.blockers().empty() ? "a lock" : execution.watch.blockers();
  return wait_unqueued(execution, script, span,
                       "waits for " + who + " (" + tried(execution.schedule.tries()) + ")");
}

}  // namespace dbm::postgres
