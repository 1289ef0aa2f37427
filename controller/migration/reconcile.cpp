#include "migration/reconcile.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "base/log.h"
#include "migration/observe.h"
#include "migration/remedy.h"

namespace dbm::migration {
namespace {

constexpr std::chrono::milliseconds kFirstPause{500};
constexpr std::chrono::milliseconds kLongestPause{30'000};

int exit_code_of(const Decision& decision) {
  switch (decision.next) {
    case Next::Nothing:
    case Next::Suspended:
      return 0;
    case Next::Run:
    case Next::Retry:
      return 5;
    case Next::Wait:
      if (decision.why->reason == "WaitingForReference") return 1;
      return decision.why->reason == "AwaitingApproval" ? 3 : 5;
    case Next::Stalled:
      break;
  }
  const std::string reason = stalled_reason(*decision.why);
  if (reason == "InvalidSpec") return 2;
  if (reason == "ManualInterventionRequired") return 3;
  return reason == "ValidationFailed" ? 4 : 1;
}

/// On the command line nobody brings what is missing while it waits, and approvals come from people.
bool is_settled(const Decision& decision) {
  if (decision.next == Next::Wait)
    return decision.why->reason == "WaitingForReference" || decision.why->reason == "AwaitingApproval";
  return decision.next == Next::Nothing || decision.next == Next::Suspended || decision.next == Next::Stalled;
}

Verdict verdict_of(const Decision& decision) {
  switch (decision.next) {
    case Next::Nothing:
      return {Mood::Done};
    case Next::Stalled:
      return {.mood = Mood::Stalled, .why = decision.why};
    case Next::Retry:
    case Next::Wait:
      return {.mood = Mood::Waiting, .why = decision.why};
    case Next::Suspended:
    case Next::Run:
      break;
  }
  return {
      .mood = Mood::Waiting,
      .why = Error{ErrorKind::Transient, "ProgressingWithRetry", "more has become pending in the meantime"}};
}

Reconciled failed(const Error& error) {
  const Decision decision = decide_on(error);
  return {.failure = error, .settled = is_settled(decision), .exit_code = exit_code_of(decision)};
}

/// Sleeps, unless asked to stop; false then.
bool pause(std::chrono::milliseconds span, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock{mutex};
  wake.wait_for(lock, stop, span, [] { return false; });
  return !stop.stop_requested();
}

std::chrono::milliseconds jittered(std::chrono::milliseconds span) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return span / 2 +
         std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>{0, span.count()}(random)};
}

/// What a run that ended otherwise than well leaves to do, with the ledger's own evidence where it has some.
Decision after_failure(const Error& error, const Facts& facts, bool take_over) {
  if (error.kind != ErrorKind::Terminal) return decide_on(error);
  if (!facts.trouble && facts.decoded) {
    Decision by_evidence = decide(facts, take_over);
    if (by_evidence.next == Next::Stalled) return by_evidence;
  }
  return decide_on(error);
}

/// Scripts of the newest run, those of its attempts before a crash or a lost connection included.
int applied_in_batch(const Facts& facts) {
  if (facts.last_run() == nullptr) return 0;
  const auto& newest = facts.database->newest;
  return static_cast<int>(std::count_if(newest.begin(), newest.end(), [&](const HistoryEntry& entry) {
    return entry.batch == facts.last_run()->batch && entry.result == "Succeeded";
  }));
}

bool lost_the_fence(const Error& error) {
  return error.kind == ErrorKind::Cancelled && error.cause == "Fenced";
}

}  // namespace

Reconciler::Reconciler(const Surroundings& surroundings, ProgressSink progress)
    : surroundings_(surroundings), progress_(std::move(progress)) {
  if (!progress_) progress_ = [](const Progress&) {};
}

Result<kubernetes::Object> Reconciler::object(const kubernetes::ObjectKey& key, Deadline deadline,
                                              const std::stop_token& stop) {
  auto found = surroundings_.objects->get(key, deadline, stop);
  if (!found) return found.error();
  if (!*found)
    return Error{ErrorKind::Waiting, "WaitingForReference",
                 key.kind + " " + key.namespace_ + "/" + key.name + " was not found", "NotFound"};
  return **std::move(found);
}

Reconciled Reconciler::pass(const kubernetes::ObjectKey& key, bool requested, Deadline deadline,
                            const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return failed(found.error());
  if (found->deleted) return {.settled = true};
  const auto kept = surroundings_.engine->keep_connections();

  const Facts seen = glance(*found, surroundings_);
  Recorder recorder{surroundings_, memory_, *found, seen.previous};
  const bool suspended = seen.decoded && seen.migration.spec.suspend;
  if (seen.previous.observed_generation == -1 && !suspended)
    if (const auto written = recorder.record(seen, {Mood::New}); !written) return failed(written.error());

  const Facts facts = observe(*found, surroundings_, {.requested = requested}, deadline, stop);
  const Decision decision = decide(facts, surroundings_.take_over);
  return decision.next == Next::Run ? start_run(recorder, facts, deadline, stop)
                                    : settle(recorder, facts, decision, 0);
}

Reconciled Reconciler::settle(Recorder& recorder, const Facts& facts, const Decision& decision, int applied) {
  Reconciled end{.failure = decision.why,
                 .settled = is_settled(decision),
                 .suspended = decision.next == Next::Suspended,
                 .applied = applied,
                 .exit_code = exit_code_of(decision)};
  if (!end.suspended)
    if (const auto written = recorder.record(facts, verdict_of(decision), applied); !written)
      return failed(written.error());
  end.status = recorder.last();
  if (end.failure && end.failure->remedy.empty()) end.failure->remedy = remedy_for(*end.failure);
  return end;
}

Reconciled Reconciler::start_run(Recorder& recorder, const Facts& facts, Deadline deadline,
                                 const std::stop_token& stop) {
  RunListener listener;
  listener.progress = progress_;
  listener.phase_began = [&](const Facts& now, PhaseName phase) {
    progress_(Progress{.phase = phase});
    // A status that cannot be written now is written at the end; the run itself needs none.
    const ProgressStatus progress{.phase = std::string(to_string(phase))};
    const auto written = recorder.record(now, {.mood = Mood::Running, .phase = phase, .progress = progress});
    if (!written) log::warning("the status could not be written", {{"error", written.error().message}});
  };
  Run run{facts, surroundings_, listener};
  const Outcome outcome = run.execute(deadline, stop);

  Reconciled end;
  if (!outcome && lost_the_fence(outcome.error())) {
    // Another runner has taken over: the status is its to write.
    log::warning("this run was ended by the server", {{"error", outcome.error().message}});
    end = failed(outcome.error());
    end.status = recorder.last();
  } else {
    const Facts after =
        observe_again(run.facts(), surroundings_, Deadline::after(std::chrono::minutes{1}), {});
    Decision next = outcome ? decide(after, surroundings_.take_over)
                            : after_failure(outcome.error(), after, surroundings_.take_over);
    end = settle(recorder, after, next, std::max(run.applied, applied_in_batch(after)));
  }
  end.ran = true;
  end.applied = run.applied;
  return end;
}

Reconciled Reconciler::until_settled(const kubernetes::ObjectKey& key, Deadline timeout,
                                     const std::stop_token& stop) {
  auto span = kFirstPause;
  int applied = 0;
  for (;;) {
    Reconciled end = pass(key, true, timeout, stop);
    applied += end.applied;
    end.applied = applied;
    if (end.settled || stop.stop_requested() || timeout.passed()) return end;
    if (end.applied > 0 && end.ran) span = kFirstPause;  // it moves
    if (!pause(timeout.left(jittered(span)), stop)) return end;
    // A try without time to finish would only hide what the last one found.
    if (timeout.left(kFirstPause) < kFirstPause) return end;
    span = std::min(span * 2, kLongestPause);
  }
}

}  // namespace dbm::migration
