#pragma once
/// What the pieces of one apply() share. Private to the execution of scripts (apply, apply_script, chain,
/// journal).

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "migration/engine.h"
#include "migration/plan.h"
#include "postgres/lock_schedule.h"
#include "postgres/lock_watch.h"
#include "postgres/run_context.h"

namespace dbm::postgres {

using Applied = std::function<void(const migration::AppliedScript&)>;

struct Execution {
  RunContext& run;
  const migration::Plan& plan;
  LockWatch& watch;
  LockSchedule& schedule;
  const migration::ProgressSink& progress;
  const Applied& applied;
  const std::stop_token& stop;
  Deadline deadline;  ///< the caller's: how long to wait for locks, whatever is tried meanwhile
  std::int64_t scripts_applied = 0;  ///< by this apply(), each with a closed row in the history
  bool needs_reset = true;           ///< the last script may have left session state behind
  std::chrono::steady_clock::time_point reported = {};  ///< when progress was last told

  /// Tells progress; with `message` empty at most ten times a second.
  void report(const migration::PendingScript& script, std::int64_t statement, const std::string& message);
};

/// The row a script gets in the history.
HistoryRecord record_of(const RunContext& run, const migration::PendingScript& script);
/// "0007_add_index.sql", as people named it.
inline const std::string& file_of(const migration::PendingScript& script) {
  return script.script.forward.name;
}

/// Takes away what a script may have left in the session, but not the run lock (DISCARD ALL would).
std::vector<std::string> reset_statements(const RunContext& run);
/// SET [LOCAL] ROLE of the spec; empty when it names none.
std::string set_role(const RunContext& run, std::string_view local = "LOCAL ");
/// Our own steps run as the login, with nothing but the system's schemas in sight. pg_temp by name: left out
/// it would be searched first.
inline constexpr const char* kDisarmLogin = "SET LOCAL SESSION AUTHORIZATION DEFAULT";
inline constexpr const char* kDisarmRole = "SET LOCAL ROLE NONE";
inline constexpr const char* kDisarmPath = "SET LOCAL search_path = pg_catalog, pg_temp";
/// Else deferred triggers and WITH HOLD cursors would run at COMMIT, as the login.
inline constexpr const char* kConstraintsNow = "SET CONSTRAINTS ALL IMMEDIATE";
inline constexpr const char* kCloseCursors = "CLOSE ALL";
inline constexpr const char* kBegin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// A COMMIT was sent and its reply did not come: it may have happened. Never repeated; the next run looks.
Error outcome_unknown();
/// Stopped between units of work.
Error stopped();
/// The text is not the one the plan was made from.
Error text_changed(const std::string& file);

/// The tag in reply to COMMIT must be COMMIT: an aborted transaction says ROLLBACK, which is no error.
Result<> judge_commit(const PGresult* result);
/// After an ERROR in reply to COMMIT: a definite no, but for those that can strike when it has taken effect
/// already.
Error judge_commit_error(const PGresult* result);

/// Our own steps as one transaction of the login with nothing but the system's schemas in sight, whatever a
/// script or the database's own settings say: BEGIN, these settings, the steps from kOwnStepsAt on, COMMIT.
std::vector<std::string> as_login(const std::vector<std::string>& steps);
inline constexpr std::size_t kOwnStepsAt = 4;
/// One question of ours, asked so.
Result<Rows> ask_as_login(RunContext& run, const std::string& sql, Deadline deadline);

/// BEGIN, `enter`, our own steps as the login, COMMIT, in one pipeline: nothing runs unless fence and lock
/// are ours. Ok once COMMIT was confirmed; what a script has set in the session (role, search_path) is back
/// afterwards.
Result<> fenced(RunContext& run, const std::vector<std::string>& steps);
/// The same around an injection point.
template <class Effect>
Result<> fenced_at(Effect& effect, RunContext& run, const std::vector<std::string>& steps) {
  if (effect.must_fail()) return run.work->lose();
  auto done = fenced(run, steps);
  if (effect.reply_lost()) return run.work->lose();
  effect.done();
  return done;
}

/// Outside a transaction, after a script that may have given the run lock away: takes it again if it is gone,
/// so that what happened can be recorded. True when it was gone and is ours again. `enter` judges afterwards
/// whether anybody came in between.
bool retake_run_lock(RunContext& run);

/// Holds nothing and sleeps `span`, telling why; apply.deadline does not count it. Waiting/WaitingForLock at
/// the caller's deadline, Cancelled when asked to stop.
Result<> wait_unqueued(Execution& execution, const migration::PendingScript& script, Milliseconds span,
                       const std::string& words);
/// After a lock time-out of `script`: holds nothing and sleeps, as the schedule says, telling who is in the
/// way. Waiting for a lock is no execution: apply.deadline does not count it. Waiting/WaitingForLock at the
/// caller's deadline, Cancelled when asked to stop.
Result<> wait_for_lock(Execution& execution, const migration::PendingScript& script);

/// Any WARNING between COMMIT and its reply: committed, but perhaps on this server only. Waits until a
/// synchronous standby has flushed it, at most a minute, and says so when none has.
void confirm_durability(Execution& execution, const migration::PendingScript& script);

}  // namespace dbm::postgres
