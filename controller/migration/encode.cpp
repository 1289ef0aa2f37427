/// Status as JSON and back, and the bound on its size.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "migration/object.h"

namespace dbm::migration {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBytesMax = std::size_t{24} << 10;
constexpr std::size_t kReadyMessageMax = 1024;
constexpr std::size_t kMessageMax = 256;

/// At most `most` bytes of `text`, cut between characters, with a note of what is missing.
std::string cut(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const auto note = [&](std::size_t kept) {
    return "… (" + std::to_string(text.size() - kept) + " more bytes, see the ledger)";
  };
  std::size_t kept = most - std::min(most, note(0).size());
  while (kept > 0 && (static_cast<unsigned char>(text[kept]) & 0xC0) == 0x80) --kept;
  return text.substr(0, kept) + note(kept);
}

void put(Json& into, const char* name, const std::string& text) {
  if (!text.empty()) into[name] = text;
}

Json conditions_of(const Status& status, std::size_t message_max) {
  Json all = Json::array();
  for (const Condition& c : status.conditions) {
    Json one = {{"type", c.type}, {"status", c.status}, {"reason", c.reason}};
    one["message"] =
        cut(c.message, c.type == "Ready" ? std::max(kReadyMessageMax, message_max) : message_max);
    one["lastTransitionTime"] = c.last_transition_time;
    one["observedGeneration"] = c.observed_generation;
    all.push_back(std::move(one));
  }
  return all;
}

Json plan_of(const PlanStatus& plan) {
  Json json = Json::object();
  put(json, "digest", plan.digest);
  put(json, "risk", plan.risk);
  if (!plan.effects.empty()) json["effects"] = plan.effects;
  json["scripts"] = plan.scripts;
  json["statements"] = plan.statements;
  return json;
}

Json progress_of(const ProgressStatus& progress) {
  Json json = Json::object();
  put(json, "phase", progress.phase);
  put(json, "script", cut(progress.script, 300));
  if (progress.statement > 0) json["statement"] = progress.statement;
  if (progress.of > 0) json["of"] = progress.of;
  json["percent"] = progress.percent;
  put(json, "message", cut(progress.message, kMessageMax));
  return json;
}

Json backup_of(const BackupStatus& backup) {
  Json json = Json::object();
  put(json, "id", backup.id);
  put(json, "store", backup.store);
  put(json, "location", cut(backup.location, 1024));
  put(json, "sha256", backup.sha256);
  json["bytes"] = backup.bytes;
  put(json, "verified", backup.verified);
  put(json, "completionTime", backup.completion_time);
  return json;
}

Json dry_run_of(const DryRunStatus& dry_run) {
  Json json = Json::object();
  put(json, "mode", dry_run.mode);
  json["rehearsed"] = dry_run.rehearsed;
  json["notRehearsed"] = dry_run.not_rehearsed;
  put(json, "reason", cut(dry_run.reason, kMessageMax));
  json["longestBlockingMillis"] = dry_run.longest_blocking_millis;
  return json;
}

int rank(const CheckResult& result) {
  return result.result == "Failed" ? 0 : result.result == "Warned" ? 1 : result.result == "Vacuous" ? 2 : 3;
}

Json checks_of(const ChecksStatus& checks, bool with_passed, std::size_t message_max) {
  Json json = {{"passed", checks.passed},
               {"failed", checks.failed},
               {"warned", checks.warned},
               {"vacuous", checks.vacuous}};
  auto results = checks.results;
  std::stable_sort(results.begin(), results.end(),
                   [](const auto& a, const auto& b) { return rank(a) < rank(b); });
  Json all = Json::array();
  for (const CheckResult& result : results) {
    if (!with_passed && result.result == "Passed") continue;
    Json one = {{"name", cut(result.name, 253)}, {"at", result.at}, {"result", result.result}};
    put(one, "message", cut(result.message, message_max));
    all.push_back(std::move(one));
  }
  if (!all.empty()) json["results"] = std::move(all);
  return json;
}

Json database_of(const DatabaseStatus& database) {
  Json json = Json::object();
  put(json, "serverVersion", database.server_version);
  put(json, "systemIdentifier", database.system_identifier);
  put(json, "name", database.name);
  put(json, "ledgerId", database.ledger_id);
  return json;
}

Json failure_of(const FailureStatus& failure, std::size_t message_max) {
  Json json = Json::object();
  put(json, "phase", failure.phase);
  put(json, "reason", failure.reason);
  put(json, "script", cut(failure.script, 300));
  if (failure.line > 0) json["line"] = failure.line;
  if (failure.column > 0) json["column"] = failure.column;
  put(json, "sqlstate", failure.sqlstate);
  put(json, "message", cut(failure.message, message_max));
  put(json, "remedy", cut(failure.remedy, std::max<std::size_t>(message_max, 512)));
  return json;
}

Json history_of(const std::vector<HistoryEntry>& history, std::size_t most) {
  Json all = Json::array();
  for (const HistoryEntry& entry : history) {
    if (all.size() == most) break;
    Json one = Json::object();
    put(one, "version", entry.version);
    put(one, "name", cut(entry.name, 253));
    put(one, "result", entry.result);
    one["batch"] = entry.batch;
    put(one, "checksum", entry.checksum);
    put(one, "startTime", entry.start_time);
    one["durationMillis"] = entry.duration_millis;
    if (entry.rows) one["rows"] = *entry.rows;
    put(one, "backup", entry.backup);
    all.push_back(std::move(one));
  }
  return all;
}

/// How much of a status is written.
struct Allowance {
  bool passed_checks = true;
  std::size_t history = SIZE_MAX;
  std::size_t message_max = kMessageMax;
};

Json write(const Status& status, const Allowance& allowance) {
  Json json = {{"conditions", conditions_of(status, allowance.message_max)},
               {"observedGeneration", status.observed_generation}};
  put(json, "currentVersion", status.current_version);
  json["appliedCount"] = status.applied_count;
  json["pendingCount"] = status.pending_count;
  put(json, "sourceDigest", status.source_digest);
  if (status.plan) json["plan"] = plan_of(*status.plan);
  if (status.progress) json["progress"] = progress_of(*status.progress);
  if (status.backup) json["backup"] = backup_of(*status.backup);
  if (status.dry_run) json["dryRun"] = dry_run_of(*status.dry_run);
  if (status.checks)
    json["checks"] = checks_of(*status.checks, allowance.passed_checks, allowance.message_max);
  if (status.database) json["database"] = database_of(*status.database);
  if (status.failure) json["failure"] = failure_of(*status.failure, allowance.message_max);
  if (!status.history.empty() && allowance.history > 0)
    json["history"] = history_of(status.history, allowance.history);
  put(json, "lastHandledReconcileAt", cut(status.last_handled_reconcile_at, 64));
  return json;
}

std::size_t bytes_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace).size();
}

Json shortened(const Status& status, const Allowance& allowance, const char* what) {
  Status noted = status;
  for (Condition& c : noted.conditions)
    if (c.type == "Ready")
      c.message = cut(c.message, 900) + " (status shortened: " + what + " left out, see the ledger)";
  return write(noted, allowance);
}

}  // namespace

Json encode(const Status& status) {
  Allowance allowance;
  Json json = write(status, allowance);
  if (bytes_of(json) <= kBytesMax) return json;

  allowance.passed_checks = false;
  json = shortened(status, allowance, "passed checks");
  if (bytes_of(json) <= kBytesMax) return json;

  for (std::size_t keep = std::min<std::size_t>(status.history.size(), 100); keep > 0;) {
    allowance.history = --keep;
    json = shortened(status, allowance, "passed checks, older history");
    if (bytes_of(json) <= kBytesMax) return json;
  }
  // With the results bounded as the schema bounds them, names alone may be too much: the failing ones come
  // first.
  Status fewer = status;
  for (allowance.message_max = 64; fewer.checks && !fewer.checks->results.empty();) {
    json = shortened(fewer, allowance, "passed checks, history, messages");
    if (bytes_of(json) <= kBytesMax) return json;
    auto& results = fewer.checks->results;
    std::stable_sort(results.begin(), results.end(),
                     [](const auto& a, const auto& b) { return rank(a) < rank(b); });
    results.resize(results.size() / 2);
  }
  return shortened(fewer, allowance, "checks, history, messages");
}

}  // namespace dbm::migration
