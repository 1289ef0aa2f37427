#include "postgres/rehearse.h"

#include <random>

#include "postgres/execution.h"
#include "postgres/lock_schedule.h"
#include "postgres/rehearsal_try.h"

namespace dbm::postgres {
namespace {

using migration::DryRunMode;
using Kind = TryOutcome::Kind;

/// With mode Auto: after so many lock time-outs the rehearsal gives way.
constexpr int kTriesOfAuto = 5;

/// Why a script cannot be rehearsed, or empty.
std::string obstacle(const migration::PendingScript& pending, DryRunMode mode) {
  const script::Analysis& analysis = pending.analysis;
  if (!analysis.in_transaction) return "it cannot run in a transaction";
  if ((analysis.effects & script::kExternal) != 0)
    return "it has effects outside the database that a rollback does not undo";
  if (mode == DryRunMode::Auto && !analysis.rehearsable_locks)
    return "it may block others for long: it scans, builds or rewrites under a lock that keeps them from "
           "writing";
  return "";
}

/// The scripts that come before the first obstacle.
std::size_t rehearsable(const migration::Plan& plan, DryRunMode mode, std::string& why) {
  for (std::size_t index = 0; index < plan.pending.size(); ++index) {
    why = obstacle(plan.pending[index], mode);
    if (!why.empty()) return index;
  }
  return plan.pending.size();
}

void leave_out(migration::Rehearsal& rehearsal, const migration::Plan& plan, std::size_t from,
               const std::string& why) {
  for (std::size_t index = from; index < plan.pending.size(); ++index)
    rehearsal.not_rehearsed.push_back(file_of(plan.pending[index]) + ": " +
                                      (index == from ? why : "it comes after one that was not rehearsed"));
  rehearsal.summary.rehearsed = static_cast<int>(from);
  rehearsal.summary.not_rehearsed = static_cast<int>(plan.pending.size() - from);
  if (from < plan.pending.size()) rehearsal.summary.reason = rehearsal.not_rehearsed.front();
}

Error insisted(const migration::Plan& plan, std::size_t index, const std::string& why) {
  Error error{ErrorKind::Terminal, "DryRunFailed", "cannot be rehearsed: " + why, "NotRehearsed"};
  error.at.file = file_of(plan.pending[index]);
  error.remedy = "dryRun.mode Auto rehearses what can be and says what was not";
  return error;
}

LockSchedule schedule_for(const migration::Spec& spec) {
  return {spec.apply.lock_timeout, [engine = std::minstd_rand{std::random_device{}()}]() mutable {
            return std::uniform_real_distribution<double>{}(engine);
          }};
}

/// Tries until it is done, stopped or failed; holds nothing between tries.
class Rehearsing {
 public:
  Rehearsing(RunContext& run, const migration::Plan& plan, Deadline deadline, const std::stop_token& stop,
             const migration::ProgressSink& progress)
      : run_(run),
        plan_(plan),
        deadline_(deadline),
        stop_(stop),
        progress_(progress),
        schedule_(schedule_for(*run.spec)) {}

  Result<TryOutcome> until_settled(std::size_t end, migration::Rehearsal& rehearsal) {
    while (true) {
      RehearsalTry attempt{run_, plan_, std::min(schedule_.limit(), run_.spec->dry_run.max_blocking),
                           deadline_, stop_};
      auto outcome = attempt.run(end, progress_);
      const auto undone = attempt.roll_back();
      // A failed try has its own story to tell, unless the lock is gone.
      if (!undone && (outcome.kind != Kind::Failed || undone.error().kind == ErrorKind::Cancelled))
        return undone.error();
      rehearsal.statements = std::move(attempt.statements);
      schema_ = std::move(attempt.schema);
      rehearsal.summary.longest_blocking_millis =
          std::max(rehearsal.summary.longest_blocking_millis, attempt.blocking_millis);
      if (outcome.kind != Kind::LockTimeout) return outcome;
      if (!attempt.blockers().empty()) blockers_ = attempt.blockers();
      const auto pause = schedule_.time_out();
      if (run_.spec->dry_run.mode == DryRunMode::Auto && schedule_.tries() >= kTriesOfAuto)
        return TryOutcome{Kind::Stopped, outcome.script, not_free(), {}};
      tell(outcome.script);
      if (const auto slept = sleep_alive(run_, pause, deadline_, stop_); !slept)
        return slept.error().cause == "Timeout" ? slept.error().during(not_free()) : slept.error();
    }
  }

  /// The schema as the last try left it.
  [[nodiscard]] std::optional<SchemaSnapshot>& schema() { return schema_; }

 private:
  [[nodiscard]] std::string not_free() const {
    return blockers_.empty() ? "a lock it needs was not free"
                             : "a lock it needs was not free: it waited for " + blockers_;
  }

  void tell(std::size_t script) const {
    if (!progress_) return;
    progress_({migration::PhaseName::DryRun, file_of(plan_.pending[script]),
               "WaitingForLock: waits for " + (blockers_.empty() ? "a lock" : blockers_) + " (" +
                   tried(schedule_.tries()) + ")",
               static_cast<std::int64_t>(script + 1), static_cast<std::int64_t>(plan_.pending.size())});
  }

  RunContext& run_;
  const migration::Plan& plan_;
  Deadline deadline_;
  const std::stop_token& stop_;
  const migration::ProgressSink& progress_;
  LockSchedule schedule_;
  std::string blockers_;  ///< of the newest try that saw some
  std::optional<SchemaSnapshot> schema_;
};

/// For the comparison after the run: what of it the scripts from `end` on may change again.
RehearsedChange to_compare(SchemaSnapshot after, const migration::Plan& plan, std::size_t end) {
  RehearsedChange rehearsed{std::move(after), end == plan.pending.size(), false};
  for (std::size_t index = end; index < plan.pending.size(); ++index) {
    const script::Analysis& rest = plan.pending[index].analysis;
    rehearsed.rest_loses =
        rehearsed.rest_loses || rest.may_lose_objects || (rest.effects & script::kUnknown) != 0;
  }
  return rehearsed;
}

}  // namespace

Result<migration::Rehearsal> rehearse(RunContext& run, const migration::Plan& plan, Deadline deadline,
                                      const std::stop_token& stop, const migration::ProgressSink& progress) {
  migration::Rehearsal rehearsal;
  const DryRunMode mode = run.spec->dry_run.mode;
  rehearsal.summary.mode = to_string(mode);
  if (mode == DryRunMode::Plan || mode == DryRunMode::Disabled) {
    leave_out(rehearsal, plan, 0, "dryRun.mode is " + rehearsal.summary.mode);
    return rehearsal;
  }
  std::string why;
  const std::size_t end = rehearsable(plan, mode, why);
  if (mode == DryRunMode::Rehearse && end < plan.pending.size()) return insisted(plan, end, why);
  if (end == 0) {
    leave_out(rehearsal, plan, 0, why);
    return rehearsal;
  }

  Rehearsing rehearsing{run, plan, deadline.earlier(Deadline::after(run.spec->dry_run.timeout)), stop,
                        progress};
  const auto outcome = rehearsing.until_settled(end, rehearsal);
  if (!outcome) return outcome.error();
  if (outcome->kind == Kind::Failed) return *outcome->error;
  if (outcome->kind == Kind::Stopped && mode == DryRunMode::Rehearse)
    return insisted(plan, outcome->script, outcome->why);
  if (outcome->kind == Kind::Done && rehearsing.schema())
    run.rehearsed = to_compare(*std::move(rehearsing.schema()), plan, end);
  if (outcome->kind == Kind::Stopped)
    leave_out(rehearsal, plan, outcome->script, outcome->why);
  else
    leave_out(rehearsal, plan, end, why);
  return rehearsal;
}

}  // namespace dbm::postgres
