#include "script/classify.h"

#include "support.h"

namespace dbm::script {
namespace {

struct Row {
  std::string text;
  std::string kind;
  LockClass lock;
  std::string effects;  ///< "DataLoss Blocking"
};

std::string joined(unsigned effects) {
  std::string text;
  for (const std::string& name : effect_names(effects)) text += (text.empty() ? "" : " ") + name;
  return text;
}

constexpr auto kNone = LockClass::None;
constexpr auto kBrief = LockClass::Brief;
constexpr auto kScan = LockClass::ScanOrRewrite;
constexpr auto kShared = LockClass::ShareUpdateExclusive;

TEST(Classify, TellsKindLockAndEffects) {
  const std::vector<Row> rows{
      {"INSERT INTO t VALUES (1)", "INSERT", kNone, ""},
      {"insert into t (a) select 1", "INSERT", kNone, ""},
      {"UPDATE t SET a = 1", "UPDATE", kNone, "DataLoss Blocking"},
      {"UPDATE t SET a = 1 WHERE a IS NULL", "UPDATE", kNone, "Blocking"},
      {"UPDATE t SET a = 1, b = 2 WHERE a IS NULL", "UPDATE", kNone, "DataLoss Blocking"},
      {"UPDATE t SET a = 1 WHERE a IS NULL OR b > 1", "UPDATE", kNone, "DataLoss Blocking"},
      {"DELETE FROM t", "DELETE", kNone, "DataLoss Blocking"},
      {"WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "SELECT", kNone, "DataLoss Blocking"},
      {"MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE", "MERGE", kNone, "DataLoss Blocking"},
      {"SELECT 1", "SELECT", kNone, ""},
      {"SELECT my_function()", "SELECT", kNone, "Unknown"},
      {"SELECT * INTO n FROM t", "SELECT INTO", kNone, ""},
      {"CREATE TABLE t (a int)", "CREATE TABLE", kNone, ""},
      {"CREATE TABLE t (a int REFERENCES p)", "CREATE TABLE", kBrief, ""},
      {"CREATE TABLE t PARTITION OF p DEFAULT", "CREATE TABLE", kBrief, ""},
      {"DROP TABLE t", "DROP TABLE", kBrief, "DataLoss Blocking Breaking"},
      {"ALTER TABLE t DROP COLUMN a", "ALTER TABLE", kBrief, "DataLoss Breaking"},
      {"TRUNCATE t", "TRUNCATE TABLE", kScan, "DataLoss Blocking"},
      {"ALTER TABLE t RENAME TO u", "ALTER TABLE RENAME", kBrief, "Breaking"},
      {"ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE RENAME COLUMN", kBrief, "Breaking"},
      {"CREATE INDEX i ON t (a)", "CREATE INDEX", kScan, "Blocking"},
      {"CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX CONCURRENTLY", LockClass::Concurrent, ""},
      {"ALTER TABLE t ALTER a TYPE bigint", "ALTER TABLE", kScan, "Blocking Breaking"},
      {"ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p NOT VALID, VALIDATE CONSTRAINT g",
       "ALTER TABLE", kScan, "Blocking"},
      {"ALTER TYPE e RENAME VALUE 'a' TO 'b'", "ALTER TYPE RENAME VALUE", kNone, "Breaking"},
      {"DROP VIEW v", "DROP VIEW", kBrief, "Breaking"},
      {"DROP SCHEMA s CASCADE", "DROP SCHEMA", kBrief, "DataLoss Blocking Breaking"},
      {"COPY t FROM STDIN", "COPY", kNone, ""},
      {"COPY t TO '/tmp/x'", "COPY", kNone, "External"},
      {"CREATE ROLE r", "CREATE ROLE", kNone, "External"},
      {"DROP DATABASE d", "DROP DATABASE", kNone, "DataLoss Blocking Breaking External"},
      {"DO $$BEGIN END$$", "DO", LockClass::Unknown, "Unknown"},
      {"CALL p()", "CALL", LockClass::Unknown, "Unknown"},
      {"LOCK TABLE t", "LOCK TABLE", kBrief, "Blocking"},
      {"VACUUM FULL t", "VACUUM", kScan, "Blocking"},
      {"ANALYZE t", "ANALYZE", kShared, ""},
      {"COMMENT ON TABLE t IS 'x'", "COMMENT", kShared, ""},
      {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT g()'", "CREATE FUNCTION", kNone, ""},
      {"/* a */ -- b\n CREATE VIEW v AS SELECT f()", "CREATE VIEW", kNone, ""},
  };
  for (const Row& row : rows) {
    const StatementClass what = classify(row.text);
    EXPECT_EQ(what.kind, row.kind) << row.text;
    EXPECT_EQ(static_cast<int>(what.lock), static_cast<int>(row.lock)) << row.text;
    EXPECT_EQ(joined(what.effects), row.effects) << row.text;
    EXPECT_EQ(what.syntax_error, "") << row.text;
  }
}

TEST(Classify, ByKeywordsSaysWhatTheTreeSays) {
  for (const char* text :
       {"INSERT INTO t VALUES (1, now(), lower('A'))", "INSERT INTO s.t (a, b) SELECT a, b FROM u",
        "UPDATE t SET a = 1 WHERE b = 2", "DELETE FROM t WHERE a IN (1, 2)", "SELECT count(*) FROM t",
        "CREATE TABLE t (a varchar(20) DEFAULT 'x', CHECK (a > ''))"}) {
    const StatementClass words = classify(text);
    const StatementClass tree = classify_by_tree(text);
    EXPECT_EQ(words.kind, tree.kind) << text;
    EXPECT_EQ(words.effects, tree.effects) << text;
    EXPECT_EQ(words.lock, tree.lock) << text;
    EXPECT_EQ(words.writes_rows, tree.writes_rows) << text;
    EXPECT_EQ(words.changes_session, tree.changes_session) << text;
    EXPECT_TRUE(words.touches.empty()) << "decided by the tree: " << text;
  }
}

struct Outside {
  const char* text;
  ProbeKind probe;
  const char* object;
  const char* relation;
  const char* value = "";
};

TEST(Classify, KnowsWhatCannotRunInATransaction) {
  const std::vector<Outside> rows{
      {"CREATE INDEX CONCURRENTLY i ON s.t (a)", ProbeKind::CreateIndexConcurrently, "i", "s.t"},
      {"CREATE UNIQUE INDEX CONCURRENTLY \"I\" ON \"T\" (a)", ProbeKind::CreateIndexConcurrently, "\"I\"",
       "\"T\""},
      {"DROP INDEX CONCURRENTLY IF EXISTS s.i", ProbeKind::DropIndexConcurrently, "s.i", ""},
      {"REINDEX INDEX CONCURRENTLY i", ProbeKind::ReindexConcurrently, "i", ""},
      {"REINDEX (CONCURRENTLY) TABLE t", ProbeKind::ReindexConcurrently, "", "t"},
      {"REINDEX SCHEMA s", ProbeKind::Repeatable, "s", ""},
      {"REINDEX DATABASE d", ProbeKind::Repeatable, "d", ""},
      {"REINDEX SYSTEM d", ProbeKind::Repeatable, "d", ""},
      {"ALTER TABLE t DETACH PARTITION p CONCURRENTLY", ProbeKind::DetachConcurrently, "p", "t"},
      {"VACUUM", ProbeKind::Repeatable, "", ""},
      {"VACUUM (FULL) t", ProbeKind::Repeatable, "", ""},
      {"CLUSTER", ProbeKind::Repeatable, "", ""},
      {"CREATE DATABASE d", ProbeKind::CreateDatabase, "d", ""},
      {"DROP DATABASE IF EXISTS d", ProbeKind::DropDatabase, "d", ""},
      {"CREATE TABLESPACE x LOCATION '/x'", ProbeKind::CreateTablespace, "x", ""},
      {"DROP TABLESPACE x", ProbeKind::DropTablespace, "x", ""},
      {"ALTER DATABASE d SET TABLESPACE x", ProbeKind::Unknown, "d", ""},
      {"ALTER SYSTEM SET work_mem = '1MB'", ProbeKind::Repeatable, "", ""},
      {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", ProbeKind::Unknown, "s", ""},
      {"DROP SUBSCRIPTION s", ProbeKind::Unknown, "s", ""},
      {"ALTER SUBSCRIPTION s REFRESH PUBLICATION", ProbeKind::Repeatable, "s", ""},
  };
  for (const Outside& row : rows) {
    const StatementClass what = classify(row.text);
    EXPECT_EQ(static_cast<int>(what.scope), static_cast<int>(Scope::OutsideOnly)) << row.text;
    EXPECT_EQ(static_cast<int>(what.probe), static_cast<int>(row.probe)) << row.text;
    EXPECT_EQ(what.object, row.object) << row.text;
    EXPECT_EQ(what.relation, row.relation) << row.text;
  }
}

TEST(Classify, LeavesTheirNeighboursInTheTransaction) {
  for (const char* text : {"CLUSTER t USING i", "REINDEX TABLE t", "ANALYZE",
                           "ALTER TABLE t DETACH PARTITION p", "ALTER TABLE t DETACH PARTITION p FINALIZE",
                           "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = false)",
                           "ALTER DATABASE d SET work_mem = '1MB'",
                           "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false)",
                           "REFRESH MATERIALIZED VIEW CONCURRENTLY m", "ALTER TYPE e ADD VALUE 'x'",
                           "SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "RELEASE a", "DISCARD TEMP"})
    EXPECT_EQ(static_cast<int>(classify(text).scope), static_cast<int>(Scope::Transaction)) << text;
  const StatementClass label = classify("ALTER TYPE s.e ADD VALUE IF NOT EXISTS 'new' BEFORE 'old'");
  EXPECT_EQ(label.object + " " + label.value, "s.e new");
}

TEST(Classify, RefusesTransactionControl) {
  for (const char* text :
       {"BEGIN", "START TRANSACTION", "COMMIT", "COMMIT AND CHAIN", "END", "ROLLBACK", "ABORT",
        "PREPARE TRANSACTION 'x'", "COMMIT PREPARED 'x'", "ROLLBACK PREPARED 'x'", "DISCARD ALL",
        "SELECT pg_advisory_unlock(1)", "SELECT pg_catalog.pg_advisory_unlock_all()",
        "INSERT INTO t SELECT 1 WHERE pg_advisory_unlock_shared(1)",
        "DO $$BEGIN PERFORM pg_advisory_unlock_all(); END$$"})
    EXPECT_EQ(static_cast<int>(classify(text).scope), static_cast<int>(Scope::TransactionControl)) << text;
}

TEST(Classify, KnowsWhatChangesTheSession) {
  for (const char* text : {"SET search_path = a", "RESET ALL", "SET ROLE r", "SET SESSION AUTHORIZATION r",
                           "SELECT set_config('a', 'b', false)", "DO ''", "CALL p()", "SELECT f(1)",
                           "INSERT INTO t VALUES (f(1))", "INSERT INTO t VALUES (\"f\"(1))", "SELECT s.now()",
                           "CREATE TEMP TABLE t (a int)", "LISTEN a", "PREPARE p AS SELECT 1",
                           "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "DISCARD PLANS", "LOAD 'x'",
                           "CREATE TEMP VIEW v AS SELECT 1"})
    EXPECT_TRUE(classify(text).changes_session) << text;
  for (const char* text :
       {"SET LOCAL search_path = a", "SET CONSTRAINTS ALL DEFERRED", "SELECT count(*), now() FROM t",
        "CREATE TABLE t (a int DEFAULT f())", "INSERT INTO f (a) VALUES (1)", "CREATE VIEW v AS SELECT f()",
        "UPDATE t SET a = coalesce(b, 1) WHERE c IN (1) AND (d)", "SHOW a"})
    EXPECT_FALSE(classify(text).changes_session) << text;
}

TEST(Classify, NamesWhatIsDropped) {
  const auto dropped = [](const char* text) { return classify(text).dropped; };
  using Names = std::vector<std::string>;
  EXPECT_EQ(dropped("DROP INDEX public.x, y"), (Names{"index public.x", "index y"}));
  EXPECT_EQ(
      dropped(
          "ALTER TABLE s.t DROP COLUMN c, DROP CONSTRAINT k, ALTER d DROP DEFAULT, ALTER e DROP NOT NULL"),
      (Names{"column s.t.c", "constraint s.t.k", "default s.t.d", "not null s.t.e"}));
  EXPECT_EQ(dropped("DROP TRIGGER g ON t"), Names{"trigger t.g"});
  EXPECT_EQ(dropped("DROP POLICY p ON t"), Names{"policy t.p"});
  EXPECT_EQ(dropped("DROP FUNCTION f(int), s.g"), (Names{"function f", "function s.g"}));
  EXPECT_EQ(dropped("COMMENT ON COLUMN t.c IS NULL"), Names{"comment column t.c"});
  EXPECT_EQ(dropped("REVOKE SELECT ON t FROM r"), Names{"grant t"});
  EXPECT_EQ(dropped("ALTER INDEX a RENAME TO b"), Names{"index a"});
  EXPECT_EQ(dropped("ALTER TABLE t RENAME CONSTRAINT a TO b"), Names{"constraint t.a"});
  EXPECT_EQ(dropped("ALTER TABLE t OWNER TO r"), Names{"owner t"});
  for (const char* text : {"DROP TABLE t", "ALTER TABLE t DROP COLUMN c", "ALTER TABLE t ALTER c TYPE text",
                           "DO ''", "DROP OWNED BY r"})
    EXPECT_TRUE(classify(text).may_lose_objects) << text;
  for (const char* text : {"CREATE TABLE t (a int)", "ALTER TABLE t ADD c int", "CREATE INDEX i ON t (a)"})
    EXPECT_FALSE(classify(text).may_lose_objects) << text;
}

TEST(Classify, QuotesNamesOnlyWhereTheyNeedIt) {
  const StatementClass what = classify("UPDATE \"S\".\"order\" SET a = 1 FROM public.plain WHERE a IS NULL");

  EXPECT_THAT(what.touches, testing::UnorderedElementsAre("\"S\".\"order\"", "public.plain"));
}

TEST(Classify, LeavesNewerGrammarToTheServer) {
  for (const char* text :
       {"SELECT 1_000", "SELECT * FROM (SELECT 1)",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE RETURNING *",
        "ALTER TABLE t ALTER c SET EXPRESSION AS (1)", "ALTER TABLE t ADD CONSTRAINT n NOT NULL c NOT VALID",
        "CREATE TABLE t (a int GENERATED ALWAYS AS (1) VIRTUAL)"}) {
    const StatementClass what = classify_by_tree(text);
    EXPECT_NE(what.syntax_error, "") << text;
    EXPECT_TRUE((what.effects & kUnknown) != 0) << text;
  }
}

TEST(Classify, PointsAtTheByteOfASyntaxError) {
  const StatementClass what = classify("ALTER TABLE \"\u00e9\u00e9\" FRM x");

  EXPECT_EQ(what.syntax_error, "syntax error at or near \"FRM\"");
  EXPECT_EQ(what.syntax_offset, 19);
}

TEST(Effects, HaveARisk) {
  EXPECT_EQ(risk_of(kNoEffect), "Safe");
  EXPECT_EQ(risk_of(kBreaking), "MultiStep");
  EXPECT_EQ(risk_of(kBreaking | kBlocking), "Risky");
}

}  // namespace
}  // namespace dbm::script
