#pragma once
/// A pass over one object: observe, decide, run where needed, record. And what people ask without changing
/// anything.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "migration/backups.h"
#include "migration/decide.h"
#include "migration/facts.h"
#include "migration/record.h"
#include "migration/run.h"
#include "migration/surroundings.h"

namespace dbm::migration {

struct Reconciled {
  Status status;                 ///< as it was written (of a suspended object: as it was found)
  std::optional<Error> failure;  ///< what holds it, when it is not done
  bool settled = false;          ///< nothing more happens by itself
  bool suspended = false;
  bool ran = false;   ///< a run was started
  int applied = 0;    ///< scripts applied by it
  int exit_code = 0;  ///< docs/status.md#exit-codes; 5 where it waits or retries
};

/// What `dbm plan` shows.
struct PlanReport {
  Facts facts;
  Decision decision;
  std::optional<Preflight> preflight;  ///< where there is a plan
  std::optional<Error> obstacle;       ///< what would stop the run before anything is touched
  std::string backup;                  ///< one line: what would be backed up, and where
};
/// The stable schema of `dbm plan -o json`.
nlohmann::ordered_json to_json(const PlanReport& report);

/// Safe to use from several threads for different objects. `surroundings` outlives it.
class Reconciler {
 public:
  Reconciler(const Surroundings& surroundings, ProgressSink progress);

  /// One pass. `requested`: a person asks to try again what stalled. `deadline` bounds looking and waiting
  /// for locks, never a phase that runs.
  Reconciled pass(const kubernetes::ObjectKey& key, bool requested, Deadline deadline,
                  const std::stop_token& stop);

  /// Passes until nothing more happens by itself, with capped jittered pauses between tries, or until
  /// `timeout`: then exit code 5. What is missing or refused ends it at once. Counts as a request.
  Reconciled until_settled(const kubernetes::ObjectKey& key, Deadline timeout, const std::stop_token& stop);

  // Nothing is created, changed or written by these.
  Result<Facts> look(const kubernetes::ObjectKey& key, Deadline deadline, const std::stop_token& stop);
  Result<PlanReport> plan(const kubernetes::ObjectKey& key, Deadline deadline, const std::stop_token& stop);
  /// The status as the next pass would find it before starting anything.
  Result<Status> status(const kubernetes::ObjectKey& key, Deadline deadline, const std::stop_token& stop);
  Result<std::vector<HistoryEntry>> history(const kubernetes::ObjectKey& key, int limit, Deadline deadline,
                                            const std::stop_token& stop);
  Result<ChecksStatus> validate(const kubernetes::ObjectKey& key, Deadline deadline,
                                const std::stop_token& stop);

  /// Records what a person found out about a version (`dbm resolve`).
  Result<> resolve(const kubernetes::ObjectKey& key, const std::string& version, Resolution resolution,
                   Deadline deadline, const std::stop_token& stop);

  Result<artifact::SetListing> backups(const kubernetes::ObjectKey& key, Deadline deadline,
                                       const std::stop_token& stop);
  Result<artifact::VerifyReport> verify_backup(const kubernetes::ObjectKey& key, const std::string& id,
                                               artifact::Level level, Deadline deadline,
                                               const std::stop_token& stop);
  Result<> restore(const kubernetes::ObjectKey& key, const std::string& id, const std::string& new_database,
                   Deadline deadline, const std::stop_token& stop);

 private:
  Result<kubernetes::Object> object(const kubernetes::ObjectKey& key, Deadline deadline,
                                    const std::stop_token& stop);
  Reconciled settle(Recorder& recorder, const Facts& facts, const Decision& decision, int applied);
  Reconciled start_run(Recorder& recorder, const Facts& facts, Deadline deadline,
                       const std::stop_token& stop);

  const Surroundings& surroundings_;
  ProgressSink progress_;
  EventMemory memory_;
};

}  // namespace dbm::migration
