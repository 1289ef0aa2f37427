/// SIGTERM to the real program: the unit in hand is finished, the rest is left for the next start; a second
/// signal ends it at once, and the next start settles that too.
#include <gmock/gmock.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "support/wait.h"
#include "support/world.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Versions = std::vector<std::string>;

constexpr std::chrono::seconds kSoon{20};

class Stopping : public ::testing::Test {
 protected:
  Child start() { return world_.start_dbm({"apply", "-f", world_.manifest_file().string()}); }
  bool seen(const std::string& query) {
    return eventually([&] { return world_.sql(query) != "0"; }, kSoon);
  }
  bool said(const Child& child, const std::string& words) {
    return eventually([&] { return child.err_so_far().find(words) != std::string::npos; }, kSoon);
  }
  void expect_open_for_the_next_start(const Finished& finished) {
    world_.check(finished);
    EXPECT_EQ(finished.exit_code, 5) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("stopping at the next safe point"));
    EXPECT_EQ(world_.condition("Reconciling"), "True/ProgressingWithRetry");
    EXPECT_EQ(world_.condition("Stalled"), "");
    EXPECT_THAT(world_.condition("Ready"), HasSubstr("False/"));
    EXPECT_EQ(world_.sql("SELECT count(*) FROM dbm.run WHERE outcome IS NULL"), "1");
    EXPECT_EQ(world_.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
  }
  void finish(const Versions& versions) {
    const auto finished = world_.apply();
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    world_.expect_exactly_once(versions);
    EXPECT_EQ(world_.condition("Ready"), "True/Succeeded");
    EXPECT_EQ(world_.sql("SELECT count(DISTINCT batch) FROM dbm.history"), "1") << "it is the same run";
  }

  World world_{PostgresServer::shared()};
};

TEST_F(Stopping, FinishesAScriptThatTakesLong) {
  world_.add_script("0001", "SELECT pg_sleep(2);\n");
  world_.add_script("0002");
  world_.manifest.dry_run = "{mode: Plan}";
  auto child = start();
  ASSERT_TRUE(
      seen("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = "
           "current_database()"));

  child.signal(SIGTERM);
  const auto finished = child.wait(kSoon);

  expect_open_for_the_next_start(finished);
  EXPECT_EQ(world_.applied_versions(), (Versions{"0001"}));
  EXPECT_EQ(world_.status()["status"]["currentVersion"], "0001");
  EXPECT_EQ(world_.status()["status"]["pendingCount"], 1);
  finish({"0001", "0002"});
}

TEST_F(Stopping, LeavesAWaitForALock) {
  world_.sql("CREATE TABLE busy (i int); ALTER TABLE busy OWNER TO app");
  world_.add_script("0001");
  world_.add_script("0002", "ALTER TABLE busy ADD COLUMN j int;\n");
  world_.manifest.dry_run = "{mode: Plan}";
  Session reader(world_.database().address());
  reader("BEGIN; SELECT * FROM busy");
  auto child = start();
  ASSERT_TRUE(said(child, "WaitingForLock"));

  child.signal(SIGTERM);
  const auto finished = child.wait(kSoon);

  expect_open_for_the_next_start(finished);
  EXPECT_EQ(world_.applied_versions(), (Versions{"0001"}));
  reader("COMMIT");
  finish({"0001", "0002"});
}

TEST_F(Stopping, WhatWaitsForALockEndsWithTheTimeoutAndHasCancelledNothing) {
  world_.sql("CREATE TABLE busy (i int); ALTER TABLE busy OWNER TO app");
  world_.add_script("0001", "ALTER TABLE busy ADD COLUMN j int;\n");
  world_.manifest.dry_run = "{mode: Plan}";
  Session reader(world_.database().address());
  reader("BEGIN; SELECT * FROM busy");

  const auto finished = world_.apply({}, {"--timeout", "2s"});

  EXPECT_EQ(finished.exit_code, 5) << finished.err;
  EXPECT_EQ(world_.condition("Reconciling"), "True/WaitingForLock");
  EXPECT_EQ(world_.condition("Ready"), "False/WaitingForLock");
  EXPECT_EQ(world_.sql("SELECT count(*) FROM dbm.history"), "0");
  reader("COMMIT");
  finish({"0001"});
}

TEST_F(Stopping, LeavesABackup) {
  world_.sql("CREATE TABLE busy (i int); ALTER TABLE busy OWNER TO app; INSERT INTO busy VALUES (1)");
  world_.add_script("0001");
  world_.manifest.backup = "{method: Logical, storeRef: {name: default}}";
  Session holder(world_.database().address());
  holder("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE");
  auto child = start();
  ASSERT_TRUE(
      seen("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
           "wait_event_type = 'Lock'"))
      << child.err_so_far();

  child.signal(SIGTERM);
  const auto finished = child.wait(kSoon);

  expect_open_for_the_next_start(finished);
  EXPECT_THAT(finished.err, HasSubstr("Backup"));
  EXPECT_THAT(world_.applied_versions(), IsEmpty());
  EXPECT_EQ(world_.sql("SELECT count(*) FROM dbm.run WHERE backup IS NOT NULL"), "0");
  holder("COMMIT");
  finish({"0001"});
  EXPECT_EQ(world_.condition("BackupCompleted"), "True/Succeeded");
}

TEST_F(Stopping, FinishesAStatementOutsideATransactionAndRecordsHowFarItCame) {
  world_.sql("CREATE TABLE busy (i int); ALTER TABLE busy OWNER TO app");
  world_.script(
      "0001_index.sql",
      "CREATE INDEX CONCURRENTLY busy_i ON busy (i);\nCREATE INDEX CONCURRENTLY busy_j ON busy (i, i);\n");
  world_.manifest.dry_run = "{mode: Plan}";
  Session holder(world_.database().address());
  holder("BEGIN; INSERT INTO busy VALUES (1)");
  auto child = start();
  ASSERT_TRUE(seen("SELECT count(*) FROM pg_stat_progress_create_index WHERE relid = 'busy'::regclass"));

  child.signal(SIGTERM);
  ASSERT_TRUE(said(child, "stopping at the next safe point"));
  holder("COMMIT");
  const auto finished = child.wait(kSoon);

  expect_open_for_the_next_start(finished);
  EXPECT_EQ(world_.sql("SELECT status, statements_done FROM dbm.history"), "running|1");
  const auto again = world_.apply();
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(world_.sql("SELECT count(*) FROM pg_index WHERE indrelid = 'busy'::regclass AND indisvalid"),
            "2");
}

TEST_F(Stopping, TheSecondSignalEndsItAtOnceAndTheNextStartSettlesIt) {
  world_.add_script("0001", "SELECT pg_sleep(5);\n");
  world_.manifest.dry_run = "{mode: Plan}";
  auto child = start();
  ASSERT_TRUE(
      seen("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = "
           "current_database()"));
  child.signal(SIGTERM);
  ASSERT_TRUE(said(child, "stopping at the next safe point"));

  child.signal(SIGTERM);
  const auto finished = child.wait(std::chrono::seconds{3});

  EXPECT_EQ(finished.exit_code, 128 + SIGTERM);
  finish({"0001"});
}

}  // namespace
}  // namespace dbm::test
