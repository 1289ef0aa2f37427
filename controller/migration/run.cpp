#include "migration/run.h"

#include <algorithm>

#include "base/log.h"
#include "migration/backups.h"
#include "migration/decide.h"
#include "migration/observe.h"
#include "migration/remedy.h"

namespace dbm::migration {
namespace {

Error in_phase(Error error, PhaseName phase) {
  if (error.phase.empty()) error.phase = to_string(phase);
  // A bound the spec sets on a phase ends it; it is not trouble that goes away.
  if (error.kind == ErrorKind::Terminal)
    error.reason = stalled_reason(error), error.remedy = remedy_for(error);
  return error;
}

/// Whether two looks at the ledger lead to the same plan.
bool same_rows(const Inspection& a, const Inspection& b) {
  const auto equal = [](const HistoryRow& x, const HistoryRow& y) {
    return x.version_key == y.version_key && x.status == y.status && x.closed == y.closed &&
           x.checksum == y.checksum && x.normalised == y.normalised && x.statements_done == y.statements_done;
  };
  return a.database.system_identifier == b.database.system_identifier && a.database.name == b.database.name &&
         std::equal(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(), equal);
}

}  // namespace

RunRequest request_of(const Facts& facts, const Surroundings& surroundings) {
  return {.target = facts.connection->target,
          .owner = owner_of(facts.migration, surroundings),
          .take_over = surroundings.take_over,
          .holder = surroundings.holder,
          .generation = facts.generation,
          .spec_digest = facts.migration.spec_digest,
          .source_digest = facts.source == nullptr ? "" : facts.source->digest,
          .spec = &facts.migration.spec};
}

Run::Run(Facts facts, const Surroundings& surroundings, RunListener listener)
    : facts_(std::move(facts)), surroundings_(surroundings), listener_(std::move(listener)) {
  if (!listener_.progress) listener_.progress = [](const Progress&) {};
  if (!listener_.phase_began) listener_.phase_began = [](const Facts&, PhaseName) {};
}

void Run::say(PhaseName phase, const std::string& message, const std::string& script) const {
  listener_.progress(Progress{.phase = phase, .script = script, .message = message});
}

Outcome Run::execute(Deadline deadline, const std::stop_token& stop) {
  patience_ = deadline;
  listener_.phase_began(facts_, PhaseName::Plan);
  // From here on the lock is held and the epoch is ours, until session_ goes.
  if (const auto begun = begin(deadline, stop); !begun)
    return close(in_phase(begun.error(), PhaseName::Plan));
  return close(walk(stop));
}

Result<> Run::begin(Deadline deadline, const std::stop_token& stop) {
  auto session = surroundings_.engine->begin_run(request_of(facts_, surroundings_), deadline, stop);
  if (!session) return session.error();
  session_ = *std::move(session);

  auto inspection = session_->inspect();
  if (!inspection) return inspection.error();
  if (facts_.database && facts_.plan != nullptr && same_rows(*facts_.database, *inspection)) {
    facts_.database = *std::move(inspection);
  } else {
    // Something was settled, or somebody else was here in between: the plan is made anew.
    const std::int64_t generation = facts_.generation;
    take_inspection(facts_, *std::move(inspection), surroundings_);
    facts_.generation = generation;
  }
  if (facts_.plan_trouble) return *facts_.plan_trouble;
  if (facts_.plan == nullptr)
    return Error{ErrorKind::Transient, "ProgressingWithRetry", "the ledger changed hands while the run began",
                 "OtherOwner"};
  row_before = facts_.database->last_run;
  if (const auto opened = session_->open(*facts_.plan); !opened) return opened.error();
  opened_ = true;
  return {};
}

Outcome Run::walk(const std::stop_token& stop) {
  for (const Phase& phase : kPhases) {
    // The lock is held, so the rows cannot have changed but by us; the run's own row is the evidence.
    facts_.database->last_run = session_->row();
    if (!phase.needed(facts_)) continue;
    if (stop.stop_requested())
      return in_phase({ErrorKind::Cancelled, "ProgressingWithRetry", "stopped between phases", "Stopping"},
                      phase.name);

    if (phase.name != PhaseName::Plan) listener_.phase_began(facts_, phase.name);  // Plan began with the run
    const Outcome outcome = phase.run(facts_, *this, stop);
    if (!outcome) return in_phase(outcome.error(), phase.name);
    log::debug("phase is done",
               {{"phase", std::string(to_string(phase.name))}, {outcome->kind, outcome->value}});
  }
  return Evidence{"ledger", facts_.plan->digest};
}

Outcome Run::close(Outcome outcome) {
  if (session_ == nullptr || !opened_) return outcome;
  if (outcome) {
    if (const auto finished = session_->finish(std::nullopt); !finished)
      return in_phase(finished.error(), PhaseName::Validate);
    session_.reset();
    if (applied > 0) apply_retention(facts_, surroundings_);
    return outcome;
  }
  if (outcome.error().kind != ErrorKind::Terminal) return outcome;
  // The attempt is over. Losing this record is harmless: the next pass tries once more and fails the same
  // way.
  if (const auto finished = session_->finish(outcome.error()); !finished)
    log::warning("the end of the run could not be recorded", {{"error", finished.error().message}});
  return outcome;
}

}  // namespace dbm::migration
