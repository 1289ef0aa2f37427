/// Apply: each script exactly once, by the protocol of the engine.
#include <algorithm>

#include "migration/run.h"

namespace dbm::migration {

namespace {

/// With more scripts than a person reads a line each, only where it stands is told.
constexpr std::size_t kTold = 200;

std::string in_words(const AppliedScript& script) {
  return "applied, " + std::to_string(script.rows) + (script.rows == 1 ? " row" : " rows");
}

void tell(const Run& run, const std::vector<PendingScript>& pending, const AppliedScript& script) {
  if (pending.size() > kTold) return;
  const auto found = std::find_if(pending.begin(), pending.end(), [&](const PendingScript& one) {
    return one.script.version.id == script.version;
  });
  if (found != pending.end()) run.say(PhaseName::Apply, in_words(script), found->script.forward.name);
}

}  // namespace

bool needs_apply(const Facts& facts) { return !facts.plan->empty(); }

Outcome run_apply(const Facts& facts, Run& run, const std::stop_token& stop) {
  const auto applied = [&](const AppliedScript& script) {
    ++run.applied;
    tell(run, facts.plan->pending, script);
  };
  // apply.deadline counts execution alone, so the engine keeps that clock; ours bounds the waiting for locks.
  const auto done = run.session().apply(*facts.plan, run.patience(), stop, run.progress(), applied);
  if (!done) return done.error();
  return Evidence{"ledger",
                  facts.plan->pending.empty() ? "baseline" : facts.plan->pending.back().script.version.id};
}

}  // namespace dbm::migration
