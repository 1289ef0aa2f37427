/// Every row of docs/status.md#situations, the bound on a status, and Flux's checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "migration/project.h"
#include "migration/record.h"
#include "migration/remedy.h"
#include "unit/migration/crd_document.h"
#include "unit/migration/worlds.h"

namespace dbm::migration {
namespace {

const char* kNow = "2026-11-25T16:00:00Z";

Facts known() {
  Facts facts;
  facts.migration = migration_of(small_spec());
  facts.decoded = true;
  facts.generation = 7;
  facts.source = std::make_shared<const script::ScriptSet>(scripts({{"0001_a.sql", "SELECT 1;"}}));
  facts.database = database_with({row_of(facts.source->scripts[0])});
  facts.database->last_run =
      RunRow{.batch = 4,
             .spec_digest = facts.migration.spec_digest,
             .source_digest = facts.source->digest,
             .plan_digest = "sha256:p",
             .backup = BackupStatus{.id = "0001-pre-x", .store = "default", .verified = "Structure"},
             .dry_run = DryRunStatus{.mode = "Rehearse", .rehearsed = 1},
             .checks = ChecksStatus{.passed = 4},
             .outcome = "Succeeded",
             .validated = true};
  facts.plan = std::make_shared<const Plan>();
  return facts;
}
Error apply_failed() {
  return {ErrorKind::Terminal,
          "ApplyFailed",
          "column \"x\" exists",
          "StatementFailed",
          "42701",
          {"0001_a.sql", 12, 8},
          "",
          "Apply"};
}

std::string line(const Status& status) {
  std::string text;
  for (const Condition& c : status.conditions)
    text += (text.empty() ? "" : " ") + c.type + "=" + c.status + "/" + c.reason;
  return text;
}

TEST(Project, ANewObjectIsPlanning) {
  const auto status = project(known(), {}, {Mood::New}, kNow);
  EXPECT_EQ(line(status),
            "Ready=False/Planning Reconciling=True/Planning BackupCompleted=Unknown/Pending "
            "DryRunSucceeded=Unknown/Pending "
            "Applied=Unknown/Pending Validated=Unknown/Pending");
}

TEST(Project, APhaseRuns) {
  const auto status = project(known(), {}, {.mood = Mood::Running, .phase = PhaseName::Apply}, kNow);
  EXPECT_EQ(line(status),
            "Ready=Unknown/Applying Reconciling=True/Applying BackupCompleted=True/Succeeded "
            "DryRunSucceeded=True/Succeeded "
            "Applied=Unknown/Pending Validated=Unknown/Pending");
  EXPECT_EQ(status.backup->id, "0001-pre-x");  // before the first statement
}

TEST(Project, TransientTroubleWillBeTriedAgain) {
  const auto status =
      project(known(), {},
              {.mood = Mood::Waiting,
               .why = Error{ErrorKind::Transient, "ProgressingWithRetry", "down", "ConnectionFailed"}},
              kNow);
  EXPECT_EQ(line(status).substr(0, 73),
            std::string("Ready=False/ConnectionFailed Reconciling=True/ProgressingWithRetry BackupCompleted=")
                .substr(0, 73));
  EXPECT_EQ(status.failure->reason, "ConnectionFailed");
}

TEST(Project, WaitsForAReference) {
  const auto status =
      project(known(), {},
              {.mood = Mood::Waiting,
               .why = Error{ErrorKind::Waiting, "WaitingForReference", "no Secret", "NotFound"}},
              kNow);
  EXPECT_EQ(find_condition(status, "Ready")->reason, "WaitingForReference");
  EXPECT_EQ(find_condition(status, "Reconciling")->reason, "WaitingForReference");
  EXPECT_EQ(status.failure->reason, "NotFound");
}

TEST(Project, NeedsAPerson) {
  const auto status = project(known(), {}, {.mood = Mood::Stalled, .why = apply_failed()}, kNow);
  EXPECT_EQ(line(status),
            "Ready=False/ApplyFailed Stalled=True/ApplyFailed BackupCompleted=True/Succeeded "
            "DryRunSucceeded=True/Succeeded "
            "Applied=False/Failed Validated=Unknown/Pending");
  EXPECT_EQ(find_condition(status, "Ready")->message, "0001_a.sql:12:8: column \"x\" exists");
  EXPECT_EQ(status.failure->line, 12);
  EXPECT_EQ(status.failure->column, 8);
  EXPECT_EQ(status.failure->script, "0001_a.sql");
  EXPECT_EQ(status.failure->remedy, remedy_for(apply_failed()));
}

TEST(Project, Done) {
  const auto status = project(known(), {}, {Mood::Done}, kNow);
  EXPECT_EQ(line(status),
            "Ready=True/Succeeded BackupCompleted=True/Succeeded DryRunSucceeded=True/Succeeded "
            "Applied=True/Succeeded Validated=True/Succeeded");
  EXPECT_EQ(status.observed_generation, 7);
  EXPECT_EQ(status.current_version, "0001");
  EXPECT_FALSE(status.failure);
}

TEST(Project, NoBackupIsSaidWhereverTheStatusIsShown) {
  Facts facts = known();
  facts.migration.spec.backup.method = BackupMethod::None;
  facts.migration.spec.backup.reason = "a copy";
  facts.database->last_run->backup.reset();
  const auto status = project(facts, {}, {Mood::Done}, kNow);
  EXPECT_EQ(find_condition(status, "BackupCompleted")->reason, "Skipped");
  EXPECT_EQ(find_condition(status, "Ready")->message,
            "1 script applied, newest 0001; no backups are taken: a copy");
}

TEST(Project, TheSameLedgerGivesTheSameConditionsWhateverWasWrittenBefore) {
  for (const Verdict& verdict :
       {Verdict{Mood::Done}, Verdict{.mood = Mood::Stalled, .why = apply_failed()}}) {
    const auto fresh = project(known(), {}, verdict, kNow);
    const auto later = project(known(), fresh, verdict, "2027-01-01T00:00:00Z");
    EXPECT_EQ(encode(fresh), encode(later));  // transition times included: nothing changed
  }
}

TEST(Project, TransitionTimesMoveWithTheStatusValueAlone) {
  const auto first = project(known(), {}, {.mood = Mood::Running, .phase = PhaseName::Backup}, kNow);
  const auto second =
      project(known(), first, {.mood = Mood::Running, .phase = PhaseName::Apply}, "2026-11-25T17:00:00Z");
  EXPECT_EQ(find_condition(second, "Ready")->last_transition_time, kNow);
  EXPECT_EQ(find_condition(second, "BackupCompleted")->last_transition_time, "2026-11-25T17:00:00Z");
}

TEST(Project, WhatWasReadBeforeStaysWhileTheDatabaseIsAway) {
  const auto before = project(known(), {}, {Mood::Done}, kNow);
  Facts away = known();
  away.database.reset();
  away.plan.reset();
  const auto status = project(
      away, before,
      {.mood = Mood::Waiting, .why = Error{ErrorKind::Transient, "ProgressingWithRetry", "down"}}, kNow);
  EXPECT_EQ(status.current_version, "0001");
  EXPECT_EQ(status.applied_count, 1);
}

TEST(FluxChecks, HoldForEverySituation) {
  for (const Mood mood : {Mood::New, Mood::Running, Mood::Waiting, Mood::Stalled, Mood::Done}) {
    for (const PhaseName phase :
         {PhaseName::Plan, PhaseName::Backup, PhaseName::DryRun, PhaseName::Apply, PhaseName::Validate}) {
      Verdict verdict{.mood = mood, .phase = phase};
      Error why = apply_failed();
      why.kind = mood == Mood::Waiting ? ErrorKind::InDoubt : ErrorKind::Terminal;
      why.phase = to_string(phase);
      if (mood == Mood::Waiting || mood == Mood::Stalled) verdict.why = why;
      EXPECT_EQ(broken_check(project(known(), {}, verdict, kNow), 7, mood != Mood::Running), "");
    }
  }
}

TEST(FluxChecks, FindWhatIsWrong) {
  const Status done = project(known(), {}, {Mood::Done}, kNow);
  const auto broken = [&](auto change, std::int64_t generation = 7, bool settled = true) {
    Status status = done;
    change(status);
    return broken_check(status, generation, settled).substr(0, 12);
  };
  const auto add = [](const char* type, const char* state) {
    return [=](Status& s) { s.conditions.push_back({type, state, "X", "", kNow, 7}); };
  };
  EXPECT_EQ(broken([](Status& s) { s.conditions.erase(s.conditions.begin()); }).substr(0, 4), "0002");
  EXPECT_EQ(broken(add("Reconciling", "True")).substr(0, 4), "0001");
  EXPECT_EQ(broken(add("Reconciling", "True"), 7, false).substr(0, 4), "0010");
  EXPECT_EQ(broken([](Status& s) { s.conditions[0].status = "Unknown"; }).substr(0, 4), "0011");
  EXPECT_EQ(broken([](Status&) {}, 6).substr(0, 4), "0006");
  EXPECT_EQ(broken([](Status&) {}, 8).substr(0, 4), "0007");
  EXPECT_EQ(broken([](Status& s) { s.conditions[2].observed_generation = 6; }).substr(0, 4), "0008");
  EXPECT_EQ(broken(add("Stalled", "False")), "warning 0001");
}

TEST(Encode, WritesOnlyFieldsOfTheSchemaAndReadsThemBack) {
  Status status = project(known(), {}, {.mood = Mood::Stalled, .why = apply_failed()}, kNow);
  status.progress = ProgressStatus{"Apply", "0001_a.sql", "m", 1, 2, 50};
  status.plan = PlanStatus{"sha256:x", "Risky", {"DataLoss"}, 1, 2};
  status.checks->results.push_back({"a", "After", "Failed", "2 rows"});
  status.history.push_back({"0001", "a", "Succeeded", 4, "sha256:y", kNow, 12, 3, "0001-pre-x"});
  status.last_handled_reconcile_at = "now";

  const auto json = encode(status);

  EXPECT_TRUE(schema::check(schema::status(), json, "/status", {}))
      << schema::check(schema::status(), json, "/status", {}).error().message;
  EXPECT_EQ(encode(decode_status(json)), json);
  EXPECT_EQ(json.begin().key(), "conditions");
}

TEST(Encode, KeepsWithin24KiBAndSaysWhatWasLeftOut) {
  Status status = project(known(), {}, {Mood::Done}, kNow);
  for (int i = 0; i < 100; ++i)
    status.history.push_back({std::to_string(i), std::string(253, 'n'), "Succeeded", i, std::string(71, 'c'),
                              kNow, 1, 1, std::string(60, 'b')});
  for (int i = 0; i < 400; ++i)
    status.checks->results.push_back(
        {"c" + std::to_string(i), "After", i < 5 ? "Failed" : "Passed", std::string(400, 'm')});

  const auto json = encode(status);

  EXPECT_LE(json.dump().size(), 24u * 1024);
  EXPECT_EQ(json["checks"]["results"].size(), 5u);  // failing ones stay
  EXPECT_GT(json["history"].size(), 0u);
  EXPECT_EQ(json["history"][0]["version"], "0");  // newest stay
  EXPECT_THAT(json["conditions"][0]["message"].get<std::string>(), testing::HasSubstr("status shortened"));

  for (int i = 0; i < 500; ++i)
    status.checks->results.push_back({std::string(253, 'f'), "After", "Failed", std::string(400, 'm')});
  EXPECT_LE(encode(status).dump().size(), 24u * 1024);
}

TEST(Encode, CutsMessagesBetweenCharacters) {
  Status status = project(known(), {}, {Mood::Done}, kNow);
  std::string umlauts;
  for (int i = 0; i < 1500; ++i) umlauts += "\xC3\xA4";
  for (Condition& c : status.conditions) c.message = umlauts;
  const auto json = encode(status);
  EXPECT_LE(json["conditions"][0]["message"].get<std::string>().size(), 1024u);
  EXPECT_LE(json["conditions"][1]["message"].get<std::string>().size(), 256u);
  EXPECT_NO_THROW((void)json.dump());
  EXPECT_THAT(json["conditions"][1]["message"].get<std::string>(),
              testing::EndsWith("more bytes, see the ledger)"));
}

TEST(Remedy, EveryCauseAndReasonHasOneAndNeverAnEmptyLine) {
  for (const auto& cause : known_causes())
    EXPECT_NE(remedy_for({ErrorKind::Terminal, "InvalidSpec", "m", cause}), "") << cause;
  for (const char* cause : {"UnknownField",       "InvalidValue",     "PathOutsideRoot",
                            "HostNotAllowed",     "NotFound",         "AuthenticationFailed",
                            "TLSFailed",          "DuplicateVersion", "NotUtf8",
                            "Unterminated",       "SyntaxError",      "ChecksumDiffers",
                            "ScriptMissing",      "SuperuserLogin",   "InsufficientPrivilege",
                            "ForeignSchema",      "OtherOwner",       "ReadOnly",
                            "TransactionPooling", "ServerTooOld",     "StoreMissing",
                            "StoreDenied",        "NoSpace",          "ClientTooOld",
                            "ProducerFailed",     "BackupCorrupt",    "DatabaseTooLarge",
                            "StatementFailed",    "LostObject",       "CheckFailed",
                            "RunLockGivenAway"})
    EXPECT_THAT(known_causes(), testing::Contains(cause));
  EXPECT_EQ(remedy_for({ErrorKind::Terminal, "ApplyFailed", "m", "", "42P07"}).substr(0, 29),
            "the object exists already: so");
  EXPECT_NE(remedy_for({ErrorKind::Terminal, "ApplyFailed", "m", "", "99999"}), "");
  EXPECT_EQ(remedy_for({ErrorKind::Terminal, "ApplyFailed", "m", "", "42P07", {}, "mine"}), "mine");
}

TEST(Events, OneForEachResultAndNoneForTheSameAgain) {
  const auto reasons = [](const std::vector<kubernetes::Event>& events) {
    std::vector<std::string> all;
    for (const auto& event : events) all.push_back(event.reason);
    return all;
  };
  Facts facts = known();
  const Status backing = [&] {
    Facts none = known();
    none.database->last_run->backup.reset();
    return project(none, {}, {.mood = Mood::Running, .phase = PhaseName::Backup}, kNow);
  }();
  const Status applying = project(facts, backing, {.mood = Mood::Running, .phase = PhaseName::Apply}, kNow);
  const Status done = project(facts, applying, {Mood::Done}, kNow);
  const Status stalled = project(facts, applying, {.mood = Mood::Stalled, .why = apply_failed()}, kNow);

  EXPECT_EQ(reasons(events_of(backing, applying, 0)), (std::vector<std::string>{"BackupCompleted"}));
  EXPECT_EQ(reasons(events_of(applying, done, 3)), (std::vector<std::string>{"MigrationApplied"}));
  EXPECT_EQ(reasons(events_of({}, done, 0)), (std::vector<std::string>{}));  // a rebuilt status is no result
  EXPECT_EQ(reasons(events_of(applying, stalled, 0)), (std::vector<std::string>{"MigrationFailed"}));
  EXPECT_EQ(reasons(events_of(stalled, stalled, 0)), (std::vector<std::string>{}));
}

}  // namespace
}  // namespace dbm::migration
