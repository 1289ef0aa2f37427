/// A statement outside a transaction that may commit in the middle of itself: it is sent again only where the
/// server has said that nothing of it is left.

#include "refused.h"

namespace dbm::test {
namespace {

class CommitsInside : public ::testing::Test {
 protected:
  void SetUp() override {
    world.manifest.apply = "{lockTimeout: 100ms}";
    world.manifest.dry_run = "{mode: Disabled}";
    world.sql(
        "SET ROLE app; CREATE TABLE w (n integer); CREATE TABLE lk (n integer);"
        "CREATE PROCEDURE half() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO w VALUES (1); COMMIT; LOCK TABLE "
        "lk; END $$;"
        "CREATE PROCEDURE whole() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO w VALUES (1); LOCK TABLE lk; END "
        "$$");
  }
  void script(const std::string& statement) {
    world.script("0001_step.sql", "-- dbm:transaction none\n" + statement + "\n");
  }
  std::string rows() { return world.sql("SELECT count(*) FROM w"); }

  World world{PostgresServer::shared(), {}};
};

TEST_F(CommitsInside, IsNotSentAgainBecauseALockDidNotCome) {
  script("CALL half();");
  Session holder(world.database().address());
  holder("BEGIN; LOCK TABLE lk");

  EXPECT_EQ(world.apply().exit_code, 3);

  EXPECT_EQ(rows(), "1");
  EXPECT_EQ(world.apply().exit_code, 3);
  EXPECT_EQ(rows(), "1");
}

TEST_F(CommitsInside, NorBecauseItSaysSo) {
  script(
      "DO $$ BEGIN INSERT INTO w VALUES (1); COMMIT; RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END "
      "$$;");

  EXPECT_EQ(world.apply().exit_code, 3);

  EXPECT_EQ(rows(), "1");
}

TEST_F(CommitsInside, WhatHasCommittedNothingWaitsForItsLock) {
  script("CALL whole();");
  Session holder(world.database().address());
  holder("BEGIN; LOCK TABLE lk");
  EXPECT_EQ(world.run_dbm(quiet_apply(world, {"--timeout", "2s"})).exit_code, 5);
  EXPECT_EQ(rows(), "0");
  holder("COMMIT");

  EXPECT_EQ(world.apply().exit_code, 0);

  EXPECT_EQ(rows(), "1");
}

TEST_F(CommitsInside, WhatHasCommittedNothingAsksNobodyWhenItFails) {
  script("DO $$ BEGIN INSERT INTO w VALUES (1); PERFORM 1 / 0; END $$;");
  EXPECT_EQ(world.apply().exit_code, 1);
  script("DO $$ BEGIN INSERT INTO w VALUES (2); END $$;");

  EXPECT_EQ(world.apply().exit_code, 0);

  EXPECT_EQ(rows(), "1");
}

TEST_F(CommitsInside, WhatItHasCommittedBeforeItFailsIsForAPersonToSee) {
  script("DO $$ BEGIN INSERT INTO w VALUES (1); COMMIT; PERFORM 1 / 0; END $$;");

  EXPECT_EQ(world.apply().exit_code, 3);

  EXPECT_EQ(rows(), "1");
}

}  // namespace
}  // namespace dbm::test
