/// What people ask of an object without changing anything.
#include <nlohmann/json.hpp>

#include "migration/observe.h"
#include "migration/plan_rules.h"
#include "migration/reconcile.h"
#include "migration/remedy.h"

namespace dbm::migration {
namespace {

using Json = nlohmann::ordered_json;

std::string backup_line(const Facts& facts, const Surroundings& surroundings) {
  const BackupSpec& spec = facts.migration.spec.backup;
  if (spec.method == BackupMethod::None) return "none: " + spec.reason;
  if (facts.plan == nullptr || !needs_backup(facts)) return "none is needed";
  const auto store = store_of(facts.migration.spec, surroundings);
  std::string line = std::string(to_string(spec.method)) +
                     ", verified: " + std::string(to_string(spec.verify)) + ", to store " + spec.store;
  if (store)
    line += " (" + (*store)->store->describe() +
            ((*store)->active_key.empty() ? ", not encrypted: " + (*store)->unencrypted_reason : "") + ")";
  return line;
}

std::optional<Error> find_obstacle(PlanReport& report, const Surroundings& surroundings, Deadline deadline,
                                   const std::stop_token& stop) {
  const Facts& facts = report.facts;
  auto preflight = surroundings.engine->preflight(facts.connection->target, facts.migration.spec, *facts.plan,
                                                  deadline, stop);
  if (!preflight) return preflight.error();
  report.preflight = *std::move(preflight);
  if (needs_backup(facts))
    if (const auto possible = check_backup_possible(facts, surroundings, report.preflight->database_bytes);
        !possible)
      return possible.error();
  const auto parsed =
      surroundings.engine->parse_with_server(facts.connection->target, *facts.plan, deadline, stop);
  if (parsed) return std::nullopt;
  report.facts.plan = std::make_shared<const Plan>(without_notice_of(*facts.plan, parsed.error()));
  return parsed.error();
}

Json failure_json(const Error& error) {
  const FailureStatus failure = failure_of(error);
  Json json = {{"condition", error.reason},
               {"reason", failure.reason},
               {"message", failure.message},
               {"remedy", failure.remedy}};
  if (!failure.script.empty()) json["script"] = failure.script;
  if (failure.line > 0) json["line"] = failure.line;
  if (failure.column > 0) json["column"] = failure.column;
  return json;
}

Json script_json(const PendingScript& pending) {
  Json json = {{"version", pending.script.version.id},
               {"name", pending.script.name},
               {"file", pending.script.forward.name},
               {"why", pending.why},
               {"checksum", pending.script.checksum},
               {"statements", pending.analysis.statements},
               {"transaction", pending.analysis.in_transaction ? "script" : "none"},
               {"effects", script::effect_names(pending.analysis.effects)}};
  if (pending.continue_at > 0) json["continueAt"] = pending.continue_at + 1;
  return json;
}

/// There is work to do, and nobody has said how it went.
Verdict ahead(const Facts& facts) {
  // What it waits for only the status file knows.
  const Status& told = facts.previous;
  const Condition* reconciling = find_condition(told, "Reconciling");
  const bool waits = reconciling != nullptr && reconciling->status == "True" && told.failure &&
                     told.observed_generation == facts.generation;
  if (waits) {
    const auto& failure = *told.failure;
    Error why{ErrorKind::Waiting, reconciling->reason, failure.message,
              failure.reason,     failure.sqlstate,    {failure.script, failure.line, failure.column},
              failure.remedy,     failure.phase};
    return {.mood = Mood::Waiting, .why = std::move(why)};
  }
  const RunRow* last = facts.last_run();
  if (last == nullptr || !last->outcome.empty()) return {Mood::New};
  return {
      .mood = Mood::Waiting,
      .why = Error{ErrorKind::Transient, "ProgressingWithRetry",
                   "a run is under way, or was interrupted; the next one goes on with it", "Interrupted"}};
}

}  // namespace

Json to_json(const PlanReport& report) {
  const Facts& facts = report.facts;
  const auto& key = facts.migration.object.key;
  Json json = {{"apiVersion", "dbmigration.dev/v1alpha1"},
               {"kind", "Plan"},
               {"metadata", {{"name", key.name}, {"namespace", key.namespace_}}}};
  if (facts.database)
    json["database"] = {{"name", facts.database->database.name},
                        {"serverVersion", facts.database->database.server_version}};
  if (facts.source != nullptr) json["sourceDigest"] = facts.source->digest;
  json["scripts"] = Json::array();
  if (facts.plan != nullptr) {
    const Plan& plan = *facts.plan;
    json["digest"] = plan.digest;
    json["risk"] = script::risk_of(plan.effects);
    json["effects"] = script::effect_names(plan.effects);
    json["statements"] = plan.statements;
    for (const auto& pending : plan.pending) json["scripts"].push_back(script_json(pending));
    json["baseline"] = Json::array();
    for (const auto& pending : plan.baseline) json["baseline"].push_back(script_json(pending));
    json["outsideTransaction"] = plan.outside_transaction;
    json["warnings"] = plan.warnings;
  }
  if (report.preflight) {
    json["databaseBytes"] = report.preflight->database_bytes;
    json["blockers"] = report.preflight->blockers;
    for (const auto& warning : report.preflight->warnings) json["warnings"].push_back(warning);
  }
  json["backup"] = report.backup;
  if (report.obstacle) json["obstacle"] = failure_json(*report.obstacle);
  return json;
}

Result<Facts> Reconciler::look(const kubernetes::ObjectKey& key, Deadline deadline,
                               const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return found.error();
  Facts facts = observe(*found, surroundings_, {.requested = false, .even_suspended = true}, deadline, stop);
  if (facts.trouble) return *facts.trouble;
  return facts;
}

Result<PlanReport> Reconciler::plan(const kubernetes::ObjectKey& key, Deadline deadline,
                                    const std::stop_token& stop) {
  const auto kept = surroundings_.engine->keep_connections();
  auto facts = look(key, deadline, stop);
  if (!facts) return facts.error();
  PlanReport report{.facts = *std::move(facts)};
  report.facts.migration.spec.suspend = false;  // what would be done, were it not suspended
  report.facts.requested = true;
  report.decision = decide(report.facts, surroundings_.take_over);
  report.obstacle = report.decision.why;
  report.backup = backup_line(report.facts, surroundings_);
  if (report.facts.plan != nullptr && !report.obstacle && !report.facts.plan->empty())
    report.obstacle = find_obstacle(report, surroundings_, deadline, stop);
  return report;
}

Result<Status> Reconciler::status(const kubernetes::ObjectKey& key, Deadline deadline,
                                  const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return found.error();
  Facts facts = observe(*found, surroundings_, {}, deadline, stop);
  const Decision decision = decide(facts, surroundings_.take_over);
  if (decision.next == Next::Suspended) return facts.previous;
  const std::string now = to_rfc3339(surroundings_.now());
  switch (decision.next) {
    case Next::Nothing:
      return project(facts, facts.previous, {Mood::Done}, now);
    case Next::Stalled:
      return project(facts, facts.previous, {.mood = Mood::Stalled, .why = decision.why}, now);
    case Next::Retry:
    case Next::Wait:
      return project(facts, facts.previous, {.mood = Mood::Waiting, .why = decision.why}, now);
    default:
      return project(facts, facts.previous, ahead(facts), now);
  }
}

Result<std::vector<HistoryEntry>> Reconciler::history(const kubernetes::ObjectKey& key, int limit,
                                                      Deadline deadline, const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return found.error();
  const auto migration = decode(*found);
  if (!migration) return migration.error();
  const auto connection = resolve_connection(*migration, surroundings_, deadline, stop);
  if (!connection) return connection.error();
  auto inspection = surroundings_.engine->inspect(
      connection->target, {limit, owner_of(*migration, surroundings_), true}, deadline, stop);
  if (!inspection) return inspection.error();
  return std::move(inspection->newest);
}

Result<ChecksStatus> Reconciler::validate(const kubernetes::ObjectKey& key, Deadline deadline,
                                          const std::stop_token& stop) {
  const auto kept = surroundings_.engine->keep_connections();
  const auto facts = look(key, deadline, stop);
  if (!facts) return facts.error();
  return surroundings_.engine->validate(facts->connection->target, facts->migration.spec, deadline, stop);
}

Result<> Reconciler::resolve(const kubernetes::ObjectKey& key, const std::string& version,
                             Resolution resolution, Deadline deadline, const std::stop_token& stop) {
  const auto facts = look(key, deadline, stop);
  if (!facts) return facts.error();
  return surroundings_.engine->resolve(request_of(*facts, surroundings_), version, resolution, deadline,
                                       stop);
}

Result<artifact::SetListing> Reconciler::backups(const kubernetes::ObjectKey& key, Deadline deadline,
                                                 const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return found.error();
  // The database may be the very thing that is lost: then all sets of this name are shown.
  const Facts facts =
      observe(*found, surroundings_, {.requested = false, .even_suspended = true}, deadline, stop);
  if (!facts.decoded) return *facts.trouble;
  return list_backups(facts, surroundings_);
}

Result<artifact::VerifyReport> Reconciler::verify_backup(const kubernetes::ObjectKey& key,
                                                         const std::string& id, artifact::Level level,
                                                         Deadline deadline, const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return found.error();
  const Facts facts =
      observe(*found, surroundings_, {.requested = false, .even_suspended = true}, deadline, stop);
  if (!facts.decoded) return *facts.trouble;
  const auto store = store_of(facts.migration.spec, surroundings_);
  if (!store) return store.error();
  const auto set = find_backup(facts, surroundings_, id);
  if (!set) return set.error();
  return prove(facts, surroundings_, **store, *set, level, deadline, stop);
}

Result<> Reconciler::restore(const kubernetes::ObjectKey& key, const std::string& id,
                             const std::string& new_database, Deadline deadline,
                             const std::stop_token& stop) {
  const auto found = object(key, deadline, stop);
  if (!found) return found.error();
  auto migration = decode(*found);
  if (!migration) return migration.error();
  // The database itself may be gone; its server is enough.
  auto connection = resolve_connection(*migration, surroundings_, deadline, stop);
  if (!connection) return connection.error();
  Facts facts;
  facts.migration = *std::move(migration);
  facts.decoded = true;
  facts.connection = *std::move(connection);
  return restore_backup(facts, surroundings_, id, new_database, deadline, stop, progress_);
}

}  // namespace dbm::migration
