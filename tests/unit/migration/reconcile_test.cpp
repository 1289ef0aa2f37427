#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/digest.h"
#include "migration/connection.h"
#include "migration/project.h"
#include "migration/reconcile.h"
#include "unit/migration/fakes.h"

namespace dbm::migration {
namespace {

const kubernetes::ObjectKey kKey{"DatabaseMigration", "shop", "orders"};

Json host_spec() {
  return {{"connection", {{"host", "db"}, {"dbname", "orders"}, {"username", "app"}}},
          {"source", {{"directory", {{"path", "scripts"}}}}},
          {"backup", {{"method", "None"}, {"reason", "a test"}}}};
}

class Passes : public testing::Test {
 protected:
  Passes() {
    objects_.all[kKey] = object_of(host_spec());
    sources_.files = {{"0001_a.sql", "CREATE TABLE a (id int);"}, {"0002_b.sql", "CREATE TABLE b (id int);"}};
    surroundings_.objects = &objects_;
    surroundings_.engine = &engine_;
    surroundings_.sources = &sources_;
  }

  Reconciled pass(bool requested = false) { return reconciler_.pass(kKey, requested, Deadline::never(), {}); }
  void edit_spec(const char* pointer, Json value) {
    Json document = *objects_.all[kKey].document;
    document["spec"][Json::json_pointer{pointer}] = std::move(value);
    objects_.all[kKey].document = std::make_shared<const Json>(std::move(document));
  }
  void delete_status() {
    Json document = *objects_.all[kKey].document;
    document.erase("status");
    objects_.all[kKey].document = std::make_shared<const Json>(std::move(document));
  }
  Json last_status() { return objects_.written.back(); }
  /// With times masked.
  static Json masked(Json status) {
    for (Json& condition : status["conditions"]) condition["lastTransitionTime"] = "";
    return status;
  }

  FakeObjects objects_;
  FakeSources sources_;
  FakeEngine engine_;
  Surroundings surroundings_;
  Reconciler reconciler_{surroundings_, {}};
};

TEST_F(Passes, GoThroughEveryPhaseAndEndReady) {
  const auto end = pass();

  EXPECT_TRUE(end.settled);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.applied, 2);
  std::vector<std::string> reasons;
  for (const Json& status : objects_.written) reasons.push_back(status["conditions"][0]["reason"]);
  EXPECT_EQ(reasons, (std::vector<std::string>{"Planning", "Planning", "DryRunning", "Applying", "Validating",
                                               "Succeeded"}));
  EXPECT_EQ(objects_.events, (std::vector<std::string>{"MigrationApplied"}));
}

TEST_F(Passes, WriteNothingMoreOnceSettled) {
  (void)pass();
  const auto writes = objects_.written.size();

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 0);
  EXPECT_FALSE(end.ran);
  EXPECT_EQ(objects_.written.size(), writes);
  EXPECT_EQ(engine_.database.runs, 1);
}

TEST_F(Passes, RebuildTheSameStatusFromTheLedgerAfterSuccess) {
  (void)pass();
  const Json before = last_status();
  delete_status();

  (void)pass();

  EXPECT_EQ(masked(last_status()), masked(before));
  EXPECT_EQ(objects_.events.size(), 1u);
}

TEST_F(Passes, AFailedScriptIsOneAttemptAndTheSameStatusAgain) {
  engine_.database.apply_fails = Error{ErrorKind::Terminal, "ApplyFailed", "relation exists",
                                       "StatementFailed",   "42P07",       {"0002_b.sql", 1, 8}};

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.failure->phase, "Apply");
  EXPECT_EQ(objects_.events, (std::vector<std::string>{"MigrationFailed"}));
  const Json before = last_status();
  EXPECT_EQ(before["conditions"][1]["type"], "Stalled");
  EXPECT_EQ(before["appliedCount"], 1);

  (void)pass();
  EXPECT_EQ(engine_.database.runs, 1);
  delete_status();
  (void)pass();
  EXPECT_EQ(engine_.database.runs, 1);
  EXPECT_EQ(masked(last_status()), masked(before));

  engine_.database.apply_fails.reset();
  EXPECT_EQ(pass(true).exit_code, 0);
}

TEST_F(Passes, AFailedCheckStallsUntilAskedAndIsRebuilt) {
  engine_.database.failing_checks = 1;

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 4);
  const Json before = last_status();
  EXPECT_EQ(before["conditions"][0]["message"], "check no-orphans failed: 3 rows");
  EXPECT_EQ(before["failure"]["reason"], "CheckFailed");
  delete_status();
  EXPECT_EQ(pass().exit_code, 4);
  EXPECT_EQ(engine_.database.runs, 1);
  EXPECT_EQ(masked(last_status()), masked(before));

  engine_.database.failing_checks = 0;
  EXPECT_EQ(pass(true).exit_code, 0);
  EXPECT_EQ(engine_.database.runs, 2);
}

TEST_F(Passes, ATransientFailureLeavesTheRunOpenAndTheNextPassGoesOn) {
  engine_.database.apply_fails =
      Error{ErrorKind::Transient, "ProgressingWithRetry", "connection lost", "ConnectionFailed"};
  const auto first = pass();
  EXPECT_FALSE(first.settled);
  EXPECT_EQ(first.exit_code, 5);
  EXPECT_EQ(engine_.database.now.last_run->outcome, "");

  engine_.database.apply_fails.reset();
  const auto second = pass();

  EXPECT_EQ(second.exit_code, 0);
  EXPECT_EQ(engine_.database.now.last_run->batch, 1);
  EXPECT_EQ(engine_.database.rehearsals, 1);  // its evidence stood in the run's row
}

TEST_F(Passes, AnUnknownOutcomeIsResolvedAndSaid) {
  engine_.database.apply_fails =
      Error{ErrorKind::InDoubt, "CommitOutcomeUnknown", "the reply to COMMIT was lost"};
  (void)pass();
  EXPECT_EQ(last_status()["conditions"][1]["reason"], "ResolvingOutcome");
  engine_.database.apply_fails.reset();
  (void)pass();
  EXPECT_THAT(objects_.events, testing::Contains("OutcomeResolved"));
}

TEST_F(Passes, ARehearsalThatRunsOutOfTimeIsToldInTheModeItWasMadeIn) {
  edit_spec("/dryRun", {{"mode", "Auto"}, {"timeout", "1ms"}});
  engine_.database.rehearsal_takes_too_long = true;

  pass();

  const Json dry_run = last_status()["dryRun"];
  EXPECT_EQ(dry_run["mode"], "Auto");
  EXPECT_EQ(dry_run["reason"], "it took longer than dryRun.timeout");
}

TEST_F(Passes, SuspendedStartsAndWritesNothing) {
  edit_spec("/suspend", true);
  const auto end = pass(true);
  EXPECT_TRUE(end.suspended);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_TRUE(objects_.written.empty());
  EXPECT_EQ(engine_.database.runs, 0);
}

TEST_F(Passes, AnInvalidSpecEndsWithItsCodeAndKeepsWhatWasKnown) {
  (void)pass();
  edit_spec("/backup/metod", "x");

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.status.failure->reason, "UnknownField");
  EXPECT_EQ(end.status.current_version, "0002");
}

TEST_F(Passes, AMissingSecretEndsApplyAtOnce) {
  edit_spec("/connection", {{"secretRef", {{"name", "orders-db"}}}});
  const auto end = reconciler_.until_settled(kKey, Deadline::never(), {});
  EXPECT_TRUE(end.settled);
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.failure->message, "Secret shop/orders-db was not found");
}

TEST_F(Passes, WaitingForTheLockEndsAtTheTimeout) {
  engine_.database.begin_fails =
      Error{ErrorKind::Waiting, "WaitingForLock", "pid 7 of dbmigration/x holds the run lock"};
  const auto end = reconciler_.until_settled(kKey, Deadline::after(std::chrono::milliseconds{1}), {});
  EXPECT_EQ(end.exit_code, 5);
  EXPECT_EQ(last_status()["conditions"][1]["reason"], "WaitingForLock");
  EXPECT_EQ(objects_.events, (std::vector<std::string>{"LockTimeout"}));
}

TEST_F(Passes, APhaseThatCannotBackUpTouchesNothing) {
  edit_spec("/backup", {{"storeRef", {{"name", "nowhere"}}}});
  const auto end = pass();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.failure->reason, "BackupFailed");
  EXPECT_EQ(end.failure->cause, "StoreMissing");
  EXPECT_TRUE(engine_.database.now.rows.empty());
  EXPECT_EQ(objects_.events, (std::vector<std::string>{"BackupFailed"}));
}

TEST_F(Passes, LookingChangesNothing) {
  const auto plan = reconciler_.plan(kKey, Deadline::never(), {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(to_json(*plan)["scripts"].size(), 2u);
  EXPECT_EQ(to_json(*plan)["risk"], "Safe");
  EXPECT_TRUE(reconciler_.status(kKey, Deadline::never(), {}));
  EXPECT_EQ(engine_.database.runs, 0);
  EXPECT_TRUE(objects_.written.empty());
}

class Connections : public Passes {
 protected:
  void secret(Json data, const char* part = "data", const char* name = "orders-db") {
    kubernetes::Object object;
    object.key = {"Secret", "shop", name};
    object.document = std::make_shared<const Json>(Json{{part, std::move(data)}});
    objects_.all[object.key] = object;
  }
  Result<Connection> resolve(const Json& connection) {
    Json spec = host_spec();
    spec["connection"] = connection;
    return resolve_connection(migration_of(spec), surroundings_, Deadline::never(), {});
  }
};

TEST_F(Connections, AutoTakesAUrlElseTheUsualNames) {
  secret({{"url", to_base64("postgres://app:hunter2hunter2@h:1/d")}});
  auto found = resolve({{"secretRef", {{"name", "orders-db"}}}});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->target.keywords.at("password"), "hunter2hunter2");
  EXPECT_EQ(found->target.keywords.at("sslmode"), "prefer");

  secret({{"host", "h"}, {"user", "app"}, {"password", "hunter2hunter2\n"}, {"dbname", "d"}}, "stringData");
  found = resolve({{"secretRef", {{"name", "orders-db"}}}, {"dbname", "other"}});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->target.keywords.at("user"), "app");
  EXPECT_EQ(found->target.keywords.at("password"), "hunter2hunter2");
  EXPECT_EQ(found->target.keywords.at("dbname"), "other");
}

TEST_F(Connections, AMissingKeyListsTheNamesSeenAndNoValues) {
  secret({{"pw", to_base64("hunter2hunter2")}, {"login", to_base64("app")}});
  for (const Json& keys : {Json{{"password", "password"}}, Json{{"url", "uri"}}}) {
    const auto found = resolve({{"secretRef", {{"name", "orders-db"}}},
                                {"secretFormat", "Keys"},
                                {"secretKeys", keys},
                                {"host", "h"}});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().reason, "WaitingForReference");
    EXPECT_EQ(found.error().cause, "NotFound");
    EXPECT_THAT(found.error().message, testing::HasSubstr("keys seen: login, pw"));
    EXPECT_THAT(found.error().message, testing::Not(testing::HasSubstr("hunter2")));
  }
}

TEST_F(Connections, HostsOutsideTheListAreRefused) {
  surroundings_.allowed_hosts = {"*.shop.svc", "db"};
  EXPECT_TRUE(resolve({{"host", "db"}, {"dbname", "d"}, {"username", "u"}}));
  EXPECT_TRUE(resolve({{"host", "a.shop.svc"}, {"dbname", "d"}, {"username", "u"}}));
  for (const char* host : {"shop.svc", "evilshop.svc", "db.evil"}) {
    const auto found = resolve({{"host", host}, {"dbname", "d"}, {"username", "u"}});
    ASSERT_FALSE(found) << host;
    EXPECT_EQ(found.error().cause, "HostNotAllowed");
  }
}

TEST_F(Connections, CertificatesLieInFilesAsLongAsTheConnection) {
  secret({{"ca.crt", to_base64("-----BEGIN CERTIFICATE-----\n")}}, "data", "orders-ca");
  std::string path;
  {
    const auto found = resolve(
        {{"host", "db"}, {"dbname", "d"}, {"username", "u"}, {"tls", {{"caRef", {{"name", "orders-ca"}}}}}});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->target.keywords.at("sslmode"), "verify-full");
    path = found->target.keywords.at("sslrootcert");
    EXPECT_TRUE(std::ifstream{path}.good());
  }
  EXPECT_FALSE(std::ifstream{path}.good());
}

TEST_F(Connections, WithoutHostDatabaseOrLoginTheFieldIsNamed) {
  EXPECT_THAT(resolve({{"host", "db"}, {"username", "u"}}).error().message,
              testing::HasSubstr("spec.connection.dbname must be given"));
  EXPECT_THAT(resolve({{"host", "db"}, {"dbname", "d"}}).error().message,
              testing::HasSubstr("spec.connection.username must be given"));
}

}  // namespace
}  // namespace dbm::migration
