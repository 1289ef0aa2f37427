/// What `dbm status` knows from the ledger alone, and what a person's word changes in it.

#include "refused.h"
#include "support/folder.h"

namespace dbm::test {
namespace {

class Told : public ::testing::Test {
 protected:
  Finished status() {
    std::filesystem::remove(world.folder() / "orders.status.yaml");  // the ledger has to be enough
    return world.run_dbm({"status", "-f", world.manifest_file().filename()});
  }
  Finished resolve(const std::string& what) {
    return world.run_dbm({"resolve", what, "-f", world.manifest_file().filename()});
  }
  static bool says(const Finished& finished, const std::string& words) {
    return (finished.out + finished.err).find(words) != std::string::npos;
  }

  World world{PostgresServer::shared(), {}};
};

TEST_F(Told, WhatWaitsForAPerson) {
  world.script("0001_step.sql", "-- dbm:transaction none\nDO $$ BEGIN PERFORM 1; END $$;\n");
  ASSERT_EQ(world.apply({{"DBM_INJECT", "journal.statement:1:crash-after"}}).exit_code, kCrashStatus);
  EXPECT_TRUE(says(status(), "a run is under way, or was interrupted"));

  ASSERT_EQ(world.apply().exit_code, 3);
  const auto waiting = status();
  EXPECT_TRUE(says(waiting, "ManualInterventionRequired")) << waiting.out;
  EXPECT_TRUE(says(waiting, "dbm resolve 0001=applied")) << waiting.out;

  ASSERT_EQ(resolve("0001=applied").exit_code, 0);
  EXPECT_FALSE(says(status(), "ManualInterventionRequired"));
  EXPECT_EQ(world.apply().exit_code, 0);
}

TEST_F(Told, ATakeOverIsRecordedWithNothingPendingToo) {
  world.add_script("0001");
  ASSERT_EQ(world.apply().exit_code, 0);
  world.manifest.name = "billing";
  ASSERT_EQ(world.apply().exit_code, 1);

  ASSERT_EQ(world.run_dbm(quiet_apply(world, {"--take-over"})).exit_code, 0);

  EXPECT_EQ(world.apply().exit_code, 0);
  EXPECT_EQ(world.sql("SELECT owner_name FROM dbm.fence"), "billing");
}

TEST_F(Told, ATakenOverCopyIsAcceptedTheNextTimeToo) {
  world.add_script("0001");
  ASSERT_EQ(world.apply().exit_code, 0);
  world.database().server().sql("CREATE DATABASE taken_over OWNER app TEMPLATE " + world.database().name());
  const Database copy(world.database().server(), "taken_over");
  world.manifest.url = copy.url();
  ASSERT_EQ(world.apply().exit_code, 1);

  ASSERT_EQ(world.run_dbm(quiet_apply(world, {"--take-over"})).exit_code, 0);

  EXPECT_EQ(world.apply().exit_code, 0);
  EXPECT_EQ(sql(copy, "SELECT database FROM dbm.fence"), "taken_over");
}

TEST_F(Told, WhatTheLastApplyWaitedFor) {
  world.manifest.dry_run = "{mode: Disabled}";
  world.sql("CREATE TABLE busy (id integer); ALTER TABLE busy OWNER TO app");
  world.script("0001_step.sql", "ALTER TABLE busy ADD note text;\n");
  Session holder(world.database().address());
  holder("BEGIN; SELECT FROM busy");
  ASSERT_EQ(world.run_dbm(quiet_apply(world, {"--timeout", "2s"})).exit_code, 5);

  const auto told = world.run_dbm({"status", "-f", world.manifest_file().filename()});

  EXPECT_TRUE(says(told, "WaitingForLock")) << told.out;
}

TEST_F(Told, ADeletedRowIsMadeGoodForThoughTheVersionHasAnother) {
  world.manifest.dry_run = "{mode: Disabled}";
  world.script("0001_step.sql", "SELECT 1 / 0;\n");
  ASSERT_EQ(world.apply().exit_code, 1);
  world.script("0001_step.sql", "CREATE TABLE made ();\n");
  ASSERT_EQ(world.apply().exit_code, 0);
  world.sql("DELETE FROM dbm.history WHERE status = 'applied'; DROP TABLE made");
  ASSERT_EQ(world.apply().exit_code, 1);

  ASSERT_EQ(resolve("0001=pending").exit_code, 0);

  EXPECT_EQ(world.apply().exit_code, 0);
  EXPECT_EQ(world.sql("SELECT count(*) FROM pg_class WHERE relname = 'made'"), "1");
}

/// A word about one version is no word about another whose row is gone.
TEST_F(Told, ADeletedRowOfAnotherVersionStaysMissing) {
  world.manifest.dry_run = "{mode: Disabled}";
  world.script("0001_step.sql", "CREATE TABLE made ();\n");
  ASSERT_EQ(world.apply().exit_code, 0);
  world.script("0002_step.sql", "SELECT 1 / 0;\n");
  ASSERT_EQ(world.apply().exit_code, 1);
  world.sql("DELETE FROM dbm.history WHERE status = 'applied'");

  (void)resolve("0002=pending");

  EXPECT_EQ(world.apply().exit_code, 1);
}

}  // namespace
}  // namespace dbm::test
