#include "postgres/run_row.h"

#include <nlohmann/json.hpp>

namespace dbm::postgres {
namespace {

using nlohmann::ordered_json;

// What cannot be read back as expected (somebody edited it) is as if it were not there.
ordered_json parse(std::string_view text) {
  auto json = ordered_json::parse(text, nullptr, false);
  return json.is_object() ? json : ordered_json::object();
}
std::string text_of(const ordered_json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}
std::int64_t number_of(const ordered_json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

migration::BackupStatus read_backup(const ordered_json& json) {
  return {text_of(json, "id"),
          text_of(json, "store"),
          text_of(json, "location"),
          text_of(json, "sha256"),
          text_of(json, "verified"),
          text_of(json, "completionTime"),
          static_cast<std::uint64_t>(number_of(json, "bytes"))};
}

migration::DryRunStatus read_dry_run(const ordered_json& json) {
  return {text_of(json, "mode"), text_of(json, "reason"), static_cast<int>(number_of(json, "rehearsed")),
          static_cast<int>(number_of(json, "notRehearsed")), number_of(json, "longestBlockingMillis")};
}

migration::ChecksStatus read_checks(const ordered_json& json) {
  migration::ChecksStatus checks;
  checks.passed = static_cast<int>(number_of(json, "passed"));
  checks.failed = static_cast<int>(number_of(json, "failed"));
  checks.warned = static_cast<int>(number_of(json, "warned"));
  checks.vacuous = static_cast<int>(number_of(json, "vacuous"));
  const auto results = json.find("results");
  if (results == json.end() || !results->is_array()) return checks;
  for (const auto& result : *results)
    if (result.is_object())
      checks.results.push_back({text_of(result, "name"), text_of(result, "at"), text_of(result, "result"),
                                text_of(result, "message")});
  return checks;
}

std::optional<migration::PlanStatus> read_plan(const ordered_json& json, const std::string& digest) {
  migration::PlanStatus plan{digest, text_of(json, "risk")};
  if (plan.risk.empty()) return std::nullopt;  // written by an older dbm
  const auto effects = json.find("effects");
  if (effects != json.end() && effects->is_array())
    for (const auto& effect : *effects)
      if (effect.is_string()) plan.effects.push_back(effect.get<std::string>());
  plan.scripts = static_cast<int>(number_of(json, "scripts"));
  plan.statements = number_of(json, "statements");
  return plan;
}

migration::FailureStatus read_failure(const ordered_json& json) {
  migration::FailureStatus failure;
  failure.phase = text_of(json, "phase");
  failure.reason = text_of(json, "reason");
  failure.script = text_of(json, "script");
  failure.sqlstate = text_of(json, "sqlstate");
  failure.message = text_of(json, "message");
  failure.remedy = text_of(json, "remedy");
  failure.line = static_cast<int>(number_of(json, "line"));
  failure.column = static_cast<int>(number_of(json, "column"));
  return failure;
}

}  // namespace

std::string to_json(const migration::BackupStatus& backup) {
  return dump({{"id", backup.id},
               {"store", backup.store},
               {"location", backup.location},
               {"sha256", backup.sha256},
               {"bytes", backup.bytes},
               {"verified", backup.verified},
               {"completionTime", backup.completion_time}});
}

std::string to_json(const migration::DryRunStatus& dry_run) {
  return dump({{"mode", dry_run.mode},
               {"rehearsed", dry_run.rehearsed},
               {"notRehearsed", dry_run.not_rehearsed},
               {"reason", dry_run.reason},
               {"longestBlockingMillis", dry_run.longest_blocking_millis}});
}

std::string to_json(const migration::ChecksStatus& checks) {
  ordered_json results = ordered_json::array();
  for (const auto& check : checks.results)
    results.push_back(
        {{"name", check.name}, {"at", check.at}, {"result", check.result}, {"message", check.message}});
  return dump({{"passed", checks.passed},
               {"failed", checks.failed},
               {"warned", checks.warned},
               {"vacuous", checks.vacuous},
               {"results", std::move(results)}});
}

std::string failure_json(const Error& error) {
  return dump({{"phase", error.phase},
               {"reason", error.failure_reason()},
               {"script", error.at.file},
               {"line", error.at.line},
               {"column", error.at.column},
               {"sqlstate", error.sqlstate},
               {"message", error.message},
               {"remedy", error.remedy}});
}

std::string plan_json(const migration::Plan& plan) {
  constexpr std::size_t kMost = 1000;
  ordered_json scripts = ordered_json::array();
  for (const auto& pending : plan.pending) {
    if (scripts.size() == kMost) break;
    scripts.push_back(
        {{"version", pending.script.version.id}, {"name", pending.script.name}, {"why", pending.why}});
  }
  return dump({{"scripts", plan.pending.size()},
               {"statements", plan.statements},
               {"risk", script::risk_of(plan.effects)},
               {"effects", script::effect_names(plan.effects)},
               {"baseline", plan.baseline.size()},
               {"pending", std::move(scripts)}});
}

std::string run_columns() {
  const auto time = [](const std::string& column) {
    return "pg_catalog.to_char(" + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
  };
  return "r.run, r.batch, r.epoch, r.generation, r.spec_digest, r.source_digest, r.plan_digest, r.backup, "
         "r.dry_run, r.checks, "
         "r.outcome, r.failure, r.validated, " +
         time("r.started") + ", " + time("r.finished") + ", r.plan - 'pending'";
}

migration::RunRow read_run_row(const Rows& rows, int row) {
  migration::RunRow run;
  const auto text = [&](int column) { return std::string{rows.text(row, column)}; };
  run.run_id = text(0);
  run.batch = rows.number(row, 1);
  run.epoch = rows.number(row, 2);
  run.generation = rows.number(row, 3);
  run.spec_digest = text(4);
  run.source_digest = text(5);
  run.plan_digest = text(6);
  if (!rows.is_null(row, 7)) run.backup = read_backup(parse(rows.text(row, 7)));
  if (!rows.is_null(row, 8)) run.dry_run = read_dry_run(parse(rows.text(row, 8)));
  if (!rows.is_null(row, 9)) run.checks = read_checks(parse(rows.text(row, 9)));
  run.outcome = text(10);
  if (!rows.is_null(row, 11)) run.failure = read_failure(parse(rows.text(row, 11)));
  run.validated = rows.boolean(row, 12);
  run.started = text(13);
  run.finished = text(14);
  if (!rows.is_null(row, 15)) run.plan = read_plan(parse(rows.text(row, 15)), run.plan_digest);
  return run;
}

}  // namespace dbm::postgres
