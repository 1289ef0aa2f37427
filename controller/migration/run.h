#pragma once
/// One run: the lock from begin to end, and the phases that what is pending needs.

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "migration/facts.h"
#include "migration/surroundings.h"

namespace dbm::migration {

/// What a finished phase leaves behind, so that a later pass can check it.
struct Evidence {
  std::string kind;   ///< "plan", "backup", "rehearsal", "ledger", "validation"
  std::string value;  ///< A digest, a version: something observed, not intended.
};

/// Either proof that the phase is complete, or what has to happen next.
using Outcome = Result<Evidence>;

/// Who listens to a run. Called from the run's thread.
struct RunListener {
  /// A phase begins; the facts are those it begins with.
  std::function<void(const Facts&, PhaseName)> phase_began;
  ProgressSink progress;
};

class Run {
 public:
  Run(Facts facts, const Surroundings& surroundings, RunListener listener);

  /// Takes the lock, settles what earlier runs left, walks the phases, closes the run's row. `deadline`
  /// bounds the waiting for locks, the run's own and those of the scripts; each phase has the bound of its
  /// own that the spec gives it. A run that stops for anything but a terminal failure leaves its row open:
  /// the next one with the same spec and scripts goes on with its backup.
  Outcome execute(Deadline deadline, const std::stop_token& stop);
  /// How long the caller wants to wait for locks: the `deadline` of execute().
  [[nodiscard]] Deadline patience() const { return patience_; }

  // For the phases.
  [[nodiscard]] EngineRun& session() { return *session_; }
  [[nodiscard]] const Surroundings& surroundings() const { return surroundings_; }
  [[nodiscard]] const ProgressSink& progress() const { return listener_.progress; }
  /// Says what the phase does just now.
  void say(PhaseName phase, const std::string& message, const std::string& script = "") const;

  std::uint64_t database_bytes = 0;  ///< as Plan found it
  ChecksStatus before;               ///< what the checks at Before said
  int applied = 0;                   ///< scripts this run applied
  std::optional<RunRow> row_before;  ///< the newest run's row as this run found it

  [[nodiscard]] const Facts& facts() const { return facts_; }

 private:
  Outcome walk(const std::stop_token& stop);
  Result<> begin(Deadline deadline, const std::stop_token& stop);
  Outcome close(Outcome outcome);

  Facts facts_;
  const Surroundings& surroundings_;
  RunListener listener_;
  std::unique_ptr<EngineRun> session_;
  bool opened_ = false;
  Deadline patience_ = Deadline::never();
};

/// What all checks of one gate may take together; each has a statement time-out of its own.
inline constexpr std::chrono::hours kChecksTake{1};

/// What an engine is told about who runs what. It points at the facts' spec.
RunRequest request_of(const Facts& facts, const Surroundings& surroundings);

struct Phase {
  PhaseName name;
  bool (*needed)(const Facts&);  // looks at facts only; no I/O
  Outcome (*run)(const Facts&, Run&, const std::stop_token&);
};

/// The first failing check as Terminal/ValidationFailed/CheckFailed.
Error failed_check(const ChecksStatus& checks);

bool needs_plan(const Facts& facts);
bool needs_backup(const Facts& facts);
bool needs_dry_run(const Facts& facts);
bool needs_apply(const Facts& facts);
bool needs_validate(const Facts& facts);
Outcome run_plan(const Facts& facts, Run& run, const std::stop_token& stop);
Outcome run_backup(const Facts& facts, Run& run, const std::stop_token& stop);
Outcome run_dry_run(const Facts& facts, Run& run, const std::stop_token& stop);
Outcome run_apply(const Facts& facts, Run& run, const std::stop_token& stop);
Outcome run_validate(const Facts& facts, Run& run, const std::stop_token& stop);

inline constexpr std::array kPhases{
    Phase{PhaseName::Plan, needs_plan, run_plan},
    Phase{PhaseName::Backup, needs_backup, run_backup},
    Phase{PhaseName::DryRun, needs_dry_run, run_dry_run},
    Phase{PhaseName::Apply, needs_apply, run_apply},
    Phase{PhaseName::Validate, needs_validate, run_validate},
};

}  // namespace dbm::migration
