// The rehearsal: what it runs, what it leaves out, and that nothing of it stays.

#include "apply_fixture.h"
#include "postgres/rehearse.h"

namespace dbm::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Rehearse : public ApplyTest {
 protected:
  Result<migration::Rehearsal> rehearse(const std::vector<NamedScript>& scripts,
                                        migration::DryRunMode mode = migration::DryRunMode::Auto,
                                        const migration::ProgressSink& progress = {}) {
    spec_.dry_run.mode = mode;
    if (!holding_) {
      const auto begun = begin();
      if (!begun) return begun.error();
    }
    const auto before =
        ask("SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = "
            "'public'::regnamespace");
    const auto use = holding_->use_work();
    auto outcome =
        postgres::rehearse(context(), plan(scripts), Deadline::after(std::chrono::seconds{30}), {}, progress);
    EXPECT_EQ(ask("SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = "
                  "'public'::regnamespace"),
              before);
    EXPECT_EQ(ask("SELECT count(*) FROM witness"), "0");
    EXPECT_EQ(ask("SELECT count(*) FROM dbm.history"), "0");
    EXPECT_EQ(ask("SELECT v FROM canary"), "1");
    return outcome;
  }
};

TEST_F(Rehearse, TellsOfEachStatementAndLeavesNothing) {
  as_login("CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 10)");

  const auto outcome =
      rehearse({{"0001_add.sql", "ALTER TABLE orders ADD note text;\nUPDATE orders SET note = 'x';"},
                {"0002_view.sql", "CREATE VIEW v AS SELECT note FROM orders;"}});

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->summary.mode, "Auto");
  EXPECT_EQ(outcome->summary.rehearsed, 2);
  EXPECT_EQ(outcome->summary.not_rehearsed, 0);
  ASSERT_EQ(outcome->statements.size(), 3U);
  EXPECT_THAT(outcome->statements[0].locks, ElementsAre("AccessExclusiveLock public.orders"));
  EXPECT_THAT(outcome->statements[0].rewrites, ElementsAre());
  EXPECT_EQ(outcome->statements[1].rows, 10);
  EXPECT_EQ(outcome->statements[1].at.line, 2);
}

TEST_F(Rehearse, ShowsARewrite) {
  as_login("CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 10)");

  const auto outcome = rehearse({{"0001_type.sql", "ALTER TABLE orders ALTER id TYPE bigint;"}},
                                migration::DryRunMode::Rehearse);

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->statements.at(0).rewrites, ElementsAre("public.orders"));
}

TEST_F(Rehearse, AFailingStatementIsNamedByItsPlace) {
  const auto outcome =
      rehearse({{"0001_bad.sql", "CREATE TABLE a (id int);\nINSERT INTO a\n  SELECT missing FROM a;"}});

  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason, "DryRunFailed");
  EXPECT_EQ(outcome.error().failure_reason(), "StatementFailed");
  EXPECT_EQ(outcome.error().sqlstate, "42703");
  EXPECT_EQ(to_string(outcome.error().at), "0001_bad.sql:3:10");
}

TEST_F(Rehearse, StopsBeforeWhatCannotBeInATransaction) {
  as_login("CREATE TABLE orders (id int)");
  const std::vector<NamedScript> scripts{
      {"0001_a.sql", "CREATE TABLE a (id int);"},
      {"0002_index.sql", "CREATE INDEX CONCURRENTLY orders_id ON orders (id);"},
      {"0003_b.sql", "CREATE TABLE b (id int);"}};

  const auto outcome = rehearse(scripts);

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->summary.rehearsed, 1);
  EXPECT_THAT(outcome->not_rehearsed, ElementsAre("0002_index.sql: it cannot run in a transaction",
                                                  "0003_b.sql: it comes after one that was not rehearsed"));

  const auto insisted = rehearse(scripts, migration::DryRunMode::Rehearse);
  ASSERT_FALSE(insisted);
  EXPECT_EQ(insisted.error().reason, "DryRunFailed");
  EXPECT_EQ(insisted.error().failure_reason(), "NotRehearsed");
}

TEST_F(Rehearse, HoldsNoLockLongerThanMaxBlocking) {
  as_login("CREATE TABLE orders (id int)");
  spec_.dry_run.max_blocking = Milliseconds{200};
  const std::vector<NamedScript> scripts{
      {"0001_slow.sql", "ALTER TABLE orders ADD note text;\nSELECT pg_sleep(30);"}};
  const auto began = std::chrono::steady_clock::now();

  const auto outcome = rehearse(scripts, migration::DryRunMode::Rehearse);

  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("maxBlocking 200ms"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{15});
  EXPECT_EQ(
      ask("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'orders'"),
      "0");
}

TEST_F(Rehearse, GivesWayToALockThatIsNotFree) {
  as_login("CREATE TABLE orders (id int)");
  spec_.apply.lock_timeout = Milliseconds{20};
  Session blocker(database_.address());
  blocker("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE");

  const auto outcome = rehearse({{"0001_add.sql", "ALTER TABLE orders ADD note text;"}});

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->not_rehearsed, ElementsAre(StartsWith("0001_add.sql: a lock it needs was not free")));
}

/// The waits for a lock end before maxBlocking does: what did not come is told as that, with who has it.
TEST_F(Rehearse, NamesWhoHoldsTheLockThatIsNotFree) {
  as_login("CREATE TABLE orders (id int)");
  spec_.dry_run.max_blocking = Milliseconds{400};
  Session blocker(database_.address());
  blocker("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE");
  std::vector<std::string> told;

  const auto outcome =
      rehearse({{"0001_add.sql", "ALTER TABLE orders ADD note text;"}}, migration::DryRunMode::Auto,
               [&](const migration::Progress& progress) { told.push_back(progress.message); });

  const std::string who = "a lock on orders held by pid " + blocker("SELECT pg_backend_pid()") + " (";
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->not_rehearsed,
              ElementsAre(StartsWith("0001_add.sql: a lock it needs was not free: it waited for " + who)));
  EXPECT_THAT(told,
              Contains(AllOf(StartsWith("WaitingForLock: waits for " + who), EndsWith("(tried once)"))));
  EXPECT_THAT(told, Contains(EndsWith("(tried 4 times)")));
}

TEST_F(Rehearse, ModesPlanAndDisabledTouchNothing) {
  const auto outcome =
      rehearse({{"0001_bad.sql", "SELECT nothing FROM nowhere;"}}, migration::DryRunMode::Plan);

  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->summary.not_rehearsed, 1);
  EXPECT_THAT(outcome->not_rehearsed, ElementsAre("0001_bad.sql: dryRun.mode is Plan"));
}

TEST_F(Rehearse, HostileScriptsCannotCommitIt) {
  as_login(
      "CREATE TABLE kept (id int); CREATE PROCEDURE sneak() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kept "
      "VALUES (1); COMMIT; END $$");
  for (const char* text : {"CALL sneak();", "DO $$ BEGIN INSERT INTO kept VALUES (1); COMMIT; END $$;",
                           "DO $$ BEGIN INSERT INTO kept VALUES (1); EXECUTE 'COM' || 'MIT'; END $$;"}) {
    const auto outcome = rehearse({{"0001_hostile.sql", text}}, migration::DryRunMode::Rehearse);

    EXPECT_FALSE(outcome) << text;
    EXPECT_EQ(ask("SELECT count(*) FROM kept"), "0") << text;
  }
}

TEST_F(Rehearse, TellsWhenAScriptGaveTheRunLockAway) {
  const auto outcome =
      rehearse({{"0001_hostile.sql", "DO $$ BEGIN EXECUTE 'SELECT pg_advisory_' || 'unlock_all()'; END $$;"}},
               migration::DryRunMode::Rehearse);

  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::Terminal) << "rehearsed again, it would do the same again";
  EXPECT_EQ(outcome.error().reason, "DryRunFailed");
  EXPECT_EQ(outcome.error().failure_reason(), "RunLockGivenAway");
  EXPECT_EQ(outcome.error().at.file, "0001_hostile.sql");
  EXPECT_TRUE(holding_->release()) << "the run goes on with its lock";
}

TEST_F(Rehearse, FindsALostObjectBeforeApplyDoes) {
  as_login("CREATE TABLE t (a int, b int); CREATE INDEX t_ab ON t (a, b)");

  const auto outcome = rehearse({{"0001_drop.sql", "ALTER TABLE t DROP COLUMN b;"}});

  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().failure_reason(), "LostObject");
  EXPECT_THAT(outcome.error().message, HasSubstr("index public.t_ab"));
}

TEST_F(Rehearse, StreamsCopyData) {
  const auto outcome = rehearse(
      {{"0001_load.sql", "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n2\n\\.\nUPDATE t SET a = 3;\n"}},
      migration::DryRunMode::Rehearse);

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->statements.at(1).rows, 2);
  EXPECT_EQ(outcome->statements.at(2).rows, 2);
}

TEST_F(Rehearse, AScriptsSettingsDoNotReachTheNext) {
  const auto outcome =
      rehearse({{"0001_set.sql", "CREATE SCHEMA s; SET search_path = s; CREATE TABLE t (a int);"},
                {"0002_use.sql", "SELECT a FROM s.t; CREATE TABLE u (a int); SELECT a FROM public.u;"}},
               migration::DryRunMode::Rehearse);

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->summary.rehearsed, 2);
}

// Their lock keeps nobody from reading and writing.
TEST_F(Rehearse, RehearsesWhatOnlyOtherDefinitionsWaitFor) {
  as_login("CREATE TABLE venues (id int PRIMARY KEY); CREATE TABLE orders (id int, venue int)");

  const auto outcome = rehearse(
      {{"0001_key.sql",
        "ALTER TABLE orders ADD CONSTRAINT orders_venue FOREIGN KEY (venue) REFERENCES venues NOT VALID;"},
       {"0002_validate.sql", "ALTER TABLE orders VALIDATE CONSTRAINT orders_venue;"},
       {"0003_words.sql",
        "COMMENT ON TABLE orders IS 'tickets sold'; ALTER TABLE orders ALTER id SET STATISTICS 500;"}});

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->summary.rehearsed, 3) << outcome->summary.reason;
}

TEST_F(Rehearse, CountsALockThatKeepsNobodyFromRowsAsNoBlocking) {
  as_login(
      "CREATE TABLE orders (id int); ALTER TABLE orders ADD CONSTRAINT positive CHECK (id > 0) NOT VALID");

  const auto outcome = rehearse(
      {{"0001_validate.sql", "ALTER TABLE orders VALIDATE CONSTRAINT positive; SELECT pg_sleep(0.1);"}},
      migration::DryRunMode::Rehearse);

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->summary.longest_blocking_millis, 0);
  EXPECT_THAT(outcome->statements.at(0).locks, ElementsAre("ShareUpdateExclusiveLock public.orders"));
}

// A scan under the locks of the scripts before it would make others wait as long as it takes.
TEST_F(Rehearse, ReadsNoLargeTableWhileOthersWait) {
  as_login("CREATE TABLE orders (id int, note text)");
  as_login(
      "ALTER TABLE orders ALTER note SET STORAGE PLAIN, ADD CONSTRAINT positive CHECK (id > 0) NOT VALID");
  as_login("INSERT INTO orders SELECT g, repeat('x', 7000) FROM generate_series(1, 5000) g");
  const NamedScript validate{"0002_validate.sql", "ALTER TABLE orders VALIDATE CONSTRAINT positive;"};

  const auto behind_a_lock = rehearse({{"0001_add.sql", "ALTER TABLE orders ADD paid boolean;"}, validate});
  const auto alone = rehearse({validate});

  ASSERT_TRUE(behind_a_lock) << behind_a_lock.error().message;
  EXPECT_EQ(behind_a_lock->summary.rehearsed, 1);
  EXPECT_THAT(behind_a_lock->summary.reason, HasSubstr("0002_validate.sql: it would read all of orders ("));
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->summary.rehearsed, 1) << alone->summary.reason;
}

TEST_F(Rehearse, KeepsWhatItDidToTheSchema) {
  as_login("CREATE TABLE old (id int)");

  const auto outcome = rehearse({{"0001_new.sql", "CREATE TABLE fresh (id int); DROP TABLE old;"}});

  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(context().rehearsed);
  EXPECT_TRUE(context().rehearsed->whole);
  const auto counts = context().rehearsed->after.counts();
  EXPECT_EQ(counts.at("tables"), 3) << "witness, canary and fresh";
}

}  // namespace
}  // namespace dbm::test
