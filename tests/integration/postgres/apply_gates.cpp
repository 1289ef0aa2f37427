/// What is looked at before COMMIT: objects that would be lost, and the spec's checks at InTransaction.
#include "apply_fixture.h"
#include "postgres/checks.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

class ApplyGates : public ApplyTest {
 protected:
  void check(const std::string& name, const std::string& query,
             migration::Severity severity = migration::Severity::Error) {
    migration::Check check;
    check.name = name;
    check.at = {migration::Gate::InTransaction};
    check.severity = severity;
    check.sql = migration::SqlCheck{query};
    spec_.checks.push_back(check);
  }
  void take_baseline(const migration::Plan& plan) {
    auto taken = postgres::take_baseline({&target_, &spec_, &plan, nullptr},
                                         Deadline::after(std::chrono::seconds{20}), {});
    ASSERT_TRUE(taken) << taken.error().message;
    baseline_ = std::move(*taken);
    context().baseline = &baseline_;
  }
  std::string verdicts() {
    std::string text;
    for (const auto& one : context().in_transaction.results)
      text += (text.empty() ? "" : " ") + one.name + "=" + one.result;
    return text;
  }
  postgres::CheckBaseline baseline_;
};

TEST_F(ApplyGates, AnIndexThatNoStatementNamesIsNotLost) {
  as_login(
      "CREATE TABLE cards (pack int, rarity text); CREATE INDEX cards_pack_rarity ON cards (pack, rarity)");
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_drop.sql", witnessed("0001", "ALTER TABLE cards DROP COLUMN rarity;")}});

  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("cards_pack_rarity"));
  EXPECT_EQ(done.error().at.file, "0001_drop.sql");
  EXPECT_EQ(ask("SELECT to_regclass('cards_pack_rarity') IS NOT NULL"), "t");
  EXPECT_EQ(statuses(), "0001|failed|t");
  expect_exactly_once(0);
}

TEST_F(ApplyGates, DeclaredItGoes) {
  as_login(
      "CREATE TABLE cards (pack int, rarity text); CREATE INDEX cards_pack_rarity ON cards (pack, rarity)");
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_drop.sql", "-- dbm:drops index cards_pack_rarity\n" +
                                   witnessed("0001", "ALTER TABLE cards DROP COLUMN rarity;")}});

  ASSERT_TRUE(done) << done.error().message;
  expect_exactly_once(1);
}

TEST_F(ApplyGates, AFailedCheckRollsTheScriptBackAndIsKept) {
  as_login("CREATE TABLE items (n int)");
  check("no-negative", "SELECT n FROM items WHERE n < 0");
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", witnessed("0001", "INSERT INTO items VALUES (1);")},
                           {"0002_b.sql", witnessed("0002", "INSERT INTO items VALUES (-1);")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ValidationFailed");
  EXPECT_EQ(done.error().at.file, "0002_b.sql");
  EXPECT_EQ(verdicts(), "no-negative=Failed");
  EXPECT_EQ(ask("SELECT string_agg(n::text, ' ') FROM items"), "1");
  expect_exactly_once(1);
}

TEST_F(ApplyGates, WhatChecksSaidInManyTransactionsIsOneVerdictEach) {
  as_login(
      "CREATE TABLE items (n int, ok boolean); CREATE TABLE others (n int); INSERT INTO others VALUES (1)");
  check("no-rows-of-others", "SELECT n FROM others", migration::Severity::Warning);
  check("all-ok", "SELECT n FROM items WHERE NOT ok");
  check("some-item", "SELECT 1 WHERE NOT EXISTS (SELECT FROM items)");
  ASSERT_TRUE(begin());
  const auto made = plan({{"0001_a.sql", witnessed("0001", "INSERT INTO items VALUES (1, true);")},
                          {"0002_b.sql", witnessed("0002", "UPDATE items SET ok = true;")}});
  take_baseline(made);

  const auto done = apply_plan(made);

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(verdicts(), "no-rows-of-others=Warned all-ok=Vacuous some-item=Passed");
  EXPECT_EQ(context().in_transaction.passed, 1);
  EXPECT_EQ(context().in_transaction.warned, 1);
  EXPECT_EQ(context().in_transaction.vacuous, 1);
  expect_exactly_once(2);
}

}  // namespace
}  // namespace dbm::test
