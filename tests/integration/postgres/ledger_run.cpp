// Exclusion, epochs, the steps of the ledger, and a person's word on a version.
#include <thread>

#include "integration/postgres/ledger_fixture.h"
#include "postgres/resolve.h"
#include "postgres/run_lock.h"
#include "support/wait.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class LedgerRun : public LedgerTest {
 protected:
  static Result<postgres::Rows> exec(postgres::Session& session, const std::string& text) {
    return session.exec(text, Deadline::after(std::chrono::seconds{20}));
  }
  /// A history row of this run, as a script's transaction would leave it.
  static void record(postgres::RunContext& run, const std::string& key, const std::string& status,
                     bool close) {
    const postgres::HistoryRecord row{key, key, "step", "sha256:a", "dbm1-sha256:b", "sha256:p", "",
                                      "",  "",  1,      3};
    ASSERT_TRUE(exec(*run.work, "BEGIN"));
    ASSERT_TRUE(exec(*run.work, postgres::begin_script_sql(run.fence, row, status)));
    if (close) {
      ASSERT_TRUE(exec(*run.work, postgres::leave_sql(run.fence, key, 7)));
    }
    ASSERT_TRUE(exec(*run.work, "COMMIT"));
  }
  std::string status_of(const std::string& key) {
    return ask(
        "SELECT status || CASE WHEN finished IS NULL THEN ' open' ELSE '' END FROM dbm.history WHERE "
        "version_key = '" +
        key + "' ORDER BY id DESC LIMIT 1");
  }
  Result<> resolve(const std::string& version, migration::Resolution resolution) {
    return engine_->resolve(request(), version, resolution, Deadline::after(std::chrono::seconds{60}), {});
  }
};

TEST_F(LedgerRun, ASecondRunWaitsAndNamesTheHolder) {
  const auto first = hold();
  ASSERT_TRUE(first) << first.error().message;

  const auto second = postgres::Holding::take(request(), Deadline::after(std::chrono::seconds{2}), {});

  EXPECT_THAT(words(error_of(second)),
              MatchesRegex("Waiting WaitingForLock: another run holds this ledger's lock: user app, "
                           "application \"dbmigration/[0-9a-f-]+\", pid [0-9]+"));
}

TEST_F(LedgerRun, ASecondRunGetsTheLockOnceTheFirstGivesItBack) {
  auto first = hold();
  ASSERT_TRUE(first) << first.error().message;
  std::string second = "none";
  std::thread waiter{[&] { second = words(error_of(hold())); }};
  ASSERT_TRUE(eventually([&] {
    return ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "application_name LIKE 'dbmigration/%/watch'") == "2";
  }));

  const auto released = (*first)->release();
  waiter.join();

  EXPECT_TRUE(released);
  EXPECT_EQ(second, "Terminal Succeeded: it succeeded");
}

TEST_F(LedgerRun, TwoFirstRunsAtOnceMakeOneLedger) {
  std::string words_of[2];
  {
    std::jthread one{[&] { words_of[0] = words(error_of(hold())); }};
    std::jthread two{[&] { words_of[1] = words(error_of(hold())); }};
  }

  EXPECT_EQ(words_of[0], "Terminal Succeeded: it succeeded");
  EXPECT_EQ(words_of[1], "Terminal Succeeded: it succeeded");
  EXPECT_EQ(ask("SELECT epoch FROM dbm.fence"), "2");
}

TEST_F(LedgerRun, StopsWaitingWhenAsked) {
  const auto first = hold();
  ASSERT_TRUE(first) << first.error().message;
  std::stop_source stop;
  std::string second;
  std::jthread waiter{[&] { second = words(error_of(hold(request(), stop.get_token()))); }};
  ASSERT_TRUE(eventually([&] {
    return ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "application_name LIKE 'dbmigration/%/watch'") == "2";
  }));

  stop.request_stop();
  waiter.join();

  EXPECT_THAT(second, StartsWith("Cancelled Cancelled/Stopping"));
}

TEST_F(LedgerRun, ALostSessionFreesTheLockAndItsEpochIsRefused) {
  auto stale = hold();
  ASSERT_TRUE(stale) << stale.error().message;
  // A script that unlocks everything: the old run goes on without the lock, a new one takes over.
  ASSERT_TRUE(exec(*(*stale)->context().work, "SELECT pg_advisory_unlock_all()"));
  const auto fresh = hold();
  ASSERT_TRUE(fresh) << fresh.error().message;

  const auto entered = exec(*(*stale)->context().work, postgres::enter_sql((*stale)->context().fence));
  const auto mine = exec(*(*fresh)->context().work, postgres::enter_sql((*fresh)->context().fence));

  EXPECT_EQ(error_of(entered).sqlstate, "MG001");
  EXPECT_TRUE(mine);
}

TEST_F(LedgerRun, EnterRefusesARunWithoutItsLockEvenBehindATemporaryPgLocks) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  auto& work = *(*run)->context().work;
  ASSERT_TRUE(exec(work, "SELECT pg_advisory_unlock_all()"));
  ASSERT_TRUE(exec(work, "CREATE TEMP TABLE pg_locks AS SELECT * FROM pg_catalog.pg_locks"));

  EXPECT_EQ(error_of(exec(work, postgres::enter_sql((*run)->context().fence))).sqlstate, "MG002");
}

TEST_F(LedgerRun, EnterRefusesALockThatOthersMayHoldToo) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  auto& context = (*run)->context();
  ASSERT_TRUE(exec(*context.work, "SELECT pg_advisory_unlock_all()"));
  ASSERT_TRUE(exec(*context.work,
                   "SELECT pg_advisory_lock_shared('" + std::to_string(context.fence.lock_key) + "'::int8)"));

  EXPECT_EQ(error_of(exec(*context.work, postgres::enter_sql(context.fence))).sqlstate, "MG002");
}

TEST_F(LedgerRun, ATakeoverWaitsForAnOpenTransactionOfTheOldRun) {
  auto stale = hold();
  ASSERT_TRUE(stale) << stale.error().message;
  auto& old = (*stale)->context();
  const auto use = (*stale)->use_work();
  ASSERT_TRUE(exec(*old.work, "BEGIN"));
  ASSERT_TRUE(exec(*old.work, postgres::enter_sql(old.fence)));
  ASSERT_TRUE(exec(*old.work, "SELECT pg_advisory_unlock_all()"));
  std::string taken;
  std::jthread taker{[&] { taken = words(error_of(hold())); }};
  ASSERT_TRUE(eventually([&] {
    return ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type "
               "= 'Lock'") == "1";
  }));
  EXPECT_EQ(ask("SELECT epoch FROM dbm.fence"), "1");

  const auto committed = exec(*old.work, "COMMIT");
  taker.join();

  EXPECT_TRUE(committed);
  EXPECT_EQ(taken, "Terminal Succeeded: it succeeded");
  EXPECT_EQ(ask("SELECT epoch FROM dbm.fence"), "2");
}

TEST_F(LedgerRun, LeaveRefusesARowOfAnotherTransaction) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  record((*run)->context(), "1", "applied", false);

  EXPECT_EQ(
      error_of(exec(*(*run)->context().work, postgres::leave_sql((*run)->context().fence, "1", 0))).sqlstate,
      "MG003");
}

TEST_F(LedgerRun, AVersionIsAppliedOnceWhateverTheWay) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  auto& context = (*run)->context();
  record(context, "1", "applied", true);
  const postgres::HistoryRecord again{"1", "1", "step", "c", "n", "", "", "", "", 1, 1};

  for (const char* status : {"applied", "running", "baseline"})
    EXPECT_EQ(
        error_of(exec(*context.work, postgres::begin_script_sql(context.fence, again, status))).sqlstate,
        "23505")
        << status;
}

TEST_F(LedgerRun, AJournalIsWrittenAndClosed) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  auto& context = (*run)->context();
  record(context, "2", "running", false);

  EXPECT_TRUE(exec(*context.work, postgres::intend_statement_sql(context.fence, "2", 0, "h", "CREATE INDEX",
                                                                 "i", "absent")));
  EXPECT_TRUE(exec(*context.work, postgres::intend_statement_sql(context.fence, "2", 0, "h", "CREATE INDEX",
                                                                 "i", "absent")));
  EXPECT_TRUE(exec(*context.work, postgres::done_statement_sql(context.fence, "2", 0, "done", 4)));
  EXPECT_EQ(
      error_of(exec(*context.work, postgres::intend_statement_sql(context.fence, "2", 0, "h", "k", "", "")))
          .sqlstate,
      "MG004");
  EXPECT_TRUE(exec(*context.work, postgres::close_script_sql(context.fence, "2", "applied", std::nullopt)));
  EXPECT_EQ(ask("SELECT status, rows, statements_done FROM dbm.history"), "applied|4|3");
}

TEST_F(LedgerRun, ResolvesAnUnclosedRowBothWays) {
  {
    const auto run = hold();
    ASSERT_TRUE(run) << run.error().message;
    record((*run)->context(), "1", "applied", false);
    record((*run)->context(), "2", "running", false);
  }

  ASSERT_TRUE(resolve("0001", migration::Resolution::Applied));
  EXPECT_EQ(status_of("1"), "applied");
  EXPECT_THAT(words(error_of(resolve("1", migration::Resolution::Pending))),
              StartsWith("Terminal InvalidSpec/InvalidValue: resolve: version 1 is applied"));
  EXPECT_EQ(status_of("1"), "applied");
  ASSERT_TRUE(resolve("1", migration::Resolution::Again));
  EXPECT_EQ(status_of("1"), "superseded");
  ASSERT_TRUE(resolve("1", migration::Resolution::Applied));  // a new row like the old one
  EXPECT_EQ(status_of("1"), "applied");
  ASSERT_TRUE(resolve("1", migration::Resolution::Applied));  // so already
  EXPECT_EQ(ask("SELECT count(*) FROM dbm.history WHERE version_key = '1'"), "2");
  ASSERT_TRUE(resolve("2", migration::Resolution::Pending));
  EXPECT_EQ(status_of("2"), "failed");
  ASSERT_TRUE(resolve("2", migration::Resolution::Applied));
  EXPECT_EQ(status_of("2"), "applied");
  EXPECT_THAT(words(error_of(resolve("9", migration::Resolution::Applied))),
              StartsWith("Terminal InvalidSpec/InvalidValue: resolve: the ledger has no row of version 9"));
}

TEST_F(LedgerRun, AScriptThatUnlockedEverythingIsNoticedAtTheEnd) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE(exec(*(*run)->context().work, "SELECT pg_advisory_unlock_all()"));

  EXPECT_THAT(words(error_of((*run)->release())), HasSubstr("RunLockLost"));
}

}  // namespace
}  // namespace dbm::test
