/// Apply: each script exactly once, by the protocol of the engine.
#include "migration/run.h"

namespace dbm::migration {

bool needs_apply(const Facts& facts) { return !facts.plan->empty(); }

Outcome run_apply(const Facts& facts, Run& run, const std::stop_token& stop) {
  const auto applied = [&run](const AppliedScript&) { ++run.applied; };
  // apply.deadline counts execution alone, so the engine keeps that clock; ours bounds the waiting for locks.
  const auto done = run.session().apply(*facts.plan, run.patience(), stop, run.progress(), applied);
  if (!done) return done.error();
  return Evidence{"ledger",
                  facts.plan->pending.empty() ? "baseline" : facts.plan->pending.back().script.version.id};
}

}  // namespace dbm::migration
