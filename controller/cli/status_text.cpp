#include "cli/status_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/output.h"
#include "migration/project.h"

namespace dbm::cli {
namespace {

using migration::Condition;
using migration::Status;

void add_line(std::string& text, const std::string& label, const std::string& value) {
  if (value.empty()) return;
  std::string padded = label;
  padded.resize(std::max<std::size_t>(padded.size() + 1, 12), ' ');
  text += "  " + padded + value + "\n";
}

std::string describe_database(const migration::DatabaseStatus& database) {
  return database.name + " on PostgreSQL " + database.server_version + ", ledger " + database.ledger_id;
}

std::string describe_version(const Status& status) {
  return (status.current_version.empty() ? "none" : status.current_version) + ", " +
         std::to_string(status.applied_count) + " applied, " + std::to_string(status.pending_count) +
         " pending";
}

std::string describe_plan(const migration::PlanStatus& plan) {
  if (plan.scripts == 0) return "";
  std::string text =
      plan.risk + ", " + counted(plan.scripts, "script") + ", " + counted(plan.statements, "statement");
  for (const std::string& effect : plan.effects)
    text += (&effect == &plan.effects.front() ? ": " : ", ") + effect;
  return text;
}

std::string describe_backup(const migration::BackupStatus& backup) {
  return backup.id + ", " + format_bytes(backup.bytes) + " in store " + backup.store +
         (backup.verified.empty() ? ", not verified" : ", verified: " + backup.verified);
}

std::string describe_dry_run(const migration::DryRunStatus& dry_run) {
  std::string text = dry_run.mode + ", " + std::to_string(dry_run.rehearsed) + " rehearsed";
  if (dry_run.not_rehearsed > 0) text += ", " + std::to_string(dry_run.not_rehearsed) + " not";
  return dry_run.reason.empty() ? text : text + ": " + dry_run.reason;
}

std::string describe_checks(const migration::ChecksStatus& checks) {
  std::string text = std::to_string(checks.passed) + " passed";
  if (checks.failed > 0) text += ", " + std::to_string(checks.failed) + " failed";
  if (checks.warned > 0) text += ", " + std::to_string(checks.warned) + " warned";
  if (checks.vacuous > 0) text += ", " + std::to_string(checks.vacuous) + " vacuous";
  for (const auto& result : checks.results) {
    if (result.result != "Passed")
      text += "\n              " + result.result + " " + result.name + ": " + result.message;
  }
  return text;
}

std::string describe_failure(const migration::FailureStatus& failure) {
  const std::string where = to_string(Position{failure.script, failure.line, failure.column});
  std::string text = failure.reason + (failure.phase.empty() ? "" : " in " + failure.phase);
  if (!where.empty()) text += " at " + where;
  if (!failure.sqlstate.empty()) text += " (SQLSTATE " + failure.sqlstate + ")";
  // What stands in this line already is not said again in the next.
  std::string message = failure.message;
  if (!where.empty() && message.starts_with(where + ": ")) message.erase(0, where.size() + 2);
  const std::string code = " (" + failure.sqlstate + ")";
  if (const auto said = message.find(code); !failure.sqlstate.empty() && said != std::string::npos)
    message.erase(said, code.size());
  text += "\n              " + message;
  return failure.remedy.empty() ? text : text + "\n              " + failure.remedy;
}

std::string describe_conditions(const std::vector<Condition>& conditions) {
  Table table{{"CONDITION", "STATUS", "REASON", "SINCE"}};
  for (const Condition& condition : conditions)
    table.add({condition.type, condition.status, condition.reason, condition.last_transition_time});
  return table.empty() ? "" : "\n" + table.text();
}

}  // namespace

nlohmann::ordered_json with_status(const kubernetes::Object& object, const Status& status) {
  nlohmann::ordered_json whole = *object.document;
  whole["status"] = migration::encode(status);
  return whole;
}

std::string summarize(const kubernetes::Object& object, const Status& status) {
  const Condition* ready = migration::find_condition(status, "Ready");
  if (ready == nullptr) return object.key.name + ": not seen yet\n";
  const std::string state = ready->status == "True" ? "Ready" : "not Ready";
  return object.key.name + ": " + state + ", " + ready->reason + ": " + ready->message + "\n";
}

std::string describe(const kubernetes::Object& object, const Status& status) {
  std::string text = summarize(object, status);
  add_line(text, "version", describe_version(status));
  if (status.database) add_line(text, "database", describe_database(*status.database));
  if (status.plan)
    add_line(text, status.pending_count > 0 ? "plan" : "last plan", describe_plan(*status.plan));
  if (status.backup) add_line(text, "backup", describe_backup(*status.backup));
  if (status.dry_run) add_line(text, "dry run", describe_dry_run(*status.dry_run));
  if (status.checks) add_line(text, "checks", describe_checks(*status.checks));
  if (status.failure) add_line(text, "failure", describe_failure(*status.failure));
  return text + describe_conditions(status.conditions);
}

}  // namespace dbm::cli
