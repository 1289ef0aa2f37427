/// What statements outside a transaction really leave behind when their session is ended in the middle, and
/// what the next run makes of it; the probes of what only a superuser can make; and a script that is resumed.
#include <array>
#include <thread>

#include "apply_fixture.h"
#include "postgres/probe.h"
#include "support/wait.h"

namespace dbm::test {
namespace {

class JournalProbes : public ApplyTest {
 protected:
  JournalProbes() {
    as_login(
        "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100); CREATE INDEX t_a ON t (a);"
        "CREATE TABLE p (i int) PARTITION BY RANGE (i); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) "
        "TO (10)");
  }

  /// Applies `statement` while `reader` holds it up, ends its session once `midway` is true, and lets the
  /// reader go.
  void end_midway(const std::string& statement, const std::string& reading, const std::string& midway) {
    const auto made = plan({{"0001_i.sql", statement + ";\n"}});
    Session reader(database_.address());
    reader("BEGIN; " + reading);
    bool reached = false;
    std::jthread other([&] {
      reached = eventually([&] { return ask(midway) == "t"; });
      change("SELECT pg_terminate_backend(" + std::to_string(context().work->backend_pid()) + ")");
      // The backend must be gone before its locks are.
      (void)eventually([&] {
        return ask("SELECT count(*) FROM pg_stat_activity WHERE pid = " +
                   std::to_string(context().work->backend_pid())) == "0";
      });
      reader("COMMIT");
    });

    const auto cut = apply_plan(made);

    other.join();
    ASSERT_FALSE(cut);
    ASSERT_TRUE(reached) << "never seen: " << midway;
    ASSERT_EQ(ask(midway), "t") << "the leftover is not there";
  }
  void finish(const std::string& statement) {
    const auto next = begin();
    ASSERT_TRUE(next) << next.error().message;
    const auto done = apply({{"0001_i.sql", statement + ";\n"}});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(ask("SELECT count(*) FROM dbm.history WHERE status = 'applied' AND finished IS NOT NULL"), "1");
  }
};

TEST_F(JournalProbes, ReindexLeavesNoInvalidCopyBehind) {
  ASSERT_TRUE(begin());
  const std::string leftover =
      "SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid "
      "AND c.relname LIKE 't\\_a\\_cc%')";
  end_midway("REINDEX INDEX CONCURRENTLY t_a", "INSERT INTO t VALUES (500)", leftover);

  finish("REINDEX INDEX CONCURRENTLY t_a");

  EXPECT_EQ(ask("SELECT string_agg(c.relname, ' ') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                "WHERE i.indrelid = 't'::regclass AND i.indisvalid"),
            "t_a");
  EXPECT_EQ(ask(leftover), "f");
}

TEST_F(JournalProbes, DetachThatWasBegunIsFinalised) {
  ASSERT_TRUE(begin());
  const std::string pending =
      "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'p1'::regclass AND inhdetachpending)";
  const std::string statement = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY";
  end_midway(statement, "SELECT * FROM p", pending);

  finish(statement);

  EXPECT_EQ(ask("SELECT count(*) FROM pg_inherits WHERE inhrelid = 'p1'::regclass"), "0");
}

class JournalRefused : public JournalProbes,
                       public ::testing::WithParamInterface<std::array<const char*, 3>> {};

// What is not there before the statement is not there after it either: that proves nothing.
TEST_P(JournalRefused, IsAFailureAndNoSuccess) {
  const auto& [name, statement, sqlstate] = GetParam();
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", std::string(statement) + ";\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sqlstate, sqlstate) << done.error().message;
  EXPECT_EQ(done.error().reason, "ApplyFailed");
  EXPECT_EQ(ask("SELECT string_agg(status, ' ') FROM dbm.history"), "failed");
}
INSTANTIATE_TEST_SUITE_P(
    All, JournalRefused,
    ::testing::Values(std::array{"NeverAttached", "ALTER TABLE p DETACH PARTITION t CONCURRENTLY", "42P01"},
                      std::array{"NoSuchPartition", "ALTER TABLE p DETACH PARTITION nope CONCURRENTLY",
                                 "42P01"},
                      std::array{"NoSuchIndex", "DROP INDEX CONCURRENTLY nope", "42704"}),
    [](const auto& one) { return std::string(one.param[0]); });

TEST_F(JournalProbes, IndexesThatWereInvalidBeforeAreNotOurs) {
  ASSERT_TRUE(begin());
  change(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a'::regclass; ALTER INDEX t_a RENAME TO "
      "t_b_ccnew");

  const auto done = apply({{"0001_i.sql", "REINDEX TABLE CONCURRENTLY p1;\n"}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT to_regclass('t_b_ccnew') IS NOT NULL"), "t");
}

/// What probe() says before and after `effect`, with the intent as it is written before the statement.
struct Presence {
  const char* name;
  const char* statement;
  const char* setup;
  const char* effect;
  const char* undo;
};
class JournalPresence : public JournalProbes, public ::testing::WithParamInterface<Presence> {};

TEST_P(JournalPresence, IsToldFromTheCatalog) {
  const Presence& row = GetParam();
  const auto each = [&](const char* text) {
    // One by one: CREATE DATABASE stands alone.
    std::string rest = text;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(';'), rest.size());
      Session session(database_.address());
      session("SET allow_in_place_tablespaces = on");
      session(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
  };
  each(row.setup);
  ASSERT_TRUE(begin());
  const auto what = script::classify(row.statement);
  script::Statement statement;
  statement.text = row.statement;
  const auto soon = [] { return Deadline::after(std::chrono::seconds{20}); };

  const auto intent = postgres::look_before(context(), statement, what, false, soon());
  ASSERT_TRUE(intent) << intent.error().message;
  const auto decoded =
      postgres::decode_intent(intent->kind, intent->object, postgres::encode_intent(*intent));
  const auto before = postgres::probe(context(), decoded, soon());
  each(row.effect);
  const auto after = postgres::probe(context(), decoded, soon());
  each(row.undo);

  ASSERT_TRUE(before && after);
  EXPECT_EQ(before->verdict, postgres::Verdict::NotDone);
  EXPECT_EQ(after->verdict, postgres::Verdict::Done);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, JournalPresence,
    ::testing::Values(Presence{"AddValue", "ALTER TYPE mood ADD VALUE 'so so'",
                               "CREATE TYPE mood AS ENUM ('good')", "ALTER TYPE mood ADD VALUE 'so so'", ""},
                      Presence{"CreateDatabase", "CREATE DATABASE \"Probe Made\"", "",
                               "CREATE DATABASE \"Probe Made\"", "DROP DATABASE \"Probe Made\""},
                      Presence{"DropDatabase", "DROP DATABASE Probe_Gone", "CREATE DATABASE probe_gone",
                               "DROP DATABASE probe_gone", ""},
                      Presence{"CreateTablespace", "CREATE TABLESPACE probe_made LOCATION '/x'", "",
                               "CREATE TABLESPACE probe_made LOCATION ''", "DROP TABLESPACE probe_made"},
                      Presence{"DropTablespace", "DROP TABLESPACE probe_gone",
                               "CREATE TABLESPACE probe_gone LOCATION ''", "DROP TABLESPACE probe_gone", ""}),
    [](const auto& one) { return one.param.name; });

TEST_F(JournalProbes, AResumedScriptHasTheSessionStateItHadSet) {
  ASSERT_TRUE(begin());
  as_login("CREATE SCHEMA other; CREATE TABLE other.d (a int); INSERT INTO other.d VALUES (1), (1)");
  const std::vector<NamedScript> scripts{
      {"0001_i.sql",
       "-- dbm:transaction none\nSET search_path = other;\nCREATE TABLE first (i int);\n"
       "CREATE UNIQUE INDEX CONCURRENTLY d_a ON d (a);\nCREATE TABLE second (i int);\n"}};
  ASSERT_FALSE(apply(scripts));
  ASSERT_EQ(ask("SELECT to_regclass('other.d_a') IS NULL AND to_regclass('other.first') IS NOT NULL"), "t");
  as_login("DELETE FROM other.d");
  ASSERT_TRUE(begin());

  const auto done = apply(scripts);

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT to_regclass('other.second') IS NOT NULL"), "t");
  EXPECT_EQ(ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'other.d_a'::regclass"), "t");
}

// Only the server knows that p is partitioned.
TEST_F(JournalProbes, AStatementThatTurnsOutToRefuseATransactionChangesNothingAndSaysWhat) {
  ASSERT_TRUE(begin());
  const auto made = plan({{"0001_a.sql", "CREATE TABLE before_it (i int);\nREINDEX TABLE p;\n"}});
  ASSERT_TRUE(made.pending[0].analysis.in_transaction);

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Transient);
  EXPECT_EQ(done.error().cause, "PlanOutdated") << "the next plan runs it statement by statement";
  EXPECT_EQ(done.error().sqlstate, "25001");
  EXPECT_EQ(done.error().at, (Position{"0001_a.sql", 2, 1}));
  EXPECT_EQ(ask("SELECT to_regclass('before_it') IS NULL"), "t");
  EXPECT_EQ(statuses(), "0001|failed|t");
}

TEST_F(JournalProbes, OutsideATransactionItRunsWhereItCan) {
  ASSERT_TRUE(begin());

  const auto done = apply(
      {{"0001_a.sql", "-- dbm:transaction none\n" + witnessed("0001", "CREATE TABLE before_it (i int);") +
                          "-- dbm:idempotent yes\nREINDEX TABLE p;\n"}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(statuses(), "0001|applied|t");
}

}  // namespace
}  // namespace dbm::test
