/// Chains: many small scripts in one pipeline, each its own transaction.
#include "apply_fixture.h"

namespace dbm::test {
namespace {

class ApplyChain : public ApplyTest {
 protected:
  static std::string number(int i) {
    return std::string(4 - std::min<std::size_t>(4, std::to_string(i).size()), '0') + std::to_string(i);
  }
  static std::vector<NamedScript> many(int count) {
    std::vector<NamedScript> scripts;
    for (int i = 1; i <= count; ++i)
      scripts.push_back(
          {number(i) + "_s.sql", chained(number(i), "CREATE TABLE t" + std::to_string(i) + " (i int);")});
    return scripts;
  }
};

TEST_F(ApplyChain, AppliesAHundredScriptsInFewRoundTrips) {
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const auto made = plan(many(100));
  for (const auto& one : made.pending) ASSERT_TRUE(one.analysis.chainable);
  proxy.reset_counts();

  const auto done = apply_plan(made);

  ASSERT_TRUE(done) << done.error().message;
  expect_chained_once(100);
  EXPECT_EQ(applied_.size(), 100U);
  EXPECT_LE(proxy.traffic().round_trips, 20);  // 0.2 a script
}

TEST_F(ApplyChain, StopsAtTheFailedScriptWithThoseBeforeItCommitted) {
  ASSERT_TRUE(begin());
  auto scripts = many(10);
  scripts[6].sql = "CREATE TABLE t7 (i int);\n" + chained("0007", "SELECT 1,\n   nonsense;");

  const auto done = apply(scripts);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().at, (Position{"0007_s.sql", 3, 4}));
  EXPECT_EQ(applied_.size(), 6U);
  expect_chained_once(6);
  EXPECT_EQ(ask("SELECT to_regclass('t7') IS NULL AND to_regclass('t8') IS NULL"), "t");
  EXPECT_EQ(ask("SELECT version, status FROM dbm.history ORDER BY id DESC LIMIT 1"), "0007|failed");
}

class ApplyChainReplyLost : public ApplyChain, public ::testing::WithParamInterface<int> {};
TEST_P(ApplyChainReplyLost, EndsWithEachScriptAppliedOnce) {
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const auto made = plan(many(8));
  proxy.drop_reply_to("COMMIT", GetParam());

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::InDoubt);
  ASSERT_TRUE(begin());
  const auto again = apply(many(8));
  ASSERT_TRUE(again) << again.error().message;
  expect_chained_once(8);
}
INSTANTIATE_TEST_SUITE_P(Commits, ApplyChainReplyLost, ::testing::Values(1, 2, 5, 8));

class ApplyChainCut : public ApplyChain, public ::testing::WithParamInterface<int> {};
TEST_P(ApplyChainCut, EndsWithEachScriptAppliedOnceWhereverTheBytesEnd) {
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const auto made = plan(many(8));
  proxy.cut_after_bytes_to_server(GetParam());

  (void)apply_plan(made);

  ASSERT_TRUE(begin());
  const auto again = apply(many(8));
  ASSERT_TRUE(again) << again.error().message;
  expect_chained_once(8);
}
INSTANTIATE_TEST_SUITE_P(Bytes, ApplyChainCut, ::testing::Values(50, 300, 900, 1500, 2600, 4000, 6000, 8000));

TEST_F(ApplyChain, GoesOnFromTheScriptWhoseLockWasNotFree) {
  ASSERT_TRUE(begin());
  change("CREATE TABLE busy (i int); GRANT ALL ON busy TO app; ALTER TABLE busy OWNER TO app");
  Session reader(database_.address());
  reader("BEGIN; SELECT * FROM busy");
  auto scripts = many(5);
  scripts[2].sql = chained("0003", "ALTER TABLE busy ADD COLUMN j int;");
  bool released = false;
  on_progress_ = [&](const migration::Progress& told) {
    if (told.message.find("WaitingForLock") == std::string::npos || released) return;
    EXPECT_NE(told.message.find("pid " + std::to_string(reader.backend_pid())), std::string::npos)
        << told.message;
    EXPECT_NE(told.message.find("busy"), std::string::npos) << told.message;
    EXPECT_EQ(ask("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname IN "
                  "('busy', 'canary', 'witness') AND l.pid <> " +
                  std::to_string(reader.backend_pid()) + " AND l.pid <> pg_backend_pid()"),
              "0");
    released = true;
    reader("COMMIT");
  };

  const auto done = apply(scripts);

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(released);
  expect_chained_once(5);
}

TEST_F(ApplyChain, GivesUpWaitingForALockAtTheCallersDeadline) {
  ASSERT_TRUE(begin());
  change("CREATE TABLE busy (i int); ALTER TABLE busy OWNER TO app");
  Session reader(database_.address());
  reader("BEGIN; SELECT * FROM busy");
  const auto made = plan({{"0001_a.sql", chained("0001", "ALTER TABLE busy ADD COLUMN j int;")}});

  const auto done = apply_plan(made, Deadline::after(std::chrono::milliseconds{900}));

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason == "WaitingForLock" || done.error().cause == "Timeout", true)
      << done.error().message;
  expect_chained_once(0);
}

TEST_F(ApplyChain, DoesNotCountTheWaitForALockAgainstApplyDeadline) {
  ASSERT_TRUE(begin());
  spec_.apply.deadline = std::chrono::milliseconds{600};
  change("CREATE TABLE busy (i int); ALTER TABLE busy OWNER TO app");
  Session reader(database_.address());
  reader("BEGIN; SELECT * FROM busy");
  int waits = 0;
  on_progress_ = [&](const migration::Progress& told) {
    if (told.message.find("WaitingForLock") != std::string::npos && ++waits == 2) reader("COMMIT");
  };

  const auto done = apply({{"0001_a.sql", chained("0001", "ALTER TABLE busy ADD COLUMN j int;")}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_GE(waits, 2);
  expect_chained_once(1);
}

}  // namespace
}  // namespace dbm::test
