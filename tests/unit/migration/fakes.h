#pragma once
/// A ledger in memory behind Engine, objects in a map: just enough to walk the passes. The real parts are met
/// in the integration tests.

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "migration/engine.h"
#include "migration/plan.h"
#include "migration/surroundings.h"
#include "unit/migration/worlds.h"

namespace dbm::migration {

class FakeObjects final : public kubernetes::Objects {
 public:
  Result<std::optional<kubernetes::Object>> get(const kubernetes::ObjectKey& key, Deadline,
                                                const std::stop_token&) override {
    const auto found = all.find(key);
    return found == all.end() ? std::optional<kubernetes::Object>{} : found->second;
  }
  Result<std::vector<kubernetes::Object>> list(const std::string&, Deadline,
                                               const std::stop_token&) override {
    return std::vector<kubernetes::Object>{};
  }
  Result<> apply_status(const kubernetes::Object& object, const Json& status, Deadline,
                        const std::stop_token&) override {
    kubernetes::Object& known = all.at(object.key);
    if (known.resource_version != object.resource_version)
      return Error{ErrorKind::Transient, "Conflict", "changed", "Conflict"};
    known.resource_version += "'";
    Json document = *known.document;
    document["status"] = status;
    known.document = std::make_shared<const Json>(std::move(document));
    written.push_back(status);
    return {};
  }
  void emit(const kubernetes::Object&, const kubernetes::Event& event) override {
    events.push_back(event.reason);
  }

  std::map<kubernetes::ObjectKey, kubernetes::Object> all;
  std::vector<Json> written;
  std::vector<std::string> events;
};

class FakeSources final : public Sources {
 public:
  Result<std::vector<script::Text>> texts(const Migration&, Deadline, const std::stop_token&) override {
    std::vector<script::Text> all;
    for (const auto& [name, sql] : files) all.push_back(script::text_of(name, sql));
    return all;
  }
  Files files;
};

/// What the database holds, and what shall go wrong in it.
struct FakeDatabase {
  Inspection now = database_with({});
  std::optional<Error> apply_fails;  ///< at the second script
  std::optional<Error> begin_fails;
  std::string dump_bytes;    ///< empty: dumping fails
  int damaged_archives = 0;  ///< so many of the next archives cannot be read
  int failing_checks = 0;
  int runs = 0, dumps = 0, rehearsals = 0;
  bool rehearsal_takes_too_long = false;
};

class FakeRun final : public EngineRun {
 public:
  FakeRun(FakeDatabase& database, RunRequest request) : database_(database), request_(std::move(request)) {
    ++database_.now.epoch;
  }

  Result<Inspection> inspect() override { return database_.now; }
  Result<> open(const Plan& plan) override {
    auto& last = database_.now.last_run;
    const bool goes_on = last && last->outcome.empty() && last->spec_digest == request_.spec_digest &&
                         last->source_digest == request_.source_digest;
    if (goes_on) return {};
    const std::int64_t batch = last ? last->batch + 1 : 1;
    last = RunRow{.batch = batch,
                  .generation = request_.generation,
                  .spec_digest = request_.spec_digest,
                  .source_digest = request_.source_digest,
                  .plan_digest = plan.digest};
    return {};
  }
  [[nodiscard]] const RunRow& row() const override { return *database_.now.last_run; }
  Result<DumpFacts> dump(bool, const DumpSink& sink, Deadline, const std::stop_token&,
                         const ProgressSink&) override {
    ++std::atomic_ref(database_.dumps);  // the schema is dumped beside the rows
    if (database_.dump_bytes.empty())
      return Error{ErrorKind::Terminal, "BackupFailed", "no dump here", "ProducerFailed"};
    if (const auto taken = sink(database_.dump_bytes); !taken) return taken.error();
    const Json facts = {{"serverVersion", 150018},
                        {"systemIdentifier", database_.now.database.system_identifier},
                        {"database", {{"name", database_.now.database.name}}},
                        {"tables", Json::array()}};
    return DumpFacts{.json = facts.dump(), .tables = {}};
  }
  Result<Rehearsal> rehearse(const Plan& plan, Deadline deadline, const std::stop_token&,
                             const ProgressSink&) override {
    ++database_.rehearsals;
    if (database_.rehearsal_takes_too_long) {
      while (!deadline.passed()) std::this_thread::yield();
      return Error{ErrorKind::Transient, "ProgressingWithRetry", "timed out", "Timeout"};
    }
    return Rehearsal{.summary = {.mode = "Rehearse", .rehearsed = static_cast<int>(plan.pending.size())}};
  }
  Result<> apply(const Plan& plan, Deadline, const std::stop_token&, const ProgressSink&,
                 const std::function<void(const AppliedScript&)>& applied) override {
    for (std::size_t i = 0; i < plan.pending.size(); ++i) {
      if (i == 1 && database_.apply_fails) return *database_.apply_fails;
      const auto& script = plan.pending[i].script;
      std::erase_if(database_.now.rows,
                    [&](const HistoryRow& row) { return row.version_key == script.version.key; });
      database_.now.rows.push_back(row_of(script));
      database_.now.newest.insert(
          database_.now.newest.begin(),
          {.version = script.version.id, .name = script.name, .result = "Succeeded", .batch = row().batch});
      applied({script.version.id, 0, 1});
    }
    return {};
  }
  Result<ChecksStatus> check(Gate, const Plan&, Deadline, const std::stop_token&) override {
    ChecksStatus checks{.passed = 2, .failed = database_.failing_checks};
    if (database_.failing_checks > 0) checks.results.push_back({"no-orphans", "After", "Failed", "3 rows"});
    return checks;
  }
  Result<> record_backup(const BackupStatus& backup) override {
    return edit([&](RunRow& row) { row.backup = backup; });
  }
  Result<> record_rehearsal(const DryRunStatus& dry_run) override {
    return edit([&](RunRow& row) { row.dry_run = dry_run; });
  }
  Result<> record_checks(const ChecksStatus& checks) override {
    return edit([&](RunRow& row) { row.checks = checks, row.validated = true; });
  }
  Result<> finish(const std::optional<Error>& failure) override {
    return edit([&](RunRow& row) {
      row.outcome = failure ? failure->reason : "Succeeded";
      if (failure)
        row.failure =
            FailureStatus{failure->phase,   failure->failure_reason(), failure->at.file, failure->sqlstate,
                          failure->message, failure->remedy,           failure->at.line, failure->at.column};
    });
  }

 private:
  template <class F>
  Result<> edit(F change) {
    change(*database_.now.last_run);
    return {};
  }
  FakeDatabase& database_;
  RunRequest request_;
};

class FakeEngine final : public Engine {
 public:
  Result<Inspection> inspect(const Target&, const InspectOptions&, Deadline,
                             const std::stop_token&) override {
    return database.now;
  }
  Result<Preflight> preflight(const Target&, const Spec&, const Plan&, Deadline,
                              const std::stop_token&) override {
    return Preflight{};
  }
  Result<> parse_with_server(const Target&, const Plan&, Deadline, const std::stop_token&) override {
    return {};
  }
  Result<std::unique_ptr<EngineRun>> begin_run(const RunRequest& request, Deadline,
                                               const std::stop_token&) override {
    ++database.runs;
    if (database.begin_fails) return *database.begin_fails;
    database.now.ledger = LedgerState::Ours;
    return std::unique_ptr<EngineRun>(new FakeRun{database, request});
  }
  Result<ChecksStatus> validate(const Target&, const Spec&, Deadline, const std::stop_token&) override {
    return ChecksStatus{};
  }
  Result<> resolve(const RunRequest&, const std::string&, Resolution, Deadline,
                   const std::stop_token&) override {
    return {};
  }
  Result<> restore(const Target&, const std::string&, const std::string&,
                   const std::function<Result<std::size_t>(std::span<char>)>&, Deadline,
                   const std::stop_token&, const ProgressSink&) override {
    return {};
  }
  Result<std::vector<std::string>> read_archive(
      int, const std::function<Result<std::size_t>(std::span<char>)>& read, Deadline,
      const std::stop_token&) override {
    std::array<char, 4096> buffer{};
    for (auto got = read(buffer);; got = read(buffer)) {
      if (!got) return got.error();
      if (*got == 0) break;
    }
    if (database.damaged_archives-- > 0)
      return Error{ErrorKind::Terminal, "BackupFailed", "pg_restore refuses it", "BackupCorrupt"};
    return std::vector<std::string>{};
  }

  FakeDatabase database;
};

}  // namespace dbm::migration
