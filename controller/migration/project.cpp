#include "migration/project.h"

#include <algorithm>
#include <set>

#include "migration/decide.h"
#include "migration/phase_conditions.h"
#include "migration/remedy.h"
#include "script/classify.h"

namespace dbm::migration {
namespace {

const HistoryRow* newest_applied(const Inspection& database) {
  const HistoryRow* newest = nullptr;
  for (const HistoryRow& row : database.rows) {
    if (row.status != "applied" && row.status != "baseline") continue;
    if (newest == nullptr || script::compare_keys(newest->version_key, row.version_key) < 0) newest = &row;
  }
  return newest;
}

void add_database(const Facts& facts, Status& status) {
  const Inspection& database = *facts.database;
  const auto applied = [](const HistoryRow& row) {
    return row.status == "applied" || row.status == "baseline";
  };
  status.applied_count = std::count_if(database.rows.begin(), database.rows.end(), applied);
  if (const HistoryRow* newest = newest_applied(database)) status.current_version = newest->version;
  status.database = database.database;
  status.history = database.newest;
  const auto limit = static_cast<std::size_t>(std::max(facts.migration.spec.history_limit, 1));
  if (status.history.size() > limit) status.history.resize(limit);
  if (const RunRow* run = facts.last_run()) {
    status.backup = run->backup;
    status.dry_run = run->dry_run;
    status.checks = run->checks;
  }
}

/// What was read of the ledger earlier stays, as long as it cannot be read again.
void keep_previous(const Status& previous, Status& status) {
  status.applied_count = previous.applied_count;
  status.pending_count = previous.pending_count;
  status.current_version = previous.current_version;
  status.database = previous.database;
  status.history = previous.history;
  status.backup = previous.backup;
  status.dry_run = previous.dry_run;
  status.checks = previous.checks;
  status.plan = previous.plan;
}

/// Where there is no plan: scripts the ledger has no settled row of.
std::int64_t count_open(const script::ScriptSet& source, const Inspection& database) {
  std::set<std::string_view> settled;
  for (const HistoryRow& row : database.rows)
    if (row.status == "applied" || row.status == "baseline") settled.insert(row.version_key);
  return std::count_if(source.scripts.begin(), source.scripts.end(),
                       [&](const auto& script) { return !settled.contains(script.version.key); });
}

void add_plan(const Facts& facts, Status& status) {
  if (facts.source != nullptr) status.source_digest = facts.source->digest;
  if (facts.plan == nullptr && facts.source != nullptr && facts.database)
    status.pending_count = count_open(*facts.source, *facts.database);
  if (facts.plan == nullptr) return;
  const Plan& plan = *facts.plan;
  status.pending_count = static_cast<std::int64_t>(plan.pending.size());
  // The conditions speak of the last run: with nothing pending its plan is the one they are about.
  if (const RunRow* run = facts.last_run(); plan.empty() && run != nullptr && run->plan) {
    status.plan = run->plan;
    return;
  }
  status.plan =
      PlanStatus{plan.digest, std::string(script::risk_of(plan.effects)), script::effect_names(plan.effects),
                 static_cast<int>(plan.pending.size()), plan.statements};
}

const char* reason_while(PhaseName phase) {
  switch (phase) {
    case PhaseName::Plan:
      return "Planning";
    case PhaseName::Backup:
      return "BackingUp";
    case PhaseName::DryRun:
      return "DryRunning";
    case PhaseName::Apply:
      return "Applying";
    case PhaseName::Validate:
      return "Validating";
  }
  std::abort();
}

const char* text_while(PhaseName phase) {
  switch (phase) {
    case PhaseName::Plan:
      return "comparing scripts and ledger";
    case PhaseName::Backup:
      return "taking and verifying a backup";
    case PhaseName::DryRun:
      return "rehearsing what is pending";
    case PhaseName::Apply:
      return "applying what is pending";
    case PhaseName::Validate:
      return "running the checks";
  }
  std::abort();
}

std::string done_message(const Facts& facts, const Status& status) {
  std::string text = status.applied_count == 0 ? "there is nothing to apply"
                                               : std::to_string(status.applied_count) +
                                                     (status.applied_count == 1 ? " script" : " scripts") +
                                                     " applied, newest " + status.current_version;
  if (facts.migration.spec.backup.method == BackupMethod::None)
    text += "; no backups are taken: " + facts.migration.spec.backup.reason;
  return text;
}

/// One word that a condition's reason may be.
std::string as_reason(const std::string& word) {
  std::string reason;
  for (const char c : word)
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (!reason.empty() && c >= '0' && c <= '9'))
      reason += c;
  return reason.empty() ? "ProgressingWithRetry" : reason;
}

void add_ready(const Facts& facts, const Verdict& verdict, Status& status) {
  const auto add = [&](const char* type, const char* state, const std::string& reason,
                       const std::string& message) {
    status.conditions.push_back({type, state, reason, message, "", 0});
  };
  switch (verdict.mood) {
    case Mood::New:
      add("Ready", "False", "Planning", "not reconciled yet");
      add("Reconciling", "True", "Planning", "not reconciled yet");
      return;
    case Mood::Running:
      add("Ready", "Unknown", reason_while(verdict.phase), text_while(verdict.phase));
      add("Reconciling", "True", reason_while(verdict.phase), text_while(verdict.phase));
      return;
    case Mood::Waiting: {
      const std::string reason = reconciling_reason(*verdict.why);
      const std::string message = message_of(*verdict.why);
      const bool transient = verdict.why->kind != ErrorKind::Waiting;
      add("Ready", "False", as_reason(transient ? verdict.why->failure_reason() : reason), message);
      add("Reconciling", "True", reason, message);
      return;
    }
    case Mood::Stalled: {
      const std::string reason = stalled_reason(*verdict.why);
      const std::string message = message_of(*verdict.why);
      add("Ready", "False", reason, message);
      add("Stalled", "True", reason, message);
      return;
    }
    case Mood::Done:
      add("Ready", "True", status.applied_count == 0 ? "UpToDate" : "Succeeded", done_message(facts, status));
      return;
  }
}

void stamp(const Facts& facts, const Status& previous, const std::string& now, Status& status) {
  for (Condition& condition : status.conditions) {
    condition.observed_generation = facts.generation;
    condition.last_transition_time = now;
    const Condition* before = find_condition(previous, condition.type);
    if (before != nullptr && before->status == condition.status && !before->last_transition_time.empty())
      condition.last_transition_time = before->last_transition_time;
  }
}

}  // namespace

const Condition* find_condition(const Status& status, std::string_view type) {
  const auto found = std::find_if(status.conditions.begin(), status.conditions.end(),
                                  [&](const Condition& c) { return c.type == type; });
  return found == status.conditions.end() ? nullptr : &*found;
}

Status project(const Facts& facts, const Status& previous, const Verdict& verdict, const std::string& now) {
  Status status;
  status.observed_generation = facts.generation;
  status.last_handled_reconcile_at = facts.requested_at;
  if (facts.database)
    add_database(facts, status);
  else
    keep_previous(previous, status);
  add_plan(facts, status);
  status.progress = verdict.progress;
  if (verdict.why && (verdict.mood == Mood::Stalled || verdict.mood == Mood::Waiting))
    status.failure = failure_of(*verdict.why);
  add_ready(facts, verdict, status);
  add_phase_conditions(facts, verdict, status);
  stamp(facts, previous, now, status);
  return status;
}

std::string broken_check(const Status& status, std::int64_t generation, bool settled) {
  const Condition* ready = find_condition(status, "Ready");
  const Condition* reconciling = find_condition(status, "Reconciling");
  const Condition* stalled = find_condition(status, "Stalled");
  const auto is = [](const Condition* condition, const char* state) {
    return condition != nullptr && condition->status == state;
  };
  const auto each = [&](auto holds) {
    return std::all_of(status.conditions.begin(), status.conditions.end(), holds);
  };

  if (ready == nullptr) return "0002: Ready is present";
  if (settled && is(ready, "True") && (is(reconciling, "True") || is(stalled, "True")))
    return "0001: Ready=True without Reconciling and Stalled";
  if (settled && is(reconciling, "True") && !is(ready, "False"))
    return "0003: Reconciling=True means Ready=False";
  if (is(stalled, "True") && !is(ready, "False")) return "0004: Stalled=True means Ready=False";
  if (reconciling != nullptr && stalled != nullptr)
    return "0005: Reconciling and Stalled are not both present";
  if (status.observed_generation > generation) return "0006: observedGeneration is not above the generation";
  if (settled && status.observed_generation < generation && is(ready, "True"))
    return "0007: an old generation is never Ready";
  if (settled && is(ready, "True") &&
      !each([&](const Condition& c) { return c.observed_generation >= generation; }))
    return "0008: Ready=True means that every condition is of this generation";
  if (settled && is(ready, "True") &&
      !each([&](const Condition& c) { return c.observed_generation == status.observed_generation; }))
    return "0009: Ready=True means that every condition is of the root's generation";
  if (!settled && is(ready, "True")) return "0010: a running status is never Ready=True";
  if (is(ready, "Unknown") && !is(reconciling, "True")) return "0011: Ready=Unknown means Reconciling=True";
  if (settled && is(ready, "True") && (reconciling != nullptr || stalled != nullptr))
    return "warning 0001: no negative condition beside Ready=True";
  if (reconciling != nullptr && reconciling->status != "True")
    return "warning 0003: Reconciling is True or absent";
  if (stalled != nullptr && stalled->status != "True") return "warning 0004: Stalled is True or absent";
  if (!each([](const Condition& c) { return c.observed_generation >= 1; }))
    return "warning 0005: every observedGeneration is at least 1";
  return "";
}

}  // namespace dbm::migration
