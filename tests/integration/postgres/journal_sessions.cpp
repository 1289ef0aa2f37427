/// Scripts that run statement by statement: the session is the script's between its statements, and the
/// login's in our own steps; and what surely did not run asks nobody.
#include "apply_fixture.h"

namespace dbm::test {
namespace {

class JournalSession : public ApplyTest {
 protected:
  JournalSession() {
    as_login(
        "CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, i::text FROM generate_series(1, 100) i;"
        "CREATE TABLE who (step int, is_current text, is_session text); GRANT ALL ON who TO PUBLIC;"
        "CREATE PROCEDURE commits_and_fails() LANGUAGE plpgsql AS $$BEGIN INSERT INTO who VALUES (99); "
        "COMMIT; CALL "
        "nope(); END$$;"
        "CREATE PROCEDURE notes(step int) LANGUAGE plpgsql AS $$BEGIN INSERT INTO who VALUES (step, "
        "CURRENT_USER, "
        "SESSION_USER); COMMIT; END$$; GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC");
  }
  /// A role of this test's own, which the login may become.
  std::string role(const std::string& name) {
    const std::string full = name + "_" + database_.name();
    change("CREATE ROLE \"" + full + "\"; GRANT \"" + full + "\" TO app");
    return full;
  }
  void TearDown() override {
    end();
    change(
        "ALTER ROLE app NOSUPERUSER; DO $$DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE "
        "rolname LIKE '%\\_' || "
        "current_database() LOOP EXECUTE format('DROP OWNED BY %I', r); EXECUTE format('DROP ROLE %I', r); "
        "END LOOP; "
        "END$$");
  }
  std::string who() { return ask("SELECT step, is_current, is_session FROM who ORDER BY step"); }
};

TEST_F(JournalSession, ARoleThatTheScriptSetsHoldsUntilItIsReset) {
  const std::string other = role("other");
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql",
              "-- dbm:transaction none\nINSERT INTO who VALUES (1, CURRENT_USER, SESSION_USER);\n"
              "SET ROLE \"" +
                  other +
                  "\";\nCALL notes(2);\nCALL notes(3);\n"
                  "INSERT INTO who VALUES (4, CURRENT_USER, SESSION_USER);\n"
                  "CREATE TABLE theirs (a int);\nCREATE INDEX CONCURRENTLY theirs_a ON theirs (a);\n"
                  "RESET ROLE;\nCALL notes(5);\n"}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(who(), "1|app|app\n2|" + other + "|app\n3|" + other + "|app\n4|" + other + "|app\n5|app|app");
  EXPECT_EQ(ask("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'theirs'"), other);
  EXPECT_EQ(statuses(), "0001|applied|t");
  EXPECT_EQ(ask("SELECT applied_by FROM dbm.history"), "app");
}

TEST_F(JournalSession, TheSpecsRoleHoldsAndTheScriptsOwnGoesBeforeIt) {
  const std::string ours = role("ours"), other = role("other");
  target_.role = ours;
  ASSERT_TRUE(begin());
  const std::vector<NamedScript> scripts{
      {"0001_a.sql",
       "-- dbm:transaction none\nCALL notes(1);\nINSERT INTO who VALUES (2, CURRENT_USER, SESSION_USER);\n"
       "SET ROLE \"" +
           other +
           "\";\nCALL notes(3);\nINSERT INTO who VALUES (4, CURRENT_USER, "
           "SESSION_USER);\nSELECT nonsense;\nCALL notes(5);\n"}};

  ASSERT_FALSE(apply(scripts));

  const std::string so_far =
      "1|" + ours + "|app\n2|" + ours + "|app\n3|" + other + "|app\n4|" + other + "|app";
  EXPECT_EQ(who(), so_far);
  ASSERT_TRUE(begin());
  as_login("CREATE FUNCTION nothing() RETURNS int LANGUAGE sql AS 'SELECT 1'");
  auto corrected = scripts;
  corrected[0].sql.replace(corrected[0].sql.find("SELECT nonsense"), 15, "SELECT nothing()");
  const auto done = apply(corrected);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(who(), so_far + "\n5|" + other + "|app") << "the role is set again when the script goes on";
}

TEST_F(JournalSession, AnotherSessionAuthorizationDoesNotMisleadOurSteps) {
  change("ALTER ROLE app SUPERUSER");
  target_.allow_superuser = true;
  const std::string other = role("other");
  ASSERT_TRUE(begin());

  const auto done = apply(
      {{"0001_a.sql", "-- dbm:transaction none\nSET SESSION AUTHORIZATION \"" + other +
                          "\";\nCALL notes(1);\nINSERT INTO who VALUES (2, CURRENT_USER, SESSION_USER);\n"}});
  change("ALTER ROLE app NOSUPERUSER");

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(who(), "1|" + other + "|" + other + "\n2|" + other + "|" + other);
  EXPECT_EQ(ask("SELECT status, applied_by FROM dbm.history"), "applied|app");
}

TEST_F(JournalSession, ARoleThatTheLoginMayNotBecomeIsNamed) {
  target_.role = "nobody_" + database_.name();
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", "-- dbm:transaction none\nVACUUM t;\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "PermissionDenied") << done.error().message;
  EXPECT_EQ(done.error().at.file, "0001_a.sql");
  EXPECT_EQ(statuses(), "0001|failed|t");
}

struct Unrun {
  const char* name;
  const char* sql;
  const char* sqlstate;
};
class SurelyDidNotRun : public JournalSession, public ::testing::WithParamInterface<Unrun> {};

TEST_P(SurelyDidNotRun, FailsLikeAnyOtherAndRunsAgain) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql", std::string("-- dbm:transaction none\nVACUUM t;\n") + GetParam().sql + ";\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ApplyFailed") << done.error().message;
  EXPECT_EQ(done.error().sqlstate, GetParam().sqlstate);
  EXPECT_EQ(statuses(), "0001|failed|t");
  EXPECT_EQ(ask("SELECT index, outcome FROM dbm.statement ORDER BY 1"), "0|done\n1|failed");
  ASSERT_TRUE(begin()) << "nobody has to be asked";
  const auto corrected = apply({{"0001_a.sql", "-- dbm:transaction none\nVACUUM t;\nSELECT 1;\n"}});
  EXPECT_TRUE(corrected) << corrected.error().message;
}
INSTANTIATE_TEST_SUITE_P(All, SurelyDidNotRun,
                         ::testing::Values(Unrun{"NoSuchProcedure", "CALL nope()", "42883"},
                                           Unrun{"ASubqueryAsAnArgument", "CALL notes((SELECT a FROM t))",
                                                 "0A000"},
                                           Unrun{"AFunctionCalledAsAProcedure", "CALL abs(1)", "42809"}),
                         [](const auto& one) { return one.param.name; });

TEST_F(JournalSession, AProcedureThatCommittedBeforeItFailedNeedsAPerson) {
  ASSERT_TRUE(begin());

  const auto done = apply({{"0001_a.sql", "-- dbm:transaction none\nCALL commits_and_fails();\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sqlstate, "42883") << "the same code as of a procedure that is not there";
  EXPECT_EQ(done.error().reason, "ManualInterventionRequired");
  EXPECT_EQ(statuses(), "0001|running|f");
}

TEST_F(JournalSession, AnIndexOfThatNameAndAnotherDefinitionIsNotTakenForDone) {
  as_login("CREATE INDEX t_a ON t (b)");
  const std::vector<NamedScript> scripts{
      {"0001_a.sql", "-- dbm:transaction none\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);\n"}};
  ASSERT_TRUE(begin());

  const auto done = apply(scripts);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ApplyFailed");
  EXPECT_EQ(done.error().at.line, 2);
  EXPECT_EQ(done.error().message,
            "index public.t_a is there, and not known to be as the script defines it: IF NOT EXISTS would "
            "leave it as "
            "it is");
  EXPECT_EQ(statuses(), "0001|failed|t");
  as_login("DROP INDEX t_a; CREATE INDEX t_a ON t (a)");
  ASSERT_TRUE(begin());
  const auto same = apply(scripts);
  EXPECT_TRUE(same) << same.error().message;
}

TEST_F(JournalSession, AFenceThatAnIdempotentBlockMovesEndsTheRunAndIsNotTriedForEver) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql",
              "-- dbm:transaction none\n-- dbm:idempotent yes\nDO $$BEGIN UPDATE dbm.fence SET epoch = epoch "
              "+ 1; COMMIT; END$$;\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Terminal) << "tried again, it would do the same again";
  EXPECT_EQ(done.error().cause, "RunLockGivenAway") << done.error().message;
}

/// Trouble that passes is no attempt that failed: one row tells of all tries.
class PassingTrouble : public JournalSession {
 protected:
  PassingTrouble() { trouble("RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'"); }
  void trouble(const std::string& body) {
    as_login("CREATE OR REPLACE FUNCTION may_fail() RETURNS int LANGUAGE plpgsql AS $$BEGIN " + body +
             "; RETURN 1; END$$");
  }
};

TEST_F(PassingTrouble, LeavesOneRowHoweverOftenItIsTried) {
  const std::vector<NamedScript> scripts{{"0001_a.sql", "-- dbm:transaction none\n" +
                                                            witnessed("0001", "CREATE TABLE first (i int);") +
                                                            "SELECT may_fail();\n"}};
  for (int tries = 0; tries < 3; ++tries) {
    ASSERT_TRUE(begin());
    const auto failed = apply(scripts);
    ASSERT_FALSE(failed);
    ASSERT_EQ(failed.error().kind, ErrorKind::Transient) << failed.error().message;
    EXPECT_EQ(statuses(), "0001|running|f");
  }
  EXPECT_EQ(ask("SELECT index, outcome FROM dbm.statement ORDER BY 1"), "0|done\n1|done\n2|done\n3|failed");
  trouble("NULL");
  ASSERT_TRUE(begin());

  const auto done = apply(scripts);

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(statuses(), "0001|applied|t");
  EXPECT_EQ(ask("SELECT statements_done, epoch FROM dbm.history"), "4|4");
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
}

TEST_F(PassingTrouble, IsClosedAsFailedWhenThePlanIsAnotherNow) {
  ASSERT_TRUE(begin());
  ASSERT_FALSE(
      apply({{"0001_a.sql", "-- dbm:transaction none\nCREATE TABLE first (i int);\nSELECT may_fail();\n"}}));
  ASSERT_TRUE(begin());

  const auto done = apply({{"0002_b.sql", "-- dbm:transaction none\nVACUUM t;\n"}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(statuses(), "0001|failed|t\n0002|applied|t");
}

/// Each BEGIN … COMMIT of such a script is one transaction, with its journal rows in it: nobody is asked
/// after a crash.
class Blocks : public JournalSession {
 protected:
  const std::vector<NamedScript> scripts_{
      {"0001_a.sql",
       "-- dbm:transaction none\nBEGIN;\nCREATE TABLE first (i int);\nUPDATE canary SET v = v * 2 + 1;\n"
       "COMMIT;\nVACUUM t;\nBEGIN;\nINSERT INTO first VALUES (1);\nDO 'BEGIN INSERT INTO first VALUES (2); "
       "END';\nCOMMIT;\nVACUUM first;\n"}};
};

TEST_F(Blocks, AreTransactionsOfTheirOwn) {
  ASSERT_TRUE(begin());

  const auto done = apply(scripts_);

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(statuses(), "0001|applied|t");
  EXPECT_EQ(ask("SELECT count(DISTINCT xmin::text), count(*) FROM first"), "1|2");
  EXPECT_EQ(ask("SELECT count(*) FROM dbm.statement WHERE outcome = 'done'"), "10");
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
}

TEST_F(Blocks, TakeEffectOnceWhenTheirCommitIsCutOff) {
  for (const Cut cut : {Cut::BeforeSend, Cut::AfterSend}) {
    TcpProxy proxy(database_.server().port());
    ASSERT_TRUE(begin(proxy.port()));
    const auto made = plan(scripts_);
    if (made.pending.empty()) break;
    proxy.cut_at("INSERT INTO first VALUES (1)", cut);

    ASSERT_FALSE(apply_plan(made));
    EXPECT_EQ(ask("SELECT count(*) FROM first"), "0");
  }
  const auto next = begin();
  ASSERT_TRUE(next) << next.error().message;
  const auto done = apply(scripts_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT string_agg(i::text, ',' ORDER BY i) FROM first"), "1,2");
  EXPECT_EQ(ask("SELECT v FROM canary"), "3");
  EXPECT_EQ(statuses(), "0001|applied|t");
}

TEST_F(Blocks, AreUndoneWholeByAnError) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_a.sql",
              "-- dbm:transaction none\nBEGIN;\nCREATE TABLE first (i int);\nCOMMIT;\nBEGIN;\nINSERT INTO "
              "first VALUES (1);\nSELECT 1 / 0;\nCOMMIT;\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sqlstate, "22012");
  EXPECT_EQ(done.error().at.line, 7);
  EXPECT_EQ(ask("SELECT count(*) FROM first"), "0");
  EXPECT_EQ(ask("SELECT index, outcome FROM dbm.statement ORDER BY 1"), "0|done\n1|done\n2|done");
}

}  // namespace
}  // namespace dbm::test
