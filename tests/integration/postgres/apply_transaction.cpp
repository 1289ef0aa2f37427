/// Scripts in a transaction: exactly once, whatever fails.
#include <thread>

#include "apply_fixture.h"
#include "base/digest.h"

namespace dbm::test {
namespace {

/// A statement that cannot stand in a chain, so that the script goes by itself.
constexpr const char* kAlone = "SELECT set_config('dbm.test', 'x', false);\n";

class ApplyTransaction : public ApplyTest {};

TEST_F(ApplyTransaction, WritesRowAndEffectTogether) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "CREATE TABLE a (i int);")},
             {"0002_b.sql",
              witnessed("0002", std::string(kAlone) + "INSERT INTO a SELECT generate_series(1, 7);")}});

  ASSERT_TRUE(done) << done.error().message;
  expect_exactly_once(2);
  EXPECT_EQ(applied_, (std::vector<std::string>{"0001", "0002"}));
  EXPECT_EQ(ask("SELECT rows FROM dbm.history WHERE version = '0002'"), "9");  // 7, the witness, the canary
}

TEST_F(ApplyTransaction, RollsBackAFailedScriptAndSaysWhere) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "CREATE TABLE a (i int);")},
             {"0002_b.sql", witnessed("0002", std::string(kAlone) + "-- é\nSELECT 'é',\n  nonsense;")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Terminal);
  EXPECT_EQ(done.error().reason, "ApplyFailed");
  EXPECT_EQ(done.error().cause, "StatementFailed");
  EXPECT_EQ(done.error().at, (Position{"0002_b.sql", 4, 3}));
  EXPECT_EQ(done.error().sqlstate, "42703");
  EXPECT_EQ(statuses(), "0001|applied|t\n0002|failed|t");
  expect_exactly_once(1);
}

TEST_F(ApplyTransaction, GoesOnAfterARepair) {
  ASSERT_TRUE(begin());
  ASSERT_FALSE(apply({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "SELECT nonsense;")}}));
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "SELECT 1;")}});

  ASSERT_TRUE(done) << done.error().message;
  expect_exactly_once(1);
  EXPECT_EQ(statuses(), "0001|failed|t\n0001|applied|t");
}

TEST_F(ApplyTransaction, NeverRepeatsACommitWhoseReplyIsLost) {
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const std::vector<NamedScript> scripts{
      {"0001_a.sql", witnessed("0001", std::string(kAlone) + "CREATE TABLE a (i int);")},
      {"0002_b.sql", witnessed("0002", std::string(kAlone) + "CREATE TABLE b (i int);")}};
  const auto made = plan(scripts);
  proxy.drop_reply_to("COMMIT");

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::InDoubt);
  EXPECT_EQ(done.error().reason, "ResolvingOutcome");
  EXPECT_EQ(done.error().cause, "CommitOutcomeUnknown");
  EXPECT_EQ(proxy.cuts(), 1);
  ASSERT_TRUE(begin());
  ASSERT_TRUE(apply(scripts));
  expect_exactly_once(2);
}

TEST_F(ApplyTransaction, LosesNothingWhenCommitNeverArrives) {
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const std::vector<NamedScript> scripts{
      {"0001_a.sql", witnessed("0001", std::string(kAlone) + "CREATE TABLE a (i int);")}};
  const auto made = plan(scripts);
  proxy.cut_at("COMMIT", Cut::BeforeSend);

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::InDoubt);
  ASSERT_TRUE(begin());
  expect_exactly_once(0);
  ASSERT_TRUE(apply(scripts));
  expect_exactly_once(1);
}

TEST_F(ApplyTransaction, IsTransientWhenTheBackendIsEndedBeforeCommit) {
  ASSERT_TRUE(begin());
  const std::vector<NamedScript> scripts{
      {"0001_a.sql",
       witnessed("0001", std::string(kAlone) + "SELECT pg_terminate_backend(pg_backend_pid());")}};

  const auto done = apply(scripts);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Transient) << done.error().message;
  ASSERT_TRUE(begin());
  expect_exactly_once(0);
}

TEST_F(ApplyTransaction, AppliesAllPendingInOneTransactionOrNothing) {
  spec_.apply.transaction = migration::ApplyTransaction::AllPending;
  ASSERT_TRUE(begin());
  std::vector<NamedScript> scripts{
      {"0001_a.sql",
       witnessed("0001", "CREATE TABLE a (i int);\nSET search_path = nowhere;\nSET search_path = public;")},
      {"0002_b.sql", witnessed("0002", "SELECT nonsense;")}};

  const auto failed = apply(scripts);

  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().at.file, "0002_b.sql");
  EXPECT_EQ(statuses(), "0002|failed|t");
  expect_exactly_once(0);
  scripts[1].sql = witnessed("0002", "INSERT INTO a VALUES (1);");
  const auto done = apply(scripts);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(applied_, (std::vector<std::string>{"0001", "0002"}));
  EXPECT_EQ(ask("SELECT count(DISTINCT xid) FROM witness"), "1");
}

TEST_F(ApplyTransaction, RefusesATextThatChangedSinceThePlan) {
  ASSERT_TRUE(begin());
  for (const std::string& prefix : {std::string(), std::string(kAlone)}) {
    auto made = plan({{"0001_a.sql", witnessed("0001", prefix + "CREATE TABLE a (i int);")},
                      {"0002_b.sql", witnessed("0002", prefix + "CREATE TABLE b (i int);")}});
    made.pending[0].script.forward =
        script::text_of("0001_a.sql", witnessed("0001", prefix + "CREATE TABLE another (i int);"));

    const auto done = apply_plan(made);

    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().reason, "ChangedScript");
    EXPECT_EQ(ask("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'another', 'b')"), "0");
    expect_exactly_once(0);
  }
}

TEST_F(ApplyTransaction, CancelsAtTheDeadlineAndRollsBack) {
  ASSERT_TRUE(begin());
  spec_.apply.deadline = std::chrono::milliseconds{700};

  const auto done = apply({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "SELECT pg_sleep(30);")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "DeadlineExceeded") << done.error().message;
  expect_exactly_once(0);
  EXPECT_EQ(statuses(), "0001|failed|t");
  EXPECT_EQ(ask("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' "
                "AND pid <> pg_backend_pid()"),
            "0");
}

TEST_F(ApplyTransaction, StopsBetweenScriptsAndFinishesTheOneInHand) {
  ASSERT_TRUE(begin());
  std::stop_source stop;
  on_progress_ = [&](const migration::Progress&) { stop.request_stop(); };

  const auto done =
      apply_plan(plan({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "SELECT pg_sleep(0.1);")},
                       {"0002_b.sql", witnessed("0002", std::string(kAlone) + "SELECT 1;")}}),
                 Deadline::after(std::chrono::seconds{30}), stop.get_token());

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Cancelled);
  EXPECT_EQ(done.error().reason, "Stopping");
  expect_exactly_once(1);
}

TEST_F(ApplyTransaction, IsFencedOutOnceAnotherRunHasTakenOver) {
  ASSERT_TRUE(begin());
  const auto made =
      plan({{"0001_a.sql", witnessed("0001", std::string(kAlone) + "CREATE TABLE a (i int);")},
            {"0002_b.sql", witnessed("0002", std::string(kAlone) + "CREATE TABLE b (i int);")}});
  change("UPDATE dbm.fence SET epoch = epoch + 1");

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Cancelled);
  EXPECT_EQ(done.error().cause, "Fenced");
  EXPECT_EQ(statuses(), "");
  expect_exactly_once(0);
}

TEST_F(ApplyTransaction, RefusesToRunWithoutTheLock) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(context().work->exec("SELECT pg_advisory_unlock_all()"));

  const auto done = apply({{"0001_a.sql", witnessed("0001", "CREATE TABLE a (i int);")},
                           {"0002_b.sql", witnessed("0002", "CREATE TABLE b (i int);")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().cause, "Fenced");
  expect_exactly_once(0);
}

TEST_F(ApplyTransaction, RecordsABaselineWithoutRunningIt) {
  ASSERT_TRUE(begin());
  auto made = plan(
      {{"0001_a.sql", "SELECT nonsense;"}, {"0002_b.sql", witnessed("0002", "CREATE TABLE b (i int);")}});
  made.baseline.push_back(made.pending.front());
  made.pending.erase(made.pending.begin());

  const auto done = apply_plan(made);

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(statuses(), "0001|baseline|t\n0002|applied|t");
  expect_exactly_once(1);
}

TEST_F(ApplyTransaction, UsesTheSpecsRoleAndLeavesItAgain) {
  change("CREATE ROLE " + database_.name() + "_role; GRANT " + database_.name() +
         "_role TO app; GRANT ALL ON ALL TABLES IN SCHEMA public TO " + database_.name() +
         "_role; GRANT CREATE ON SCHEMA public TO " + database_.name() + "_role");
  target_.role = database_.name() + "_role";
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", witnessed("0001", "CREATE TABLE a AS SELECT CURRENT_USER AS who;")},
                           {"0002_b.sql", witnessed("0002", "CREATE TABLE b (i int);")}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT who FROM a"), target_.role);
  EXPECT_EQ(ask("SELECT DISTINCT applied_by FROM dbm.history"), "app");
  expect_exactly_once(2);
  change("DROP OWNED BY " + target_.role + "; DROP ROLE " + target_.role);
}

TEST_F(ApplyTransaction, SaysThatTheRoleCannotBeHad) {
  target_.role = "nobody_we_know";
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", witnessed("0001", "CREATE TABLE a (i int);")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "PermissionDenied");
  expect_exactly_once(0);
}

TEST_F(ApplyTransaction, SaysWhatToDoAboutAStatementThatRefusesATransaction) {
  ASSERT_TRUE(begin());
  auto made = plan({{"0001_a.sql", "-- dbm:transaction script\nREINDEX TABLE witness;"}});
  const std::string text = "-- dbm:transaction script\nVACUUM witness;";
  made.pending[0].script.forward = script::text_of("0001_a.sql", text);
  made.pending[0].script.checksum = "sha256:" + sha256_hex(text);

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sqlstate, "25001");
  EXPECT_NE(done.error().remedy.find("dbm:transaction none"), std::string::npos);
}

}  // namespace
}  // namespace dbm::test
