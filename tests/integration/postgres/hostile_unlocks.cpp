/// Scripts that give the run lock away, in every way a script can be run: they fail like any other script
/// that is wrong, once, with a row that says so; and the run keeps its lock.
#include "apply_fixture.h"

namespace dbm::test {
namespace {

class GivesAway : public ApplyTest {
 protected:
  GivesAway() {
    as_login(
        "CREATE FUNCTION give() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()';"
        "CREATE FUNCTION giving() RETURNS int LANGUAGE sql AS 'SELECT pg_advisory_unlock_all(); SELECT 1';"
        "CREATE TABLE t (a int); CREATE TABLE gives (a int DEFAULT giving())");
  }

  void expect_given_away(const Result<>& done, const std::string& file) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::Terminal);
    EXPECT_EQ(done.error().reason, "ApplyFailed");
    EXPECT_EQ(done.error().cause, "RunLockGivenAway") << done.error().message;
    EXPECT_EQ(done.error().at.file, file);
    EXPECT_EQ(ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
                  "pg_database WHERE datname = current_database())"),
              "1");
    const auto released = holding_->release();
    EXPECT_TRUE(released) << released.error().message;
  }
};

TEST_F(GivesAway, AloneInItsTransaction) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql", witnessed("0001", "CREATE TABLE a (i int); DO 'BEGIN PERFORM give(); END';")}});

  expect_given_away(done, "0001_a.sql");
  EXPECT_EQ(statuses(), "0001|failed|t");
  EXPECT_EQ(ask("SELECT to_regclass('a') IS NULL"), "t");
  expect_exactly_once(0);
  ASSERT_TRUE(begin());
  ASSERT_TRUE(apply({{"0001_a.sql", witnessed("0001", "CREATE TABLE a (i int);")}}));
  EXPECT_EQ(statuses(), "0001|failed|t\n0001|applied|t");
  expect_exactly_once(1);
}

TEST_F(GivesAway, AllPendingInOne) {
  spec_.apply.transaction = migration::ApplyTransaction::AllPending;
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", witnessed("0001", "SELECT 1;")},
                           {"0002_b.sql", witnessed("0002", "UPDATE dbm.fence SET epoch = epoch + 1;")},
                           {"0003_c.sql", witnessed("0003", "SELECT 1;")}});

  expect_given_away(done, "0002_b.sql");
  EXPECT_EQ(statuses(), "0002|failed|t");
  expect_exactly_once(0);
}

TEST_F(GivesAway, InAChain) {
  ASSERT_TRUE(begin());
  auto made = plan({{"0001_a.sql", chained("0001", "CREATE TABLE a (i int);")},
                    {"0002_b.sql", chained("0002", "SELECT give();")},
                    {"0003_c.sql", chained("0003", "CREATE TABLE c (i int);")}});
  // A trigger or a default can call as much, in a script that looks as if it could go in a chain.
  made.pending[1].analysis.chainable = true;
  made.pending[1].analysis.changes_session = false;

  const auto done = apply_plan(made);

  EXPECT_EQ(applied_, std::vector<std::string>{"0001"});
  expect_given_away(done, "0002_b.sql");
  EXPECT_EQ(statuses(), "0001|applied|t\n0002|failed|t");
  expect_chained_once(1);
}

TEST_F(GivesAway, InATransactionOfAJournalledScript) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql", "-- dbm:transaction none\nVACUUM t;\nINSERT INTO gives DEFAULT VALUES;\n" +
                                witnessed("0001", "")}});

  expect_given_away(done, "0001_a.sql");
  EXPECT_EQ(statuses(), "0001|failed|t");
  EXPECT_EQ(ask("SELECT index, outcome FROM dbm.statement"), "0|done");
  EXPECT_EQ(ask("SELECT count(*) FROM gives"), "0");
  ASSERT_TRUE(begin());
  const auto corrected =
      apply({{"0001_a.sql", "-- dbm:transaction none\nVACUUM t;\n" + witnessed("0001", "SELECT 1;")}});
  ASSERT_TRUE(corrected) << corrected.error().message;
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
}

TEST_F(GivesAway, OutsideATransaction) {
  ASSERT_TRUE(begin());
  const std::vector<NamedScript> scripts{
      {"0001_a.sql",
       "-- dbm:transaction none\nVACUUM t;\nDO 'BEGIN PERFORM give(); END';\n" + witnessed("0001", "")}};

  const auto done = apply(scripts);

  expect_given_away(done, "0001_a.sql");
  EXPECT_EQ(done.error().at.line, 3);
  EXPECT_EQ(statuses(), "0001|failed|t");
  EXPECT_EQ(ask("SELECT index, outcome FROM dbm.statement ORDER BY 1"), "0|done\n1|done");
  ASSERT_TRUE(begin());
  const auto again = apply(scripts);  // it goes on after what is done
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
}

TEST_F(GivesAway, ToARunThatTakesItAtOnce) {
  ASSERT_TRUE(begin());
  const std::string key = std::to_string(context().fence.lock_key);
  auto other = std::make_unique<postgres::Session>(std::move(
      *postgres::Session::connect(target_, {"taker", {}}, Deadline::after(std::chrono::seconds{30}), {})));
  std::jthread taker{[&] { (void)other->exec("SELECT pg_advisory_lock('" + key + "'::int8)"); }};
  ASSERT_TRUE(eventually([&] {
    return ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
               "(SELECT oid FROM pg_database WHERE datname = current_database())") == "1";
  }));

  const auto done = apply({{"0001_a.sql", witnessed("0001", "SELECT give();")}});

  taker.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Cancelled);
  EXPECT_EQ(done.error().cause, "Fenced");
  EXPECT_EQ(statuses(), "");
  expect_exactly_once(0);
}

}  // namespace
}  // namespace dbm::test
