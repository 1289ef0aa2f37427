/// Scripts that try to get around the protocol are refused or harmless: the row and the effect stay together,
/// the lock and the fence stay ours, and the next script finds a clean session.
#include "apply_fixture.h"
#include "base/digest.h"

namespace dbm::test {
namespace {

struct Hostile {
  const char* name;
  const char* sql;
  bool applied;               ///< harmless; else refused and rolled back
  const char* sqlstate = "";  ///< of the refusal
};

class HostileScript : public ApplyTest, public ::testing::WithParamInterface<Hostile> {
 protected:
  HostileScript() { as_login("CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'"); }
};

TEST_P(HostileScript, IsRefusedOrHarmless) {
  ASSERT_TRUE(begin());
  auto made = plan({{"0001_hostile.sql", "SELECT 1;"},
                    {"0002_after.sql", witnessed("0002", "CREATE TABLE after (i int);")}});
  // The plan refuses some of these as text already; the protocol must hold without its help.
  auto& script = made.pending[0].script;
  const std::string text = witnessed("0001", std::string(GetParam().sql) + ";");
  script.forward = script::text_of("0001_hostile.sql", text);
  script.checksum = "sha256:" + sha256_hex(text);
  made.pending[0].analysis.chainable = false;
  made.pending[0].analysis.changes_session = true;

  const auto done = apply_plan(made);

  if (GetParam().applied) {
    ASSERT_TRUE(done) << done.error().message;
    expect_exactly_once(2);
  } else {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sqlstate, GetParam().sqlstate) << done.error().message;
    EXPECT_EQ(done.error().kind, ErrorKind::Terminal) << "tried again, it would do the same again";
    if (done.error().reason != "ManualInterventionRequired") {
      EXPECT_EQ(statuses(), "0001|failed|t");
      EXPECT_EQ(ask("SELECT count(*) FROM witness"), "0");
    }
    EXPECT_EQ(ask("SELECT count(*) FROM dbm.history WHERE status = 'applied' AND finished IS NOT NULL"), "0");
    EXPECT_EQ(ask("SELECT count(*) FROM witness WHERE version = '0002'"), "0");
  }
  EXPECT_EQ(ask("SELECT count(*) FROM pg_prepared_xacts"), "0");
  EXPECT_EQ(ask("SELECT count(*) FROM dbm.fence WHERE epoch = 1"), "1");
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileScript,
    ::testing::Values(
        Hostile{"TemporaryPgLocks",
                "CREATE TEMP TABLE pg_locks AS SELECT * FROM pg_catalog.pg_locks; SELECT "
                "pg_advisory_unlock_all()",
                false, "MG002"},
        Hostile{"UnlocksAll", "SELECT pg_advisory_unlock_all()", false, "MG002"},
        Hostile{"UnlocksAllInASavepoint", "SAVEPOINT s; SELECT pg_advisory_unlock_all(); ROLLBACK TO s",
                false, "MG002"},
        Hostile{"HoldsTheLockSharedOnly",
                "DO $$DECLARE k bigint; BEGIN SELECT classid::bigint << 32 | objid::bigint INTO k FROM "
                "pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid(); PERFORM "
                "pg_advisory_unlock_all(); PERFORM pg_advisory_lock_shared(k); END$$",
                false, "MG002"},
        Hostile{"UnlocksAllAndFails", "SELECT pg_advisory_unlock_all(); SELECT 1 / 0", false, "22012"},
        Hostile{"CommitsInAProcedure", "CALL commits()", false, "2D000"},
        Hostile{"CommitsInADoBlock", "DO 'BEGIN COMMIT; END'", false, "2D000"},
        Hostile{"ExecutesCommit", "DO $$BEGIN EXECUTE 'COMMIT'; END$$", false, "0A000"},
        Hostile{"CommitsOpenly", "COMMIT", false, "MG003"},
        Hostile{"CommitsAndBeginsAnew", "COMMIT; BEGIN", false, "MG003"},
        Hostile{"RollsBack", "ROLLBACK; SELECT 1", false, "MG003"},
        Hostile{"HoldsACursor", "DECLARE c CURSOR WITH HOLD FOR SELECT CURRENT_USER", true},
        Hostile{"DefersATrigger",
                "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION "
                "$x$late$x$; END'; "
                "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON witness DEFERRABLE INITIALLY DEFERRED FOR "
                "EACH ROW EXECUTE FUNCTION late()",
                false, "P0001"},
        Hostile{"HidesTheCatalog",
                "CREATE SCHEMA evil; CREATE FUNCTION evil.pg_backend_pid() RETURNS int LANGUAGE sql AS "
                "'SELECT 0'; "
                "SET search_path = evil, public, pg_catalog",
                true},
        Hostile{"ResetsTheRole", "RESET ROLE", true}, Hostile{"SetsTheRole", "SET ROLE app", true},
        Hostile{"SetsTheSessionsAuthorization", "SET SESSION AUTHORIZATION app", true},
        Hostile{"BecomesSuperuser", "SET SESSION AUTHORIZATION postgres", false, "42501"},
        Hostile{"Listens", "LISTEN x; NOTIFY x", true}, Hostile{"DiscardsPlans", "DISCARD PLANS", true},
        Hostile{"DiscardsAll", "DISCARD ALL", false, "25001"},
        Hostile{"ReplacesTheStepsOfOurs", "PREPARE dbm_leave AS SELECT 1; DEALLOCATE ALL", true},
        Hostile{"RaisesOurCode", "DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'MG001'; END$$", false,
                "MG001"},
        Hostile{"LiftsTheLockLimit", "SET lock_timeout = 0; SET statement_timeout = 0", true},
        Hostile{"TurnsReadOnly", "SET default_transaction_read_only = on", true},
        Hostile{"EditsItsOwnRow", "UPDATE dbm.history SET finished = now() WHERE version = '0001'", false,
                "MG003"},
        Hostile{"MovesTheFence", "UPDATE dbm.fence SET run = NULL", false, "MG001"}),
    [](const auto& one) { return one.param.name; });

class RefusedAsText : public ::testing::TestWithParam<const char*> {};
TEST_P(RefusedAsText, NeverReachesTheServer) {
  auto set = script::read_set(
      {script::text_of("0001_a.sql", std::string("SELECT 1;\n") + GetParam() + ";\nSELECT 2;")}, {});
  ASSERT_TRUE(set);

  const auto analysis = script::analyse(set->scripts[0]);

  ASSERT_FALSE(analysis);
  EXPECT_EQ(analysis.error().reason, "SourceInvalid");
  EXPECT_EQ(analysis.error().cause, "TransactionControl");
  EXPECT_EQ(analysis.error().at.line, 2);
}
INSTANTIATE_TEST_SUITE_P(All, RefusedAsText,
                         ::testing::Values("COMMIT", "ROLLBACK", "PREPARE TRANSACTION 'x'", "DISCARD ALL",
                                           "SELECT pg_advisory_unlock_all()"));

TEST_F(ApplyTest, AnAppliedRowThatWasNeverClosedNeedsAPerson) {
  ASSERT_TRUE(begin());
  auto made = plan({{"0001_a.sql", "SELECT 1;"}});
  const std::string text = witnessed("0001", "CREATE TABLE a (i int); COMMIT;");
  made.pending[0].script.forward = script::text_of("0001_a.sql", text);
  made.pending[0].script.checksum = "sha256:" + sha256_hex(text);
  made.pending[0].analysis.chainable = false;

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ManualInterventionRequired");
  EXPECT_NE(done.error().remedy.find("dbm resolve 0001"), std::string::npos) << done.error().remedy;
  const auto next = begin();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().reason, "ManualInterventionRequired");
  EXPECT_NE(next.error().remedy.find("dbm resolve 0001"), std::string::npos);
}

TEST_F(ApplyTest, AScriptsRaisedCodeDoesNotFenceTheRunOut) {
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", "DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'MG001'; END$$;"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Terminal);
  EXPECT_EQ(statuses(), "0001|failed|t");
}

}  // namespace
}  // namespace dbm::test
