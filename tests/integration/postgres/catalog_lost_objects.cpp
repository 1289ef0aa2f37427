// Every lost object must be named by a statement or declared: the kinds one by one, swaps, renames.

#include "integration/postgres/database_fixture.h"
#include "postgres/catalog.h"
#include "postgres/lost_objects.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

/// A change that loses something without a word, and how the message calls it.
struct Loss {
  const char* setup;
  std::vector<std::string> statements;
  const char* lost;
};

class LostObjects : public DatabaseTest {
 protected:
  /// Runs the statements in one transaction as apply would, asks the rule, rolls back. The error's message,
  /// or "".
  std::string run(const std::string& setup, const std::vector<std::string>& statements,
                  const std::vector<std::string>& declared = {}) {
    as_login(setup);
    auto session = connect_to(database_);
    const auto before = postgres::take_snapshot(session, "dbm", Deadline::never(), {});
    EXPECT_TRUE(session.exec("BEGIN"));
    std::vector<std::string> named;
    for (const auto& statement : statements) {
      const auto done = session.exec(statement);
      EXPECT_TRUE(done) << statement << ": " << done.error().message;
      for (auto& loss : postgres::losses_named_by(statement)) named.push_back(std::move(loss));
    }
    const auto after = postgres::take_snapshot(session, "dbm", Deadline::never(), {});
    EXPECT_TRUE(session.exec("ROLLBACK"));
    const auto outcome = postgres::refuse_lost_objects(*before, *after, named, declared);
    if (outcome) return "";
    EXPECT_EQ(outcome.error().cause, "LostObject");
    EXPECT_NE(outcome.error().remedy, "");
    return outcome.error().message;
  }
};

class LostKinds : public LostObjects, public ::testing::WithParamInterface<Loss> {};

TEST_P(LostKinds, AreRefusedUnlessDeclared) {
  const Loss& loss = GetParam();

  const auto message = run(loss.setup, loss.statements);

  EXPECT_EQ(message, std::string("would lose without a statement that names it: ") + loss.lost);
  EXPECT_EQ(run("DROP OWNED BY CURRENT_USER; CREATE SCHEMA IF NOT EXISTS public; " + std::string(loss.setup),
                loss.statements, {loss.lost}),
            "");
}

const std::vector<std::string> kSwapColumn{"ALTER TABLE t ADD c2 text", "UPDATE t SET c2 = c",
                                           "ALTER TABLE t DROP COLUMN c",
                                           "ALTER TABLE t RENAME COLUMN c2 TO c"};
const std::vector<std::string> kSwapTable{"CREATE TABLE t2 (id int, c text)", "DROP TABLE t",
                                          "ALTER TABLE t2 RENAME TO t"};

INSTANTIATE_TEST_SUITE_P(
    Every, LostKinds,
    ::testing::Values(
        Loss{"CREATE TABLE t (id int, c text); CREATE INDEX t_c ON t (id, c)",
             {"ALTER TABLE t DROP COLUMN c"},
             "index public.t_c"},
        Loss{"CREATE TABLE t (id int, c text); CREATE INDEX t_c ON t (c)", kSwapColumn, "index public.t_c"},
        Loss{"CREATE TABLE t (id int, c text, CONSTRAINT t_both CHECK (c <> '' OR id > 1))",
             {"ALTER TABLE t DROP COLUMN c"},
             "constraint public.t.t_both"},
        Loss{"CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int CONSTRAINT u_fk REFERENCES t)",
             {"DROP TABLE t CASCADE"},
             "constraint public.u.u_fk"},
        Loss{"CREATE TABLE t (id int, c text DEFAULT 'x')", kSwapColumn, "default public.t.c"},
        Loss{"CREATE TABLE t (id int, c text NOT NULL)", kSwapColumn, "not null public.t.c"},
        Loss{"CREATE TABLE t (id int, c text); CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE "
             "FUNCTION "
             "suppress_redundant_updates_trigger()",
             kSwapTable, "trigger public.t.tr"},
        Loss{"CREATE TABLE t (id int, c text); CREATE POLICY p ON t USING (id > 1)", kSwapTable,
             "policy public.t.p"},
        Loss{"CREATE TABLE t (id int, c text); GRANT SELECT ON t TO PUBLIC", kSwapTable,
             "grant SELECT on public.t to PUBLIC"},
        Loss{"CREATE TABLE t (id int, c text); COMMENT ON COLUMN t.c IS 'w'", kSwapColumn,
             "comment public.t.c"},
        Loss{"CREATE TABLE t (id int, c text); ALTER TABLE t REPLICA IDENTITY FULL", kSwapTable,
             "replica identity public.t"},
        Loss{"CREATE TABLE t (id int, c text); CREATE STATISTICS st ON id, c FROM t",
             {"ALTER TABLE t DROP COLUMN c"},
             "statistics public.st"},
        Loss{"CREATE TABLE t (id int, c text); CREATE VIEW v AS SELECT c FROM t",
             {"DROP TABLE t CASCADE"},
             "view public.v"},
        Loss{"CREATE TABLE t (id int, c text)",
             {"DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$"},
             "table public.t"}));

TEST_F(LostObjects, NamesAllThreeThatAColumnSwapLoses) {
  const auto message =
      run("CREATE TABLE cards (pack int, rarity text NOT NULL DEFAULT 'common'); CREATE INDEX "
          "idx_cards_pack_rarity ON cards (pack, rarity)",
          {"ALTER TABLE cards ADD rarity_v2 varchar(64)", "UPDATE cards SET rarity_v2 = rarity",
           "ALTER TABLE cards DROP COLUMN rarity", "ALTER TABLE cards RENAME COLUMN rarity_v2 TO rarity"});

  EXPECT_EQ(message,
            "would lose without a statement that names it: default public.cards.rarity, index "
            "public.idx_cards_pack_rarity, "
            "not null public.cards.rarity");
}

TEST_F(LostObjects, AnotherOwnerIsALoss) {
  sql(database_, "DO $$ BEGIN CREATE ROLE other_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  sql(database_, "GRANT other_owner TO app; GRANT CREATE ON SCHEMA public TO other_owner");

  EXPECT_EQ(run("CREATE TABLE t (id int)",
                {"DROP TABLE t", "SET LOCAL ROLE other_owner", "CREATE TABLE t (id int)", "RESET ROLE"}),
            "would lose without a statement that names it: owner public.t");
  EXPECT_EQ(run("", {"ALTER TABLE t OWNER TO other_owner"}), "");
}

TEST_F(LostObjects, WhatAStatementNamesMayGo) {
  const std::string setup =
      "CREATE TABLE t (id int CONSTRAINT t_pk PRIMARY KEY, c text NOT NULL DEFAULT 'x', d text, e int); "
      "CREATE INDEX t_cd ON t (c, d);"
      "COMMENT ON TABLE t IS 'w'; GRANT SELECT ON t TO PUBLIC; CREATE POLICY p ON t USING (true); CREATE "
      "STATISTICS st ON c, d FROM t;"
      "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION "
      "suppress_redundant_updates_trigger();"
      "ALTER TABLE t REPLICA IDENTITY FULL; CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS "
      "'SELECT 1'; CREATE SCHEMA s;"
      "CREATE TABLE s.u (id int PRIMARY KEY)";

  EXPECT_EQ(
      run(setup,
          {"DROP INDEX public.t_cd",
           "ALTER TABLE t ALTER c DROP NOT NULL, ALTER COLUMN c DROP DEFAULT, DROP e",
           "COMMENT ON TABLE t IS NULL", "REVOKE ALL ON t FROM PUBLIC", "DROP POLICY p ON t",
           "DROP STATISTICS st", "DROP TRIGGER tr ON t", "ALTER TABLE ONLY public.t REPLICA IDENTITY DEFAULT",
           "ALTER TABLE t DROP CONSTRAINT t_pk", "DROP FUNCTION f(int, text)", "DROP SCHEMA s CASCADE"}),
      "");
}

TEST_F(LostObjects, RenamedThingsAreNotLost) {
  EXPECT_EQ(run("CREATE TABLE t (id int CONSTRAINT t_pk PRIMARY KEY, c text NOT NULL DEFAULT 'x'); CREATE "
                "INDEX t_c ON t (c); GRANT SELECT ON t TO PUBLIC;"
                "CREATE VIEW v AS SELECT c FROM t; COMMENT ON COLUMN t.c IS 'w'; CREATE SCHEMA s",
                {"ALTER TABLE t RENAME c TO d", "ALTER INDEX t_c RENAME TO t_d",
                 "ALTER TABLE t RENAME CONSTRAINT t_pk TO t_key", "ALTER TABLE t RENAME TO u",
                 "ALTER VIEW v RENAME TO w", "ALTER TABLE u SET SCHEMA s"}),
            "");
}

TEST_F(LostObjects, WhatIsMadeAgainIsNotLost) {
  EXPECT_EQ(run("CREATE TABLE t (id int, c text); CREATE INDEX t_c ON t (id, c)",
                {"ALTER TABLE t DROP COLUMN c", "ALTER TABLE t ADD c varchar(9)",
                 "CREATE INDEX t_c2 ON t (id, c)"}),
            "");
  EXPECT_EQ(
      run("CREATE TABLE u (a int, b int); CREATE INDEX u_ab ON u (a, b)",
          {"CREATE UNIQUE INDEX u_ab2 ON u (a, b)", "DROP INDEX u_ab", "ALTER INDEX u_ab2 RENAME TO u_ab"}),
      "");
}

TEST_F(LostObjects, PartitionsComeAndGoWithTheirParents) {
  EXPECT_EQ(run("CREATE TABLE p (a int NOT NULL, b text) PARTITION BY RANGE (a); CREATE INDEX p_b ON p (b); "
                "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9);"
                "CREATE TABLE p2 (a int NOT NULL, b text); CREATE INDEX p2_b ON p2 (b)",
                {"ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)",
                 "ALTER TABLE p DETACH PARTITION p1"}),
            "");
}

}  // namespace
}  // namespace dbm::test
