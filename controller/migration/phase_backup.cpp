/// Backup: nothing is changed before one is there that was proven.
#include <stop_token>
#include <thread>

#include "artifact/backup_set.h"
#include "artifact/stream.h"
#include "artifact/verify.h"
#include "base/log.h"
#include "migration/backups.h"
#include "migration/run.h"

namespace dbm::migration {
namespace {

/// Two tries: a bad artifact may be bad luck, two in a row are a bad disk.
constexpr int kTries = 2;

artifact::SetRequest request_for(const Facts& facts, const ConfiguredStore& store) {
  const auto& key = facts.migration.object.key;
  const RunRow& row = *facts.database->last_run;
  return {.owner = {.namespace_ = key.namespace_,
                    .name = key.name,
                    .version = facts.plan->pending.front().script.version.id,
                    .plan_digest = row.plan_digest.empty() ? facts.plan->digest : row.plan_digest,
                    .ledger_id = facts.database->database.ledger_id,
                    .epoch = row.epoch},
          .method = std::string(to_string(facts.migration.spec.backup.method)),
          .store_key = store.active_key};
}

/// One producer into one artifact of the set.
Result<artifact::ArtifactFacts> pour(Run& run, bool schema_only,
                                     Result<std::unique_ptr<artifact::ArtifactWriter>> writer,
                                     std::string* facts, Deadline deadline, const std::stop_token& stop) {
  if (!writer) return writer.error();
  const auto sink = [&](std::string_view bytes) { return (*writer)->append(bytes); };
  // Only the artifact's own dump is told about: `facts` is wanted of no other.
  const auto dumped = run.session().dump(schema_only, sink, deadline, stop,
                                         facts != nullptr ? run.progress() : ProgressSink{});
  if (!dumped) return dumped.error();
  if (facts != nullptr) *facts = dumped->json;
  return (*writer)->finish();
}

/// schema.dbm on a thread of its own. Destroyed before its end it is stopped.
class SchemaDump {
 public:
  SchemaDump(Run& run, artifact::SetWriter& writer, Deadline deadline, const std::stop_token& stop)
      : pass_on_(stop, Stop{&stop_}), thread_([this, &run, &writer, deadline] {
          outcome_ = pour(run, true, writer.start_schema(), nullptr, deadline, stop_.get_token());
        }) {}
  ~SchemaDump() { stop_.request_stop(); }
  SchemaDump(const SchemaDump&) = delete;
  SchemaDump& operator=(const SchemaDump&) = delete;

  Result<artifact::ArtifactFacts> finish() {
    thread_.join();
    return std::move(outcome_);
  }

 private:
  struct Stop {
    std::stop_source* source;
    void operator()() const { source->request_stop(); }
  };

  std::stop_source stop_;
  std::stop_callback<Stop> pass_on_;  ///< the caller's stop is ours too
  Result<artifact::ArtifactFacts> outcome_ = artifact::ArtifactFacts{};
  std::jthread thread_;  // last: it uses what is above
};

Result<artifact::BackupSet> take(const Facts& facts, Run& run, const ConfiguredStore& store,
                                 Deadline deadline, const std::stop_token& stop) {
  static const WallClock world;
  const WallClock& clock = run.surroundings().clock == nullptr ? world : *run.surroundings().clock;
  artifact::SetWriter writer{*store.store, request_for(facts, store), clock};
  const bool schema_only = facts.migration.spec.backup.method == BackupMethod::SchemaOnly;
  // The schema's own dump takes a tenth of a second for itself; beside the other it takes none.
  std::optional<SchemaDump> beside;
  if (!schema_only) beside.emplace(run, writer, deadline, stop);
  std::string dump_facts;
  const auto artifact = pour(run, schema_only, writer.start_artifact(), &dump_facts, deadline, stop);
  if (!artifact) return artifact.error();
  std::optional<artifact::ArtifactFacts> schema;
  if (beside) {
    auto poured = beside->finish();
    if (!poured) return poured.error();
    schema = *std::move(poured);
  }
  return writer.complete(dump_facts, *artifact, schema);
}

artifact::Level level_of(VerifyLevel level) {
  switch (level) {
    case VerifyLevel::Checksum:
      return artifact::Level::Checksum;
    case VerifyLevel::Decode:
      return artifact::Level::Decode;
    case VerifyLevel::Structure:
      return artifact::Level::Structure;
  }
  std::abort();
}

BackupStatus status_of(const Facts& facts, const ConfiguredStore& store, const artifact::BackupSet& set) {
  return {.id = set.manifest.id,
          .store = facts.migration.spec.backup.store,
          .location = store.store->describe() + "/" + set.prefix,
          .sha256 = set.manifest.artifact.sha256,
          .verified = std::string(to_string(facts.migration.spec.backup.verify)),
          .completion_time = set.manifest.finished_at,
          .bytes = set.manifest.artifact.bytes};
}

/// Takes one and proves it.
Result<artifact::BackupSet> take_and_prove(const Facts& facts, Run& run, const ConfiguredStore& store,
                                           Deadline deadline, const std::stop_token& stop) {
  auto set = take(facts, run, store, deadline, stop);
  if (!set) return set;
  run.say(PhaseName::Backup, "verifying " + set->manifest.id);
  const auto proven = prove(facts, run.surroundings(), store, *set,
                            level_of(facts.migration.spec.backup.verify), deadline, stop);
  if (!proven) {
    if (proven.error().cause == "BackupCorrupt")
      if (const auto away = artifact::quarantine(*store.store, *set); !away) return away.error();
    return proven.error();
  }
  for (const auto& warning : proven->warnings) run.say(PhaseName::Backup, warning);
  return set;
}

/// That of this run's row, or of the one before if it was for the same plan.
std::optional<BackupStatus> fresh_backup(const Facts& facts, const Run& run) {
  const RunRow& row = *facts.database->last_run;
  if (row.backup) return is_fresh(*row.backup, facts, run.surroundings()) ? row.backup : std::nullopt;
  const auto& before = run.row_before;
  if (!before || !before->backup || before->plan_digest != row.plan_digest) return std::nullopt;
  return is_fresh(*before->backup, facts, run.surroundings()) ? before->backup : std::nullopt;
}

Error bounded(Error error, Deadline deadline) {
  if (error.kind == ErrorKind::Transient && deadline.passed())
    return {ErrorKind::Terminal, "BackupFailed",
            "the backup took longer than backup.timeout: " + error.message, "Timeout"};
  return error;
}

}  // namespace

bool needs_backup(const Facts& facts) {
  const BackupSpec& spec = facts.migration.spec.backup;
  if (facts.plan->pending.empty() || spec.method == BackupMethod::None) return false;
  return spec.when == BackupWhen::Always || script::risk_of(facts.plan->effects) != "Safe";
}

Outcome run_backup(const Facts& facts, Run& run, const std::stop_token& stop) {
  if (const auto fresh = fresh_backup(facts, run)) {
    if (!facts.database->last_run->backup)
      if (const auto recorded = run.session().record_backup(*fresh); !recorded) return recorded.error();
    run.say(PhaseName::Backup, "taken before, and still good: " + fresh->id);
    return Evidence{"backup", fresh->id};
  }
  if (const auto possible = check_backup_possible(facts, run.surroundings(), run.database_bytes); !possible)
    return possible.error();
  const auto store = store_of(facts.migration.spec, run.surroundings(), IfMissing::Make);
  if (!store) return store.error();
  if ((*store)->active_key.empty())
    run.say(PhaseName::Backup, "the store is not encrypted: " + (*store)->unencrypted_reason);

  const auto deadline = Deadline::after(facts.migration.spec.backup.timeout);
  for (int tries = 1;; ++tries) {
    const auto set = take_and_prove(facts, run, **store, deadline, stop);
    if (set) {
      const BackupStatus status = status_of(facts, **store, *set);
      if (const auto recorded = run.session().record_backup(status); !recorded) return recorded.error();
      return Evidence{"backup", status.id};
    }
    if (set.error().cause != "BackupCorrupt" || tries == kTries) return bounded(set.error(), deadline);
    log::warning("a backup could not be read back as it was written; it is taken once more",
                 {{"error", set.error().message}});
  }
}

}  // namespace dbm::migration
