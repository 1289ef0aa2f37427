#pragma once
/// Everything a pass knows, read once and not changed afterwards.

#include <memory>
#include <optional>

#include "migration/connection.h"
#include "migration/engine.h"
#include "migration/object.h"
#include "migration/plan.h"
#include "script/script.h"

namespace dbm::migration {

struct Facts {
  Migration migration;          ///< spec and digest are empty where the object could not be decoded
  std::int64_t generation = 1;  ///< of the spec that was read (without a cluster: kept in the ledger)
  Status previous;              ///< what the object's status said
  bool decoded = false;
  bool requested = false;    ///< a person asked to try again what stalled
  std::string requested_at;  ///< annotation dbmigration.dev/requestedAt

  std::optional<Connection> connection;
  std::shared_ptr<const script::ScriptSet> source;
  std::optional<Inspection> database;
  std::shared_ptr<const Plan> plan;

  std::optional<Error> trouble;       ///< why one of the four above could not be had
  std::optional<Error> plan_trouble;  ///< why there is no plan though all of it was read

  /// The newest run, when it was for this spec and these scripts: the evidence of what was done for them.
  [[nodiscard]] const RunRow* run_of_this() const {
    if (!database || !database->last_run || source == nullptr) return nullptr;
    const RunRow& run = *database->last_run;
    return run.spec_digest == migration.spec_digest && run.source_digest == source->digest ? &run : nullptr;
  }
  [[nodiscard]] const RunRow* last_run() const {
    return database && database->last_run ? &*database->last_run : nullptr;
  }
};

}  // namespace dbm::migration
