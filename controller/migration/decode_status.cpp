/// Reads a status back. It is a projection, so what is missing or odd is simply empty.
#include <nlohmann/json.hpp>

#include "migration/object.h"

namespace dbm::migration {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string{};
}
std::int64_t number(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}
const Json* object(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_object() ? &*found : nullptr;
}
std::vector<const Json*> objects(const Json& from, const char* name) {
  std::vector<const Json*> all;
  const auto found = from.find(name);
  if (found == from.end() || !found->is_array()) return all;
  for (const Json& entry : *found)
    if (entry.is_object()) all.push_back(&entry);
  return all;
}

PlanStatus plan_of(const Json& json) {
  PlanStatus plan{text(json, "digest"),
                  text(json, "risk"),
                  {},
                  static_cast<int>(number(json, "scripts")),
                  number(json, "statements")};
  const auto effects = json.find("effects");
  if (effects != json.end() && effects->is_array())
    for (const Json& effect : *effects)
      if (effect.is_string()) plan.effects.push_back(effect.get<std::string>());
  return plan;
}

ChecksStatus checks_of(const Json& json) {
  ChecksStatus checks{static_cast<int>(number(json, "passed")),
                      static_cast<int>(number(json, "failed")),
                      static_cast<int>(number(json, "warned")),
                      static_cast<int>(number(json, "vacuous")),
                      {}};
  for (const Json* r : objects(json, "results"))
    checks.results.push_back({text(*r, "name"), text(*r, "at"), text(*r, "result"), text(*r, "message")});
  return checks;
}

HistoryEntry history_of(const Json& json) {
  return {.version = text(json, "version"),
          .name = text(json, "name"),
          .result = text(json, "result"),
          .batch = number(json, "batch"),
          .checksum = text(json, "checksum"),
          .start_time = text(json, "startTime"),
          .duration_millis = number(json, "durationMillis"),
          .rows = json.contains("rows") ? std::optional(number(json, "rows")) : std::nullopt,
          .backup = text(json, "backup")};
}

void read_parts(const Json& json, Status& status) {
  if (const Json* p = object(json, "plan")) status.plan = plan_of(*p);
  if (const Json* p = object(json, "progress"))
    status.progress =
        ProgressStatus{text(*p, "phase"),       text(*p, "script"), text(*p, "message"),
                       number(*p, "statement"), number(*p, "of"),   static_cast<int>(number(*p, "percent"))};
  if (const Json* b = object(json, "backup"))
    status.backup = BackupStatus{text(*b, "id"),
                                 text(*b, "store"),
                                 text(*b, "location"),
                                 text(*b, "sha256"),
                                 text(*b, "verified"),
                                 text(*b, "completionTime"),
                                 static_cast<std::uint64_t>(number(*b, "bytes"))};
  if (const Json* d = object(json, "dryRun"))
    status.dry_run =
        DryRunStatus{text(*d, "mode"), text(*d, "reason"), static_cast<int>(number(*d, "rehearsed")),
                     static_cast<int>(number(*d, "notRehearsed")), number(*d, "longestBlockingMillis")};
  if (const Json* c = object(json, "checks")) status.checks = checks_of(*c);
  if (const Json* d = object(json, "database"))
    status.database = DatabaseStatus{text(*d, "serverVersion"), text(*d, "systemIdentifier"),
                                     text(*d, "name"), text(*d, "ledgerId")};
  if (const Json* f = object(json, "failure"))
    status.failure = FailureStatus{text(*f, "phase"),
                                   text(*f, "reason"),
                                   text(*f, "script"),
                                   text(*f, "sqlstate"),
                                   text(*f, "message"),
                                   text(*f, "remedy"),
                                   static_cast<int>(number(*f, "line")),
                                   static_cast<int>(number(*f, "column"))};
}

}  // namespace

Status decode_status(const Json& json) {
  Status status;
  if (!json.is_object()) return status;
  const auto generation = json.find("observedGeneration");
  if (generation != json.end() && generation->is_number_integer())
    status.observed_generation = generation->get<std::int64_t>();
  for (const Json* c : objects(json, "conditions"))
    status.conditions.push_back({text(*c, "type"), text(*c, "status"), text(*c, "reason"),
                                 text(*c, "message"), text(*c, "lastTransitionTime"),
                                 number(*c, "observedGeneration")});
  status.current_version = text(json, "currentVersion");
  status.applied_count = number(json, "appliedCount");
  status.pending_count = number(json, "pendingCount");
  status.source_digest = text(json, "sourceDigest");
  read_parts(json, status);
  for (const Json* h : objects(json, "history")) status.history.push_back(history_of(*h));
  status.last_handled_reconcile_at = text(json, "lastHandledReconcileAt");
  return status;
}

}  // namespace dbm::migration
