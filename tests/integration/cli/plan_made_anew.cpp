/// What the server knows better than the text: the plan is made anew, and the run ends well.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "refused.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

TEST_F(Refused, ReindexOfAPartitionedTableRunsOutsideInTheEnd) {
  world.sql(
      "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); "
      "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10); "
      "ALTER TABLE parted OWNER TO app; ALTER TABLE part OWNER TO app");
  world.script("0002_reindex.sql", "CREATE TABLE beside (id int);\nREINDEX TABLE parted;\n");

  const auto finished = world.apply();

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(world.applied_versions(), (std::vector<std::string>{"0001", "0002"}));
  EXPECT_EQ(world.sql("SELECT status || coalesce(' ' || error_sqlstate, '') FROM dbm.history WHERE version = "
                      "'0002' ORDER BY id"),
            "failed 25001\napplied");
  EXPECT_EQ(world.sql("SELECT count(*) FROM dbm.statement s JOIN dbm.history h ON h.id = s.history_id WHERE "
                      "h.version = '0002' AND s.outcome = 'done'"),
            "2");
}

TEST_F(Refused, AFunctionThatTriesStaysRefused) {
  world.script("0002_vacuum.sql", "DO $$ BEGIN EXECUTE 'VACUUM witness'; END $$;\n");

  const auto finished = world.apply({}, {"-q"});

  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(situation(world), "Stalled/ApplyFailed");
  EXPECT_EQ(failure_field(world, "sqlstate"), "25001");
  EXPECT_THAT(failure_field(world, "remedy"), HasSubstr("-- dbm:transaction none"));
}

// A table named after something that is never the same twice.
TEST_F(Refused, ASchemaThatIsNotAsRehearsedIsAWarning) {
  world.manifest.dry_run = "{mode: Rehearse}";
  world.script("0002_new.sql",
               "DO $$ BEGIN EXECUTE format('CREATE TABLE t_%s (id int)', pg_current_xact_id()); END $$;\n");

  EXPECT_EQ(world.apply().exit_code, 0);

  const auto status = world.status();
  const auto& results = status["status"]["checks"]["results"];
  ASSERT_FALSE(results.empty());
  EXPECT_EQ(results[0]["name"], "schemaDiff");
  EXPECT_EQ(results[0]["result"], "Warned");
  EXPECT_THAT(results[0]["message"].get<std::string>(),
              ::testing::MatchesRegex("otherwise than in the dry run, the schema gained table "
                                      "public.t_[0-9]+; did not gain table public.t_[0-9]+"));
}

TEST_F(Refused, StatusKeepsThePlanOfTheLastRun) {
  EXPECT_EQ(world.apply().exit_code, 0);
  const auto written = world.status()["status"]["plan"];
  const auto asked = nlohmann::ordered_json::parse(
      world.run_dbm({"status", "-o", "json", "-f", world.manifest_file()}).out)["status"]["plan"];

  EXPECT_EQ(written["scripts"], 1);
  EXPECT_EQ(written["statements"], 2);
  EXPECT_EQ(written["digest"], world.sql("SELECT plan_digest FROM dbm.run"));
  EXPECT_EQ(asked, written);
}

TEST_F(Refused, HistoryCountsNoRowsWhereNoneCouldBeChanged) {
  world.script("0002_a.sql", "CREATE TABLE a (id int);\n");
  world.script("0003_b.sql", "CREATE TABLE b (id int);\n");
  world.script("0004_c.sql", "INSERT INTO a SELECT generate_series(1, 3);\n");
  world.script("0005_d.sql", "CREATE TABLE d (id int);\n");

  EXPECT_EQ(world.apply().exit_code, 0);

  EXPECT_EQ(world.sql("SELECT version || ' ' || coalesce(rows::text, '-') FROM dbm.history WHERE version IN "
                      "('0002', '0003', '0005') ORDER BY id"),
            "0002 0\n0003 0\n0005 0");
}

}  // namespace
}  // namespace dbm::test
