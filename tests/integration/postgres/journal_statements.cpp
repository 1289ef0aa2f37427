/// Scripts that cannot be one transaction: intent, statement, outcome; and what a crash between them leaves.
#include "apply_fixture.h"
#include "base/digest.h"
#include "postgres/ledger.h"

#include <thread>

namespace dbm::test {
namespace {

class Journal : public ApplyTest {
 protected:
  Journal() {
    as_login(
        "CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, i::text FROM generate_series(1, 100) i;"
        "CREATE PROCEDURE nothing() LANGUAGE plpgsql AS 'BEGIN NULL; END';"
        "CREATE TABLE p (i int) PARTITION BY RANGE (i); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) "
        "TO (10)");
  }
  std::jthread watcher_;
  std::string journal() {
    return ask(
        "SELECT s.index, s.outcome FROM dbm.statement s JOIN dbm.history h ON h.id = s.history_id WHERE h.id "
        "= (SELECT max(id) FROM dbm.history) ORDER BY 1");
  }
};

TEST_F(Journal, RunsEachStatementWithItsOutcome) {
  ASSERT_TRUE(begin());

  const auto done = apply(
      {{"0001_i.sql",
        "-- dbm:transaction none\nSET search_path = public;\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n" +
            witnessed("0001", "VACUUM t;") +
            "REINDEX INDEX CONCURRENTLY t_a;\nALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\n"
            "DROP INDEX CONCURRENTLY t_a;\n"}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(statuses(), "0001|applied|t");
  EXPECT_EQ(journal(), "0|done\n1|done\n2|done\n3|done\n4|done\n5|done\n6|done\n7|done");
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
}

TEST_F(Journal, CleansUpAFailedIndexAndGoesOnFromThere) {
  ASSERT_TRUE(begin());
  as_login("INSERT INTO t VALUES (1, 'twice')");
  const std::vector<NamedScript> scripts{
      {"0001_i.sql", "-- dbm:transaction none\n" + witnessed("0001", "CREATE TABLE first (i int);") +
                         "CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);\n"}};

  const auto failed = apply(scripts);

  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "23505");
  EXPECT_EQ(failed.error().at.line, 5);
  EXPECT_EQ(ask("SELECT to_regclass('t_a') IS NULL"), "t");
  EXPECT_EQ(statuses(), "0001|failed|t");
  as_login("DELETE FROM t WHERE b = 'twice'");
  ASSERT_TRUE(begin());
  const auto done = apply(scripts);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"), "t");
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
  EXPECT_EQ(journal(), "0|done\n1|done\n2|done\n3|done");
}

TEST_F(Journal, RefusesToGoOnWhenWhatIsInEffectWasChanged) {
  ASSERT_TRUE(begin());
  ASSERT_FALSE(
      apply({{"0001_i.sql", "-- dbm:transaction none\nCREATE TABLE first (i int);\nSELECT nonsense;\n"}}));
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_i.sql", "-- dbm:transaction none\nCREATE TABLE second (i int);\nSELECT 1;\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ChangedScript");
  EXPECT_EQ(done.error().at.line, 2);
}

/// A crash right after the statement's intent was written, or right after it took effect: the journal knows
/// no outcome.
struct Crash {
  const char* name;
  const char* statement;  ///< outside a transaction
  const char* effect;     ///< what the crash has left, run by the login; empty: nothing
  const char* proof;      ///< true once the script is in effect
  bool manual = false;
};

class JournalCrash : public Journal, public ::testing::WithParamInterface<Crash> {};

TEST_P(JournalCrash, IsSettledByTheNextRunAndEndsApplied) {
  const Crash& crash = GetParam();
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const std::vector<NamedScript> scripts{{"0001_i.sql", "-- dbm:transaction none\n" +
                                                            witnessed("0001", "CREATE TABLE first (i int);") +
                                                            crash.statement + ";\n"}};
  const auto made = plan(scripts);
  std::string sent = crash.statement;
  if (const auto end = sent.rfind('\n'); end != sent.npos) sent = sent.substr(end + 1);
  proxy.cut_at(sent, Cut::BeforeSend);

  const auto cut = apply_plan(made);

  ASSERT_FALSE(cut);
  ASSERT_EQ(proxy.cuts(), 1);
  ASSERT_EQ(ask("SELECT count(*) FROM dbm.statement WHERE outcome IS NULL"), "1");
  if (*crash.effect != '\0') as_login(crash.effect);
  const auto next = begin();
  if (crash.manual) {
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().reason, "ManualInterventionRequired");
    EXPECT_NE(next.error().remedy.find("dbm resolve 0001"), std::string::npos);
    return;
  }
  ASSERT_TRUE(next) << next.error().message;
  const auto done = apply(scripts);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask(crash.proof), "t");
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
  EXPECT_EQ(ask("SELECT count(*) FROM dbm.history WHERE status = 'applied' AND finished IS NOT NULL"), "1");
}

constexpr const char* kIndex = "CREATE INDEX CONCURRENTLY t_a ON t (a) WHERE a > 5";
constexpr const char* kIndexThere = "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass";
constexpr const char* kDetach = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY";
constexpr const char* kDetached =
    "SELECT NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'p1'::regclass)";
INSTANTIATE_TEST_SUITE_P(
    Rows, JournalCrash,
    ::testing::Values(
        Crash{"IndexAbsent", kIndex, "", kIndexThere},
        Crash{"IndexThere", kIndex, "CREATE INDEX t_a ON public.t USING btree (a) WHERE (a > 5)",
              kIndexThere},
        Crash{"IndexWithAnotherDefinition", kIndex, "CREATE INDEX t_a ON t (a) WHERE a > 6", "", true},
        Crash{"Reindex", "REINDEX TABLE CONCURRENTLY t", "", "SELECT true"},
        Crash{"DetachNotBegun", kDetach, "", kDetached},
        Crash{"Detached", kDetach, "ALTER TABLE p DETACH PARTITION p1", kDetached},
        Crash{"Vacuum", "VACUUM t", "", "SELECT true"}, Crash{"Call", "CALL nothing()", "", "", true},
        Crash{"CallIdempotent", "-- dbm:idempotent yes\nCALL nothing()", "", "SELECT true"},
        Crash{"CallDoneWhen", "-- dbm:done-when SELECT true\nCALL nothing()", "", "SELECT true"}),
    [](const auto& one) { return one.param.name; });

TEST_F(Journal, DropsAnInvalidIndexThatACrashLeft) {
  ASSERT_TRUE(begin());
  const std::string sql = "CREATE INDEX CONCURRENTLY t_a ON t (a)";
  const auto made = plan({{"0001_i.sql", sql + ";\n"}});
  Session reader(database_.address());
  reader("BEGIN; INSERT INTO t VALUES (500, 'x')");  // holds the build up in its first wait
  bool ended = false;
  spec_.apply.deadline = std::chrono::seconds{30};
  on_progress_ = [&](const migration::Progress&) {
    if (ended) return;
    ended = true;
    watcher_ = std::jthread([this, &reader] {
      const auto until = Deadline::after(std::chrono::seconds{10});
      while (!until.passed() &&
             ask("SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('t_a')") == "0")
        std::this_thread::yield();
      change(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX "
          "CONCURRENTLY%' AND pid <> pg_backend_pid()");
      reader("COMMIT");
    });
  };

  const auto cut = apply_plan(made);

  watcher_.join();
  ASSERT_FALSE(cut);
  ASSERT_EQ(ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"), "f");
  ASSERT_TRUE(begin());
  EXPECT_EQ(ask("SELECT to_regclass('t_a') IS NULL"), "t");
  on_progress_ = [](const migration::Progress&) {};
  const auto done = apply({{"0001_i.sql", sql + ";\n"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask(kIndexThere), "t");
}

}  // namespace
}  // namespace dbm::test
