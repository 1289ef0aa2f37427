// Gates, the vacuous rule, and the checks that are always on.

#include "integration/postgres/checks_fixture.h"

namespace dbm::test {
namespace {

using migration::Gate;
using postgres::check_in_transaction;

class CheckGates : public ChecksTest {};

TEST_F(CheckGates, AskOnlyTheirOwnChecks) {
  auto before = sql_check("SELECT 1");
  before.name = "before";
  before.at = {Gate::Before};
  auto after = sql_check("SELECT 1 WHERE false");
  after.name = "after";
  spec_.checks = {before, after};

  EXPECT_EQ(verdict(Gate::Before, "before"), "Failed: 1 violation");
  EXPECT_EQ(verdict(Gate::Before, "after"), "absent");
  EXPECT_EQ(verdict(Gate::After, "after"), "Passed: 0 violations");
  EXPECT_EQ(verdict(Gate::After, "before"), "absent");
}

TEST_F(CheckGates, ListWhatFailedFirstAndCountAll) {
  auto good = sql_check("SELECT 1 WHERE false");
  good.name = "good";
  auto warns = sql_check("SELECT 1");
  warns.name = "warns";
  warns.severity = migration::Severity::Warning;
  auto bad = sql_check("SELECT 1");
  bad.name = "bad";
  spec_.checks = {good, warns, bad};

  const auto status = postgres::check_gate(Gate::After, request(), Deadline::never(), {});

  ASSERT_TRUE(status);
  EXPECT_EQ(status->results.at(0).name, "bad");
  EXPECT_EQ(status->results.at(1).name, "warns");
  EXPECT_EQ(status->failed, 1);
  EXPECT_EQ(status->warned, 1);
  const auto refused = postgres::refuse_failed(*status);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "check bad failed: 1 violation");
  EXPECT_EQ(refused.error().failure_reason(), "CheckFailed");
}

class InTransaction : public CheckGates {
 protected:
  void SetUp() override {
    as_login("CREATE TABLE t (id int)");
    spec_.checks = {sql_check("SELECT id FROM t WHERE id > 5")};
    spec_.checks[0].at = {Gate::InTransaction};
  }
  std::string ask_inside(std::chrono::milliseconds budget = std::chrono::seconds{10}) {
    const auto status = check_in_transaction(work_, request(), budget, Deadline::never(), {});
    return status ? verdict_in(*status, "asked") : "error " + status.error().message;
  }
  postgres::Session work_ = connect_to(database_);
};

TEST_F(InTransaction, SeesWhatIsNotCommittedAndLeavesTheTransactionAsItWas) {
  ASSERT_TRUE(work_.exec("BEGIN"));
  ASSERT_TRUE(work_.exec("SET LOCAL search_path = pg_catalog"));
  ASSERT_TRUE(work_.exec("INSERT INTO public.t VALUES (9)"));

  EXPECT_EQ(ask_inside(), "Failed: 1 violation");

  EXPECT_EQ(work_.exec("SHOW search_path")->text(0, 0), "pg_catalog");
  EXPECT_TRUE(work_.exec("INSERT INTO public.t VALUES (10)"));
  EXPECT_TRUE(work_.exec("COMMIT"));
  EXPECT_EQ(ask("SELECT count(*) FROM t"), "2");
}

TEST_F(InTransaction, CannotWrite) {
  as_login(
      "CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN 1; END $$");
  spec_.checks[0].sql->query = "SELECT set_config('transaction_read_only', 'off', false), sneak()";
  ASSERT_TRUE(work_.exec("BEGIN"));
  ASSERT_TRUE(work_.exec("INSERT INTO t VALUES (1)"));

  EXPECT_THAT(ask_inside(), ::testing::StartsWith("Failed: cannot be asked"));
  EXPECT_TRUE(work_.exec("COMMIT"));
  EXPECT_EQ(ask("SELECT count(*) FROM t"), "1");
}

TEST_F(InTransaction, EndsWithItsBudget) {
  spec_.checks[0].sql->query = "SELECT pg_sleep(30)";
  spec_.checks.push_back(spec_.checks[0]);
  spec_.checks[1].name = "second";
  ASSERT_TRUE(work_.exec("BEGIN"));

  const auto status =
      check_in_transaction(work_, request(), std::chrono::milliseconds{80}, Deadline::never(), {});

  ASSERT_TRUE(status);
  EXPECT_THAT(verdict_in(*status, "asked"), ::testing::StartsWith("Failed: timed out after "));
  EXPECT_THAT(verdict_in(*status, "second"), ::testing::StartsWith("Failed: timed out"));
  EXPECT_TRUE(work_.exec("COMMIT"));
}

class Vacuous : public ChecksTest {
 protected:
  void SetUp() override {
    as_login(
        "CREATE TABLE customers (id int PRIMARY KEY); CREATE TABLE orders (id int, customer int, total int);"
        "CREATE TABLE cards (rarity text NOT NULL, rarity_v2 text, pack int); INSERT INTO cards SELECT 'r', "
        "NULL, i FROM generate_series(1, 1247) i");
  }
  std::string check_around(const std::string& query, const std::string& script) {
    spec_.checks = {sql_check(query)};
    take_baseline();
    apply(script);
    return verdict();
  }
};

TEST_F(Vacuous, AComparisonThatNullHidesSaysNothingAboutTheBackfill) {
  EXPECT_EQ(
      check_around("SELECT 1 FROM cards WHERE rarity != rarity_v2", "UPDATE cards SET rarity_v2 = rarity"),
      "Vacuous: was already true before cards.rarity_v2 was written, so it says nothing about that; at: "
      "[Before, After] if that is meant");
}

TEST_F(Vacuous, TheSameWithDistinctFromIsEvidence) {
  EXPECT_EQ(check_around("SELECT 1 FROM cards WHERE rarity IS DISTINCT FROM rarity_v2",
                         "UPDATE cards SET rarity_v2 = rarity"),
            "Passed: 0 violations");
}

TEST_F(Vacuous, ACheckOfOtherColumnsOrTablesIsNotFlagged) {
  EXPECT_EQ(
      check_around("SELECT 1 FROM orders o LEFT JOIN customers c ON c.id = o.customer WHERE c.id IS NULL",
                   "UPDATE orders SET total = 1 WHERE id = 2"),
      "Passed: 0 violations");
  EXPECT_EQ(check_around("SELECT 1 FROM customers WHERE id < 0", "INSERT INTO cards VALUES ('x')"),
            "Passed: 0 violations");
}

TEST_F(Vacuous, AColumnThatDidNotExistCountsAsNotTrue) {
  EXPECT_EQ(check_around("SELECT 1 FROM cards WHERE rank IS NULL",
                         "ALTER TABLE cards ADD rank int; UPDATE cards SET rank = 1"),
            "Passed: 0 violations");
}

TEST_F(Vacuous, AnInvariantByIntentIsNotFlagged) {
  spec_.checks = {sql_check("SELECT 1 FROM cards WHERE rarity_v2 = 'bad'")};
  spec_.checks[0].at = {Gate::Before, Gate::After};
  take_baseline();
  apply("UPDATE cards SET rarity_v2 = rarity");

  EXPECT_EQ(verdict(), "Passed: 0 violations");
}

TEST_F(Vacuous, AColumnCheckIsAboutTheColumnThatIsAltered) {
  as_login("CREATE TABLE tickets (priority text, note text)");
  spec_.checks.clear();
  migration::Check check;
  check.name = "c";
  check.column = migration::ColumnCheck{"tickets", "priority", "text", std::nullopt, std::nullopt, false};
  spec_.checks.push_back(check);
  take_baseline();
  apply("ALTER TABLE public.tickets ADD COLUMN more int, ALTER note SET NOT NULL");
  EXPECT_EQ(verdict(Gate::After, "c").substr(0, 6), "Passed") << "about another column";

  apply("ALTER TABLE public.tickets ADD CONSTRAINT x CHECK (true), ALTER COLUMN priority SET DEFAULT 'low'");

  EXPECT_EQ(
      verdict(Gate::After, "c"),
      "Vacuous: was already true before tickets.priority was altered, so it says nothing about that; at: "
      "[Before, After] if that is meant");
}

class AlwaysOn : public ChecksTest {};

TEST_F(AlwaysOn, PassOnASoundDatabase) {
  as_login("CREATE TABLE t (id serial PRIMARY KEY, v int); INSERT INTO t (v) VALUES (1)");
  take_baseline();
  apply("ALTER TABLE t ADD w int");

  const auto status = postgres::check_gate(Gate::After, request(), Deadline::never(), {});

  ASSERT_TRUE(status);
  EXPECT_EQ(status->passed, 4);
  EXPECT_EQ(status->failed + status->warned + status->vacuous, 0);
}

TEST_F(AlwaysOn, FindNewInvalidIndexesOnly) {
  as_login("CREATE TABLE t (a int, b int); CREATE INDEX t_old ON t (a)");
  sql(database_, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_old'::regclass");
  EXPECT_EQ(verdict(Gate::After, "noInvalidIndexes"),
            "Warned: invalid: public.t_old; DROP INDEX CONCURRENTLY and build again");
  take_baseline();
  EXPECT_EQ(verdict(Gate::After, "noInvalidIndexes"), "Passed: no new invalid index");

  as_login("CREATE INDEX t_new ON t (b)");
  sql(database_, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_new'::regclass");

  EXPECT_EQ(verdict(Gate::After, "noInvalidIndexes"),
            "Failed: invalid: public.t_new; DROP INDEX CONCURRENTLY and build again");
}

TEST_F(AlwaysOn, WarnOfAConstraintLeftNotValidOnPurposeAndFailElse) {
  as_login("CREATE TABLE t (a int)");
  take_baseline();
  as_login(
      "DO $$ BEGIN EXECUTE 'ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT ' || 'VALID'; END $$");
  EXPECT_EQ(verdict(Gate::After, "constraintsValid"),
            "Failed: not validated: public.t.positive; ALTER TABLE … VALIDATE CONSTRAINT");

  pending("ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID");
  EXPECT_EQ(verdict(Gate::After, "constraintsValid"),
            "Warned: not validated: public.t.positive; ALTER TABLE … VALIDATE CONSTRAINT");
}

TEST_F(AlwaysOn, FindWhatWasLostAsAWhole) {
  as_login("CREATE TABLE t (a int, b int); CREATE INDEX t_ab ON t (a, b)");
  take_baseline();
  apply("ALTER TABLE t DROP b");
  EXPECT_EQ(verdict(Gate::After, "schemaDiff"),
            "Failed: lost without a statement that names it: index public.t_ab");

  plan_.pending[0].analysis.directives.drops = {"index t_ab"};
  EXPECT_EQ(verdict(Gate::After, "schemaDiff"), "Passed: nothing was lost that no statement names");
}

TEST_F(AlwaysOn, WarnOfASequenceBehindItsColumn) {
  as_login(
      "CREATE TABLE t (id serial PRIMARY KEY); CREATE TABLE u (id int GENERATED BY DEFAULT AS IDENTITY); "
      "INSERT INTO u DEFAULT VALUES");
  EXPECT_EQ(verdict(Gate::After, "sequences"), "Passed: no sequence is behind its column");

  as_login("INSERT INTO t VALUES (77); INSERT INTO u VALUES (5)");

  EXPECT_EQ(verdict(Gate::After, "sequences"),
            "Warned: behind the largest value of its column: public.t_id_seq of public.t.id, public.u_id_seq "
            "of public.u.id; the next INSERT may fail, use setval()");
}

}  // namespace
}  // namespace dbm::test
