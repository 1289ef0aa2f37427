#include "postgres/probe.h"

#include "base/inject.h"
#include "postgres/catalog_state.h"
#include "postgres/execution.h"

namespace dbm::postgres {
namespace {

using script::ProbeKind;

Result<Probed> probe_index(RunContext& run, const Intent& intent, Deadline deadline) {
  const auto rows = ask_catalog(run, kIndexState, {intent.object}, deadline);
  if (!rows) return rows.error();
  if (rows->size() == 0) return Probed{Verdict::NotDone};
  if (rows->boolean(0, 2)) return Probed{Verdict::InProgress};
  if (rows->text(0, 0) == "present") {
    if (!intent.definition.empty() && rows->text(0, 1) == intent.definition) return Probed{Verdict::Done};
    return Probed{
        Verdict::Unknown,
        {},
        "index " + intent.object + " is there and valid, but not known to be as the script defines it"};
  }
  // Dropped only when it was not there before us.
  if (intent.before == "absent")
    return Probed{Verdict::CleanUp, {"DROP INDEX CONCURRENTLY IF EXISTS " + intent.object}};
  return Probed{
      Verdict::Unknown, {}, "index " + intent.object + " is invalid, and was there before the script ran"};
}

Result<Probed> probe_reindex(RunContext& run, const Intent& intent, Deadline deadline) {
  const auto rows = ask_catalog(run, kLeftovers, {intent.object, intent.before}, deadline);
  if (!rows) return rows.error();
  if (rows->size() == 0) return Probed{Verdict::NotDone};
  Probed probed{Verdict::CleanUp};
  for (int row = 0; row < rows->size(); ++row)
    probed.clean_up.push_back("DROP INDEX CONCURRENTLY IF EXISTS " + std::string(rows->text(row, 0)));
  return probed;
}

Result<Probed> probe_detach(RunContext& run, const Intent& intent, Deadline deadline) {
  const auto now = state_of(run, intent, deadline);
  if (!now) return now.error();
  // Never attached is not detached: the statement has to say so itself.
  if (*now == "absent") return Probed{intent.before == "absent" ? Verdict::NotDone : Verdict::Done};
  if (*now == "present") return Probed{Verdict::NotDone};
  // A second DETACH is refused (55000); what was begun is ended.
  return Probed{Verdict::CleanUp,
                {"ALTER TABLE " + intent.relation + " DETACH PARTITION " + intent.object + " FINALIZE"}};
}

/// Things that are there or not: done when the state is `wanted` and was not before.
Result<Probed> probe_presence(RunContext& run, const Intent& intent, std::string_view wanted,
                              Deadline deadline) {
  const auto now = state_of(run, intent, deadline);
  if (!now) return now.error();
  if (*now != wanted) return Probed{Verdict::NotDone};
  if (intent.before != wanted) return Probed{Verdict::Done};
  // Again it fails as it did, or changes nothing (IF EXISTS).
  if (intent.probe == ProbeKind::DropIndexConcurrently || intent.probe == ProbeKind::AddEnumValue)
    return Probed{Verdict::NotDone};
  return Probed{
      Verdict::Unknown, {}, intent.object + " was " + std::string(wanted) + " before the script ran"};
}

/// The script's own proof, asked read-only and rolled back.
Result<Probed> probe_by_query(RunContext& run, const Intent& intent, Deadline deadline) {
  std::vector<std::string> steps{"BEGIN TRANSACTION READ ONLY"};
  if (const std::string role = set_role(run); !role.empty()) steps.push_back(role);
  steps.push_back(intent.done_when);
  steps.emplace_back("ROLLBACK");
  const auto asked = run.work->pipeline(steps, deadline);
  if (run.work->lost()) return connection_lost();
  if (asked.error) {
    if (const auto undone = run.work->exec("ROLLBACK"); !undone) return undone.error();
    return Probed{Verdict::Unknown, {}, "its `done-when` query failed: " + asked.error->message};
  }
  const Rows& rows = asked.rows[asked.rows.size() - 2];
  if (rows.size() != 1) return Probed{Verdict::Unknown, {}, "its `done-when` query must return one row"};
  return Probed{rows.boolean(0, 0) ? Verdict::Done : Verdict::NotDone};
}

}  // namespace

Result<Probed> probe(RunContext& run, const Intent& intent, Deadline deadline) {
  if (!intent.done_when.empty()) return probe_by_query(run, intent, deadline);
  switch (intent.probe) {
    case ProbeKind::CreateIndexConcurrently:
      return probe_index(run, intent, deadline);
    case ProbeKind::ReindexConcurrently:
      return probe_reindex(run, intent, deadline);
    case ProbeKind::DetachConcurrently:
      return probe_detach(run, intent, deadline);
    case ProbeKind::DropIndexConcurrently:
    case ProbeKind::DropDatabase:
    case ProbeKind::DropTablespace:
      return probe_presence(run, intent, "absent", deadline);
    case ProbeKind::AddEnumValue:
    case ProbeKind::CreateDatabase:
    case ProbeKind::CreateTablespace:
      return probe_presence(run, intent, "present", deadline);
    case ProbeKind::Repeatable:
      return Probed{Verdict::NotDone};
    default:
      break;
  }
  if (intent.idempotent) return Probed{Verdict::NotDone};
  return Probed{Verdict::Unknown, {}, "whether its effect is there"};
}

Result<Probed> probe_and_clean(RunContext& run, const Intent& intent, Deadline deadline,
                               const std::stop_token& stop) {
  for (int tries = 0; tries < 1000; ++tries) {
    auto probed = probe(run, intent, deadline);
    if (!probed || (probed->verdict != Verdict::CleanUp && probed->verdict != Verdict::InProgress))
      return probed;
    if (probed->verdict == Verdict::InProgress) {
      if (auto slept = sleep_alive(run, std::chrono::seconds{1}, deadline, stop); !slept)
        return slept.error();
      continue;
    }
    const auto now = run.work->exec("SELECT pg_catalog.current_setting('role')", deadline);
    if (!now) return now.error();
    std::vector<std::string> before{"SET lock_timeout = 0", "SET statement_timeout = 0"};
    // In the middle of a script the session has its role already, the spec's or the script's own.
    const std::string role = now->text(0, 0) == "none" ? set_role(run, "") : std::string{};
    if (!role.empty()) before.push_back(role);
    if (const auto set = run.work->pipeline(before); set.error) return *set.error;
    for (const std::string& sql : probed->clean_up) {
      DBM_EFFECT_REPLY(effect, "probe.cleanup");
      if (effect.must_fail()) return run.work->lose();
      const auto cleaned = run.work->exec(sql, deadline, stop);
      if (effect.reply_lost()) return run.work->lose();
      effect.done();
      if (!cleaned) return cleaned.error().during("clean up (" + sql + ")");
    }
    std::vector<std::string> after{"RESET lock_timeout", "RESET statement_timeout"};
    if (!role.empty()) after.emplace_back("RESET ROLE");
    if (const auto reset = run.work->pipeline(after); reset.error) return *reset.error;
  }
  return Error{ErrorKind::Transient, "ProgressingWithRetry",
               "a session of the server still builds " + intent.object, "StillRunning"};
}

Error ask_a_person(const std::string& version, std::int64_t index, const Intent& intent,
                   const Probed& probed) {
  Error error{ErrorKind::Terminal, "ManualInterventionRequired",
              "statement " + std::to_string(index + 1) + " (" + intent.kind + ") of version " + version +
                  " may have taken effect, wholly or in part: only a person can tell",
              "OutcomeUnknown"};
  return error.with_remedy("look at " + probed.look_at + "; then `dbm resolve " + version +
                           "=applied` if all of the script is in effect, or `dbm resolve " + version +
                           "=pending` if it has to go on from this statement");
}

}  // namespace dbm::postgres
