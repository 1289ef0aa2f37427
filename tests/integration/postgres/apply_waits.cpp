/// Waiting: before a statement queues, for a standby after COMMIT, and the clock that counts execution alone.
#include <thread>

#include "apply_fixture.h"
#include "support/wait.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

class ApplyWaits : public ApplyTest {
 protected:
  ApplyWaits() { as_login("CREATE TABLE busy (i int); INSERT INTO busy VALUES (1)"); }
  /// What a Progress that waits says, once.
  void at_first_wait(const std::function<void(const std::string&)>& then) {
    on_progress_ = [this, then](const migration::Progress& told) {
      if (!told.message.starts_with("WaitingForLock") || waited_) return;
      waited_ = true;
      then(told.message);
    };
  }
  std::string locks_of_work() {
    return ask("SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND pid = " +
               std::to_string(context().work->backend_pid()));
  }
  bool waited_ = false;
};

TEST_F(ApplyWaits, ARewriteDoesNotQueueBehindAPreparedTransaction) {
  const std::string gid = "'hold_" + database_.name() + "'";
  change("BEGIN; SELECT * FROM busy; PREPARE TRANSACTION " + gid);
  ASSERT_TRUE(begin());
  at_first_wait([&](const std::string& message) {
    EXPECT_THAT(message, HasSubstr("before it queues"));
    EXPECT_THAT(message, HasSubstr("prepared transaction"));
    EXPECT_EQ(locks_of_work(), "0");
    change("ROLLBACK PREPARED " + gid);
  });

  const auto done =
      apply({{"0001_a.sql", witnessed("0001", "ALTER TABLE busy ALTER COLUMN i TYPE bigint;")}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(waited_);
  expect_exactly_once(1);
}

TEST_F(ApplyWaits, AnIndexIsNotBuiltBesideThatOfSomebodyElse) {
  Session holder(database_.address());
  holder("BEGIN; INSERT INTO busy VALUES (2)");
  Session builder(database_.address(), kLogin);  // of another role's build only the pid is shown
  builder.send("CREATE INDEX CONCURRENTLY theirs ON busy (i)");
  ASSERT_TRUE(eventually([&] { return ask("SELECT count(*) FROM pg_stat_progress_create_index") != "0"; }));
  ASSERT_TRUE(begin());
  at_first_wait([&](const std::string& message) {
    EXPECT_THAT(message, HasSubstr("an index build on busy"));
    EXPECT_EQ(locks_of_work(), "0");
    holder("COMMIT");
    builder.finish();
  });

  const auto done = apply({{"0001_a.sql", "CREATE INDEX CONCURRENTLY ours ON busy (i);\n"}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(waited_);
  EXPECT_EQ(ask("SELECT bool_and(indisvalid), count(*) FROM pg_index WHERE indrelid = 'busy'::regclass"),
            "t|2");
}

TEST_F(ApplyWaits, LookingFirstEndsAtTheCallersDeadline) {
  const std::string gid = "'keep_" + database_.name() + "'";
  change("BEGIN; SELECT * FROM busy; PREPARE TRANSACTION " + gid);
  ASSERT_TRUE(begin());
  const auto made = plan({{"0001_a.sql", witnessed("0001", "ALTER TABLE busy ALTER COLUMN i TYPE bigint;")}});

  const auto done = apply_plan(made, Deadline::after(std::chrono::milliseconds{300}));

  change("ROLLBACK PREPARED " + gid);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Waiting);
  EXPECT_EQ(done.error().reason, "WaitingForLock");
  expect_exactly_once(0);
}

TEST_F(ApplyWaits, TheCallersDeadlineCancelsNothingThatRuns) {
  ASSERT_TRUE(begin());
  const auto made = plan({{"0001_a.sql", witnessed("0001", "SELECT pg_sleep(0.5);")}});

  const auto done = apply_plan(made, Deadline::after(std::chrono::milliseconds{50}));

  ASSERT_TRUE(done) << done.error().message;
  expect_exactly_once(1);
}

TEST_F(ApplyWaits, AWatchThatDiedIsOpenedAgainAndNamesTheBlocker) {
  ASSERT_TRUE(begin());
  change("SELECT pg_terminate_backend(" + std::to_string(context().watch->backend_pid()) + ")");
  ASSERT_TRUE(eventually([&] {
    return ask("SELECT count(*) FROM pg_stat_activity WHERE pid = " +
               std::to_string(context().watch->backend_pid())) == "0";
  }));
  Session reader(database_.address());
  reader("BEGIN; SELECT * FROM busy");
  // The first try may be over before the new session has looked.
  on_progress_ = [&](const migration::Progress& told) {
    if (waited_ || told.message.find("pid " + std::to_string(reader.backend_pid())) == std::string::npos)
      return;
    waited_ = true;
    reader("COMMIT");
  };

  const auto done =
      apply_plan(plan({{"0001_a.sql", witnessed("0001", "ALTER TABLE busy ADD COLUMN j int;")}}),
                 Deadline::after(std::chrono::seconds{20}));

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(waited_);
  expect_exactly_once(1);
}

TEST_F(ApplyWaits, ADeadlineInTheMiddleOfAChainKeepsWhatWasCommitted) {
  as_login(
      "CREATE FUNCTION slow() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN 1; END'");
  ASSERT_TRUE(begin());
  spec_.apply.deadline = std::chrono::milliseconds{800};
  auto made = plan({{"0001_a.sql", chained("0001", "CREATE TABLE a (i int);")},
                    {"0002_b.sql", chained("0002", "CREATE TABLE b (i int);")},
                    {"0003_c.sql", chained("0003", "CREATE TABLE c AS SELECT slow();")},
                    {"0004_d.sql", chained("0004", "CREATE TABLE d (i int);")}});
  for (auto& one : made.pending) {
    one.analysis.chainable = true;  // as though nobody knew that it is slow
    one.analysis.changes_session = false;
  }

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "DeadlineExceeded");
  EXPECT_EQ(done.error().at.file, "0003_c.sql");
  EXPECT_EQ(applied_, (std::vector<std::string>{"0001", "0002"}));
  EXPECT_EQ(ask("SELECT to_regclass('c') IS NULL AND to_regclass('d') IS NULL"), "t");
  expect_chained_once(2);
}

TEST_F(ApplyWaits, RowsOfAChainAreNotSaidToBeNone) {
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", chained("0001", "CREATE TABLE a (i int);")},
                           {"0002_b.sql", chained("0002", "INSERT INTO a SELECT generate_series(1, 3);")},
                           {"0003_c.sql", witnessed("0003", "UPDATE a SET i = i + 1;")}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT string_agg(coalesce(rows::text, '-'), ' ' ORDER BY id) FROM dbm.history"), "- - 5");
}

/// A server that waits for a standby which is not there.
class WithoutStandby : public ApplyTest {
 protected:
  static PostgresServer& durable() {
    static PostgresServer server({.durable = true});
    return server;
  }
  WithoutStandby() : away_(durable().fresh_database()) {}
  ~WithoutStandby() override { durable().set("synchronous_standby_names", ""); }
  Database away_;
};

TEST_F(WithoutStandby, ACommitWhoseWaitIsCancelledIsDoneAndHeldOpenForTheStandby) {
  ASSERT_TRUE(begin());
  const auto made = plan({{"0001_a.sql", witnessed("0001", "CREATE TABLE a (i int);")}});
  end();
  target_ = target_of(away_);
  Session(away_.address(), kLogin)(
      "CREATE TABLE witness (version text PRIMARY KEY, xid xid8 NOT NULL, pid int NOT NULL);"
      "CREATE TABLE canary (v numeric NOT NULL); INSERT INTO canary VALUES (1)");
  ASSERT_TRUE(begin());
  durable().set("synchronous_standby_names", "s1");
  std::string said;
  on_progress_ = [&](const migration::Progress& told) {
    if (told.message.find("no synchronous standby") == std::string::npos || !said.empty()) return;
    said = told.message;
    durable().set("synchronous_standby_names", "");
  };
  const std::string pid = std::to_string(context().work->backend_pid());
  std::jthread canceller([&] {
    (void)eventually([&] {
      return sql(away_, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = " +
                            pid) == "1";
    });
    (void)sql(away_, "SELECT pg_cancel_backend(" + pid + ")");
  });

  const auto done = apply_plan(made);

  canceller.join();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(said, HasSubstr("waiting for one"));
  EXPECT_EQ(sql(away_, "SELECT status, finished IS NOT NULL FROM dbm.history"), "applied|t");
  EXPECT_EQ(sql(away_, "SELECT v FROM canary"), "3");
  end();
}

}  // namespace
}  // namespace dbm::test
