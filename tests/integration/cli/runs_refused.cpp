/// Rehearsals, statements, checks and locks that do not go well.

#include <gmock/gmock.h>

#include <csignal>

#include "refused.h"

namespace dbm::test {
namespace {

struct Case {
  std::string name;
  std::string check;
  std::string line;
};

class ChecksRefused : public Refused, public ::testing::WithParamInterface<Case> {};

TEST_P(ChecksRefused, BeforeAnythingIsTouched) {
  world.sql(
      "SET ROLE app; CREATE FUNCTION zero() RETURNS integer LANGUAGE sql AS 'UPDATE canary SET v = 0 "
      "RETURNING "
      "1'; CREATE TABLE names AS SELECT 'canary-5b1d-row-value' AS name");
  world.manifest.checks = "[{name: sums, at: [Before], sql: {query: \"" + GetParam().check + "\"}}]";

  expect_refused(world, {4, "Stalled/ValidationFailed", "CheckFailed", GetParam().line, "any"});
}

INSTANTIATE_TEST_SUITE_P(
    Query, ChecksRefused,
    ::testing::Values(
        Case{"ThatFinds", "SELECT name FROM names",
             "dbm: check sums failed: 1 violation [CheckFailed]; nothing was changed; correct the data or "
             "the check, then run dbm apply again"},
        Case{"OfTwoStatements", "SELECT 1 WHERE false; UPDATE canary SET v = 0",
             "dbm: check sums failed: cannot be asked: it holds more than one statement (42601) "
             "[CheckFailed]; nothing was changed; correct the data or the check, then run dbm apply again"},
        Case{"ThatWrites", "UPDATE canary SET v = 0 RETURNING v",
             "dbm: check sums failed: cannot be asked: it must be one SELECT, WITH, VALUES or TABLE "
             "[CheckFailed]; nothing was changed; correct the data or the check, then run dbm apply again"},
        Case{"ThatWritesInWith", "WITH d AS (DELETE FROM canary RETURNING v) SELECT v FROM d",
             "dbm: check sums failed: cannot be asked: it would write (0A000) [CheckFailed]; nothing was "
             "changed; correct the data or the check, then run dbm apply again"},
        Case{
            "ThatWritesByAFunction", "SELECT zero()",
            "dbm: check sums failed: cannot be asked: it would write: wrong state of the transaction (25006) "
            "[CheckFailed]; nothing was changed; correct the data or the check, then run dbm apply again"},
        Case{"ThatEndsTheTransaction", "COMMIT",
             "dbm: check sums failed: cannot be asked: it must be one SELECT, WITH, VALUES or TABLE "
             "[CheckFailed]; nothing was changed; correct the data or the check, then run dbm apply again"},
        Case{"ThatIsNoSql", "SELEC 1",
             "dbm: check sums failed: cannot be asked: it must be one SELECT, WITH, VALUES or TABLE "
             "[CheckFailed]; nothing was changed; correct the data or the check, then run dbm apply again"},
        Case{"OfATableThatIsNotThere", "SELECT 1 FROM nowhere",
             "dbm: check sums failed: cannot be asked: relation \"nowhere\" does not exist (42P01) at "
             "character 15 [CheckFailed]; nothing was changed; correct the data or the check, then run dbm "
             "apply again"}),
    [](const auto& info) { return info.param.name; });

TEST_F(Refused, CheckThatFailsInTheTransactionRollsItBack) {
  world.manifest.checks = "[{name: none, at: [InTransaction], sql: {query: SELECT version FROM witness}}]";
  world.manifest.dry_run = "{mode: Disabled}";

  expect_refused(world, {4, "Stalled/ValidationFailed", "CheckFailed",
                         "dbm: 0001_step.sql: check none failed: 1 violation [CheckFailed]; correct the data "
                         "or the check, then run dbm apply again",
                         "made"});
}

TEST_F(Refused, CheckThatFailsAfterwardsSaysThatTheScriptStands) {
  world.manifest.checks = "[{name: none, sql: {query: SELECT version FROM witness}}]";

  const auto finished = world.run_dbm(quiet_apply(world));

  expect_answer(world, finished,
                {4, "Stalled/ValidationFailed", "CheckFailed",
                 "dbm: check none failed: 1 violation [CheckFailed]; the change stays; correct the data or "
                 "the check, then run: dbm apply -f orders.yaml"});
  world.expect_exactly_once({"0001"});
}

TEST_F(Refused, RehearsalThatFails) {
  world.add_script("0002", "INSERT INTO canary SELECT NULL;\n");

  expect_refused(
      world, {1, "Stalled/DryRunFailed", "StatementFailed",
              "dbm: 0002_step.sql:3:1: NULL in a column that must not be NULL (23502) (table public.canary, "
              "column v) [StatementFailed]; give the column a value, or a default before this statement",
              "made"});
}

TEST_F(Refused, RehearsalThatIsImpossible) {
  world.script("0002_b.sql", "CREATE INDEX CONCURRENTLY w ON witness (version);\n");
  world.manifest.dry_run = "{mode: Rehearse}";

  expect_refused(world, {1, "Stalled/DryRunFailed", "NotRehearsed",
                         "dbm: 0002_b.sql: cannot be rehearsed: it cannot run in a transaction "
                         "[NotRehearsed]; dryRun.mode Auto rehearses what can be and says what was not",
                         "made"});
}

TEST_F(Refused, StatementThatFails) {
  world.add_script("0002", "INSERT INTO canary SELECT NULL;\n");
  world.manifest.dry_run = "{mode: Disabled}";

  const auto finished = world.run_dbm(quiet_apply(world));

  expect_answer(
      world, finished,
      {1, "Stalled/ApplyFailed", "StatementFailed",
       "dbm: 0002_step.sql:3:1: NULL in a column that must not be NULL (23502) (table public.canary, column "
       "v) [StatementFailed]; give the column a value, or a default before this statement"});
  EXPECT_EQ(world.witness(), std::vector<std::string>{"0001"});
}

TEST_F(Refused, ScriptThatGivesTheRunLockAwayIsNotTriedAgain) {
  world.sql(
      "SET ROLE app; CREATE FUNCTION give() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()'");
  world.add_script("0002", "SELECT give();\n");
  world.manifest.dry_run = "{mode: Disabled}";

  const auto finished = world.run_dbm(quiet_apply(world));

  expect_answer(
      world, finished,
      {1, "Stalled/ApplyFailed", "RunLockGivenAway",
       "dbm: 0002_step.sql: the script, or a check beside it, gave the run lock away (SQLSTATE MG002) "
       "[RunLockGivenAway]; take the advisory unlock, or the change of the ledger, out of the script "
       "and of what it calls"});
  EXPECT_EQ(world.witness(), std::vector<std::string>{"0001"});
  EXPECT_EQ(world.sql("SELECT status FROM dbm.history WHERE version = '0002'"), "failed");
  world.script("0002_step.sql", "CREATE TABLE corrected ();\n");
  EXPECT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0);
}

TEST_F(Refused, DataThatForbidsAConstraintShowsNoValue) {
  world.script("0002_b.sql",
               "CREATE TABLE b (name text);\nINSERT INTO b VALUES ('canary-5b1d-row-value'), "
               "('canary-5b1d-row-value');\nALTER TABLE b ADD UNIQUE (name);\n");

  expect_refused(world, {1, "Stalled/DryRunFailed", "StatementFailed",
                         "dbm: 0002_b.sql:3:1: a value that must be unique is there already (23505) (table "
                         "public.b, constraint b_name_key) [StatementFailed]; rows that are equal stand in "
                         "the way: find and merge them in an earlier script",
                         "made"});
}

TEST_F(Refused, ObjectThatWouldBeLost) {
  world.sql(
      "CREATE TABLE b (id int, name text); CREATE INDEX by_name ON b (id, name); ALTER TABLE b OWNER TO app");
  world.script("0002_b.sql", "ALTER TABLE b DROP COLUMN name;\n");

  expect_refused(world,
                 {1, "Stalled/DryRunFailed", "LostObject",
                  "dbm: 0002_b.sql: would lose without a statement that names it: index public.by_name "
                  "[LostObject]; make again what was lost, or drop it by name first; a loss on purpose is "
                  "declared by a line \"-- dbm:drops index public.by_name\" before the first statement",
                  "made"});
}

TEST_F(Refused, LockThatNeverComesNamesWhoHoldsIt) {
  world.sql("GRANT pg_read_all_stats TO app");
  Session holder(world.database().address());
  holder("BEGIN; LOCK TABLE canary");
  world.manifest.apply = "{lockTimeout: 50ms}";
  world.manifest.dry_run = "{mode: Disabled}";

  const auto finished = world.run_dbm(quiet_apply(world, {"--timeout", "3s"}));

  EXPECT_EQ(finished.exit_code, 5);
  EXPECT_EQ(situation(world), "Reconciling/WaitingForLock");
  EXPECT_EQ(failure_field(world, "reason"), "LockTimeout");
  const auto lines = lines_of(world, finished.err);
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines.back(), ::testing::HasSubstr("canary"));
  EXPECT_THAT(lines.back(), ::testing::HasSubstr("pid " + std::to_string(holder.backend_pid())));
  holder("ROLLBACK");
  EXPECT_EQ(world.canary(), canary_after(0));
}

/// Paused for longer than its connections live, while another does the work.
TEST_F(Refused, AProgramThatWasPausedWritesNothingAfterwards) {
  world.add_script("0002", "SELECT pg_sleep(0.7);\n");
  world.manifest.dry_run = "{mode: Disabled}";
  auto paused = world.start_dbm(quiet_apply(world));
  ASSERT_TRUE(eventually([&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = "
               "'active' AND query LIKE 'SELECT pg_sleep%' AND pid <> pg_backend_pid()") != "0";
  }));

  paused.signal(SIGSTOP);
  world.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
      "usename = 'app'");
  const auto other = world.run_dbm(quiet_apply(world));
  const auto recorded = world.sql("SELECT count(*) FROM dbm.run");
  paused.signal(SIGCONT);
  const auto woken = paused.wait();
  world.check(woken);

  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_EQ(woken.exit_code, 0) << woken.err;
  world.expect_exactly_once({"0001", "0002"});
  EXPECT_EQ(world.sql("SELECT count(*) FROM dbm.run"), recorded);
  EXPECT_EQ(situation(world), "Ready/Succeeded");
}

}  // namespace
}  // namespace dbm::test
