/// Scripts that lay hands on the ledger behind the protocol's back, openly or by SQL made at run time: none
/// commits its effect without its row.
#include "apply_fixture.h"

namespace dbm::test {
namespace {

constexpr const char* kEats =
    "CREATE FUNCTION eats() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM dbm.history; RETURN NULL; "
    "END'; ";

struct Meddler {
  const char* name;
  std::string sql;
};

class MeddlesWithLedger : public ApplyTest, public ::testing::WithParamInterface<Meddler> {};

TEST_P(MeddlesWithLedger, AndIsRolledBack) {
  ASSERT_TRUE(begin());
  const std::vector<NamedScript> scripts{{"0001_a.sql", witnessed("0001", GetParam().sql + ";")},
                                         {"0002_b.sql", witnessed("0002", "SELECT 1;")}};

  const auto done = apply(scripts);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Terminal) << done.error().message;
  EXPECT_EQ(done.error().cause, "LedgerAltered") << done.error().message;
  EXPECT_EQ(done.error().at.file, "0001_a.sql");
  EXPECT_EQ(statuses(), "0001|failed|t");
  expect_exactly_once(0);
  ASSERT_TRUE(begin()) << "nothing of it stays";
}

INSTANTIATE_TEST_SUITE_P(
    All, MeddlesWithLedger,
    ::testing::Values(
        Meddler{
            "DeferredTriggerByDynamicSql",
            std::string(kEats) +
                "DO $$BEGIN EXECUTE 'CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON ' || 'd' || 'bm.history "
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION eats()'; END$$"},
        Meddler{"TriggerByAFunctionInASelect", std::string(kEats) +
                                                   "CREATE FUNCTION sets() RETURNS int LANGUAGE plpgsql AS "
                                                   "$f$BEGIN EXECUTE 'CREATE TRIGGER late AFTER "
                                                   "UPDATE ON dbm.history FOR EACH ROW EXECUTE FUNCTION "
                                                   "eats()'; RETURN 1; END$f$; SELECT sets()"},
        Meddler{"TriggerOpenly",
                std::string(kEats) +
                    "CREATE TRIGGER late AFTER UPDATE ON DBM . history FOR EACH ROW EXECUTE FUNCTION eats()"},
        Meddler{"TriggerByAnEscapedName",
                std::string(kEats) + "CREATE TRIGGER late AFTER UPDATE ON U&\"d\\0062m\".history FOR EACH "
                                     "ROW EXECUTE FUNCTION eats()"},
        Meddler{"AnotherLeave",
                "DO $$BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION ' || 'dbm' || '.leave(p_key bigint, p_epoch "
                "bigint, p_run "
                "uuid, p_version_key text, p_rows bigint) RETURNS void LANGUAGE sql AS ''DELETE FROM "
                "dbm.history'''; "
                "END$$"},
        Meddler{"ARule",
                "DO $$BEGIN EXECUTE 'CREATE RULE r AS ON UPDATE TO dbm.statement DO ALSO DELETE FROM "
                "dbm.history'; END$$"},
        Meddler{"RowSecurity",
                "DO $$BEGIN EXECUTE 'ALTER TABLE dbm.statement ENABLE ROW LEVEL SECURITY'; END$$"},
        Meddler{"AColumnWithADefaultOfItsOwn",
                "CREATE FUNCTION counts() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM dbm.run; RETURN "
                "1; END'; DO $$BEGIN EXECUTE 'ALTER TABLE dbm.history ADD more int DEFAULT counts()'; END$$"},
        Meddler{
            "AColumnOfATypeOfItsOwn",
            "CREATE DOMAIN odd AS int CHECK (value > 0); DO $$BEGIN EXECUTE 'ALTER TABLE dbm.statement ADD "
            "more odd'; END$$"},
        Meddler{"ACheckConstraint",
                "CREATE FUNCTION eats_too(x bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN DELETE FROM "
                "dbm.run; "
                "RETURN true; END'; DO $$BEGIN EXECUTE 'ALTER TABLE dbm.history ADD CHECK (eats_too(rows))'; "
                "END$$"}),
    [](const auto& one) { return one.param.name; });

TEST_F(ApplyTest, ScriptsInAChainThatSpeakOfTheLedgerAreLookedAt) {
  ASSERT_TRUE(begin());
  as_login(kEats);
  auto made = plan(
      {{"0001_a.sql", chained("0001", "CREATE TABLE a (i int);")},
       {"0002_b.sql",
        chained("0002",
                "CREATE TRIGGER late AFTER UPDATE ON dbm.history FOR EACH ROW EXECUTE FUNCTION eats();")},
       {"0003_c.sql", chained("0003", "CREATE TABLE c (i int);")}});
  for (auto& pending : made.pending) pending.analysis.chainable = true;

  const auto done = apply_plan(made);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().cause, "LedgerAltered") << done.error().message;
  EXPECT_EQ(statuses(), "0001|applied|t\n0002|failed|t");
  expect_chained_once(1);
}

/// What plain statements call is seen by nobody before COMMIT: the look back at the end of the run finds it.
TEST_F(ApplyTest, ATriggerThatEatsTheLedgersRowsIsFoundBeforeAnythingIsReportedDone) {
  ASSERT_TRUE(begin());
  as_login(
      "CREATE TABLE bait (i int); CREATE FUNCTION eats() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE "
      "FROM "
      "dbm.history WHERE version_key = '1'; RETURN NULL; END$$; CREATE TRIGGER t AFTER INSERT ON bait FOR "
      "EACH ROW "
      "EXECUTE FUNCTION eats()");

  const auto done = apply({{"0001_a.sql", chained("0001", "CREATE TABLE a (i int);")},
                           {"0002_b.sql", chained("0002", "INSERT INTO bait VALUES (1);")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ManualInterventionRequired");
  EXPECT_EQ(done.error().cause, "LedgerAltered");
  EXPECT_EQ(done.error().message, "1 applied script has no row in the ledger any more");
}

TEST_F(ApplyTest, WhatATriggerDefersAgainRunsBeforeTheRowIsClosed) {
  ASSERT_TRUE(begin());
  as_login(
      "CREATE TABLE first (i int); CREATE TABLE second (i int);"
      "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN SET CONSTRAINTS ALL DEFERRED; "
      "INSERT INTO "
      "second VALUES (1); RETURN NULL; END$$;"
      "CREATE FUNCTION eats() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM dbm.history; RETURN "
      "NULL; END';"
      "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON first DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
      "FUNCTION "
      "again(); CREATE CONSTRAINT TRIGGER b AFTER INSERT ON second DEFERRABLE INITIALLY DEFERRED FOR EACH "
      "ROW EXECUTE "
      "FUNCTION eats()");

  const auto done =
      apply({{"0001_a.sql", witnessed("0001", "DO 'BEGIN INSERT INTO first VALUES (1); END';")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sqlstate, "MG003") << done.error().message;
  expect_exactly_once(0);
}

TEST_F(ApplyTest, AJournalledScriptThatAltersTheLedgerIsNotTakenForDone) {
  ASSERT_TRUE(begin());
  as_login(kEats);

  const auto done = apply({{"0001_a.sql",
                            "-- dbm:transaction none\nDO $$BEGIN EXECUTE 'CREATE TRIGGER late AFTER UPDATE "
                            "ON dbm.history FOR EACH ROW "
                            "EXECUTE FUNCTION eats()'; END$$;\n"}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().cause, "LedgerAltered") << done.error().message;
  EXPECT_EQ(statuses(), "0001|running|f");
}

}  // namespace
}  // namespace dbm::test
