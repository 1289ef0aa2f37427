#include "script/analysis.h"

#include "script/appended.h"
#include "support.h"

namespace dbm::script {
namespace {

Analysis analysed(const std::string& text, const std::string& rollback = "") {
  const auto analysis = analyse(script_of(text, rollback));
  EXPECT_TRUE(analysis) << (analysis ? "" : analysis.error().message);
  return analysis ? *analysis : Analysis{};
}

TEST(Analysis, ChainsWhatIsSmallBriefAndPlain) {
  for (const char* text :
       {"INSERT INTO t VALUES (1);", "CREATE TABLE t (a int);", "ALTER TABLE t ADD c int;", "",
        "CREATE TABLE t (a int); CREATE INDEX ON t (a);", "BEGIN; INSERT INTO t VALUES (1); COMMIT;",
        "SET LOCAL search_path = a; INSERT INTO t VALUES (1)"})
    EXPECT_TRUE(analysed(text).chainable) << text;
  for (const char* text :
       {"COPY t FROM stdin;\n\\.\n", "SET search_path = a", "CREATE INDEX i ON t (a)", "DROP TABLE t",
        "DO ''", "SELECT f()", "UPDATE t SET a = 1", "CREATE INDEX CONCURRENTLY i ON t (a)",
        "-- dbm:transaction none\nINSERT INTO t VALUES (1)", "NOTIFY a", "INSERT INTO t VALUES (1_000) x"})
    EXPECT_FALSE(analysed(text).chainable) << text;
  std::string many, large = "INSERT INTO t VALUES ('" + std::string(70'000, 'x') + "')";
  for (int i = 0; i < 65; ++i) many += "INSERT INTO t VALUES (1);";
  EXPECT_FALSE(analysed(many).chainable);
  EXPECT_FALSE(analysed(large).chainable);
}

TEST(Analysis, RunsStatementByStatementWhatNeedsIt) {
  const Analysis analysis =
      analysed("CREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY i ON u (a);\nINSERT INTO t VALUES (1);");

  EXPECT_FALSE(analysis.in_transaction);
  ASSERT_EQ(analysis.named.size(), 3U);
  EXPECT_EQ(analysis.named[1].index, 1U);
  EXPECT_EQ(analysis.named[1].at.line, 2);
  EXPECT_EQ(analysis.named[1].what.object, "i");
  EXPECT_EQ(analysis.named[2].text, "INSERT INTO t VALUES (1)");
}

TEST(Analysis, NamesOnlyWhatMattersInATransaction) {
  const Analysis analysis =
      analysed("CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nDROP TABLE u;\nALTER TABLE u ADD c int;");

  EXPECT_EQ(analysis.statements, 4U);
  ASSERT_EQ(analysis.named.size(), 1U);
  EXPECT_EQ(analysis.named[0].text, "DROP TABLE u");
}

TEST(Analysis, TakesTheWrapOfAWholeFileAway) {
  const std::string text =
      "BEGIN;\nINSERT INTO t VALUES (1);\n-- dbm:lock-timeout 1s\nINSERT INTO t VALUES (2);\nCOMMIT;\n";
  const Analysis analysis = analysed(text);

  EXPECT_TRUE(analysis.wrapped);
  EXPECT_EQ(analysis.statements, 2U);
  ASSERT_EQ(analysis.notices.size(), 1U);
  auto reader = StatementReader::open(whole(text), analysis.wrapped);
  ASSERT_TRUE(reader);
  const Statement first = **reader->next();
  EXPECT_EQ(first.text, "INSERT INTO t VALUES (1)");
  EXPECT_EQ(first.index, 0U);
  EXPECT_TRUE((**reader->next()).directives.lock_timeout);
  EXPECT_EQ(*reader->next(), nullptr);
  EXPECT_EQ(reader->checksum(), analysis.checksum);
}

TEST(Analysis, RefusesTransactionControl) {
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"SELECT 1;\nCOMMIT;", "TransactionControl 2:1"},
           {"SELECT 1;\nBEGIN;\nSELECT 1;\nCOMMIT;", "TransactionControl 2:1"},
           {"BEGIN;\nSELECT 1;", "TransactionControl 1:1"},
           {"BEGIN;SELECT 1;COMMIT;\nBEGIN;SELECT 1;COMMIT;", "TransactionControl 2:1"},
           {"BEGIN;SELECT 1;COMMIT;\nSELECT 1;", "TransactionControl 2:1"},
           {"BEGIN;\nBEGIN;COMMIT;", "TransactionControl 2:1"},
           {"BEGIN ISOLATION LEVEL SERIALIZABLE;SELECT 1;COMMIT;", "TransactionControl 1:1"},
           {"BEGIN;SELECT 1;\nCOMMIT AND CHAIN;", "TransactionControl 2:1"},
           {"BEGIN;\nCREATE INDEX CONCURRENTLY i ON t (a);COMMIT", "TransactionControl 2:1"},
           {"-- dbm:transaction none\nBEGIN;SELECT 1;\nBEGIN;COMMIT", "TransactionControl 3:1"},
           {"-- dbm:transaction none\nSELECT 1;\nCOMMIT;", "TransactionControl 3:1"},
           {"-- dbm:transaction none\nBEGIN;SELECT 1;COMMIT;\nBEGIN;SELECT 1;", "TransactionControl 3:1"},
           {"-- dbm:transaction none\nBEGIN;\nVACUUM;COMMIT;", "TransactionControl 3:1"},
           {"-- dbm:transaction none\nBEGIN;SELECT 1;\nROLLBACK;", "TransactionControl 3:1"},
           {"-- dbm:transaction script\nVACUUM t", "TransactionControl 2:1"},
           {"ROLLBACK", "TransactionControl 1:1"},
           {"SELECT 1;\nDISCARD ALL", "TransactionControl 2:1"},
           {"SELECT pg_advisory_unlock_all()", "TransactionControl 1:1"},
           {"PREPARE TRANSACTION 'a'", "TransactionControl 1:1"},
       })
    EXPECT_EQ(refusal(text), error) << text;
  for (const char* text : {"BEGIN WORK; SELECT 1; END;",
                           "START TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT 1; COMMIT WORK;",
                           "BEGIN READ WRITE; COMMIT", "SAVEPOINT a; ROLLBACK TO a; RELEASE a"})
    EXPECT_EQ(refusal(text), "") << text;
}

TEST(Analysis, WantsANameForAConcurrentIndex) {
  EXPECT_EQ(refusal("CREATE INDEX CONCURRENTLY ON t (a)"), "MissingName 1:1");
}

TEST(Analysis, KnowsWhatWasMadeHere) {
  EXPECT_EQ(analysed("CREATE TABLE s.t (a int); CREATE INDEX i ON s.t (a); ALTER TABLE s.t ALTER a SET NOT "
                     "NULL; UPDATE s.t SET a = 1")
                .effects,
            kNoEffect);
  EXPECT_NE(analysed("CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX i ON t (a)").effects, kNoEffect);
  EXPECT_NE(analysed("CREATE TABLE t (a int); CREATE INDEX i ON u (a)").effects, kNoEffect);
}

TEST(Analysis, CallsRowsWithoutAWayBackIrreversible) {
  EXPECT_NE(analysed("DELETE FROM t").effects & kIrreversible, 0U);
  EXPECT_EQ(analysed("DELETE FROM t", "INSERT INTO t SELECT * FROM kept").effects & kIrreversible, 0U);
}

TEST(Analysis, LeavesSyntaxToTheServerWithANotice) {
  const Analysis analysis = analysed("INSERT INTO t VALUES (1);\nINSERT INTO t VALUE (2);");

  EXPECT_EQ(analysis.effects, kUnknown);
  ASSERT_EQ(analysis.named.size(), 1U);
  EXPECT_EQ(analysis.named[0].what.syntax_error, "syntax error at or near \"VALUE\"");
  EXPECT_EQ(analysis.named[0].what.syntax_offset, 14);
  ASSERT_EQ(analysis.notices.size(), 1U);
  EXPECT_TRUE(analysis.notices[0].starts_with("0001_test.sql:2:1: DBM717: ")) << analysis.notices[0];
}

// The parser's words repeat the literal, or the whole body, it stopped at.
TEST(Analysis, RepeatsNothingOfAStatementItDoesNotRead) {
  for (const std::string text : {"INSERT INTO w VALUES (1 'canary');", "CREATE ROLE x 'canary'",
                                 "VALUES (1, E'a' $$canary$$)", "ALTER ROLE x PASSWORD canary"}) {
    const auto notices = analysed(text).notices;
    ASSERT_EQ(notices.size(), 1U) << text;
    EXPECT_EQ(
        notices[0],
        "0001_test.sql:1:1: DBM717: the grammar of PostgreSQL 15 does not read this statement: the server "
        "decides");
  }
}

TEST(Analysis, SaysWhenThereIsNothingToRun) {
  EXPECT_EQ(analysed("-- later\n").notices,
            std::vector<std::string>{"0001_test.sql: DBM709: there is nothing to run in it"});
}

// Checksums: these values are kept in ledgers. A change here is a new algorithm with a new name, never an
// edit.
TEST(Checksum, IsFixedForEver) {
  const Analysis analysis = analysed(
      "-- dbm:lock-timeout 1s\nCREATE TABLE \"T\" (a INT DEFAULT 'x' 'y');\nINSERT INTO t VALUES (E'a'\n'b', "
      "1.5, $$;$$);\nCOPY t FROM stdin;\n1\r\n\\.\n");

  EXPECT_EQ(analysis.checksum, "sha256:3a0c5476fbd689846f06765a89336b0a93d3e217beb72d3ce3af2b596ccf8d37");
  EXPECT_EQ(analysis.normalised,
            "dbm1-sha256:39524b727eb6a0dc80cb3b59b8d206561e31d63d2402a8433376280044126450");
  EXPECT_EQ(analysed("").normalised,
            "dbm1-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Checksum, SeesTheMeaningOnly) {
  const auto same = [](const std::string& a, const std::string& b) {
    return analysed(a).normalised == analysed(b).normalised;
  };
  EXPECT_TRUE(same("SELECT 1;", "\xef\xbb\xbfselect  1 -- c\n ;; /* d */"));
  EXPECT_TRUE(same("SELECT 1", "\\echo a\nSELECT\r\n1 \\g"));
  EXPECT_TRUE(same("SELECT 'a\r\nb'", "SELECT 'a\nb'"));
  EXPECT_TRUE(same("SELECT E'a'\n'b'", "SELECT E'a' -- it's\r\n   'b'"));
  EXPECT_TRUE(same("SELECT a=-1", "SELECT a = - 1"));
  EXPECT_TRUE(same("COPY t FROM stdin;\n1\n\\.\n", "COPY t FROM stdin; -- x\r\n1\r\n\\.\r\n"));
  EXPECT_FALSE(same("SELECT 'a'\n'b'", "SELECT 'a''b'"));
  EXPECT_FALSE(same("SELECT 'A'", "SELECT 'a'"));
  EXPECT_FALSE(same("SELECT \"A\"", "SELECT \"a\""));
  EXPECT_FALSE(same("SELECT a b", "SELECT ab"));
  EXPECT_FALSE(same("SELECT a; SELECT b", "SELECT a SELECT b"));
  EXPECT_FALSE(same("SELECT 1", "/*+ Hint */ SELECT 1"));
  EXPECT_FALSE(same("SELECT 1", "-- dbm:lock-timeout 1s\nSELECT 1"));
  EXPECT_FALSE(same("COPY t FROM stdin;\n1\n\\.\n", "COPY t FROM stdin;\n2\n\\.\n"));
}

Analysis refused_inside(const std::string& text) { return *analyse_refused_inside(script_of(text)); }

TEST(RefusedInside, TakesOutWhatTheTextLeavesOpen) {
  const Analysis reindex = refused_inside("CREATE TABLE a (id int);\nREINDEX INDEX i;\nCLUSTER t USING i;\n");

  EXPECT_FALSE(reindex.in_transaction);
  ASSERT_EQ(reindex.named.size(), 3u);
  EXPECT_EQ(reindex.named[0].what.scope, Scope::Transaction);
  EXPECT_EQ(reindex.named[1].what.probe, ProbeKind::Repeatable);
  EXPECT_EQ(reindex.named[2].what.scope, Scope::OutsideOnly);
  // Newer than our grammar: after a crash nobody can tell what it did.
  EXPECT_EQ(refused_inside("ALTER TABLE t FROBNICATE;").named.at(0).what.probe, ProbeKind::Unknown);
}

TEST(RefusedInside, ChangesNothingWhereTheTextIsPlain) {
  EXPECT_TRUE(refused_inside("CREATE TABLE a (id int);\nDO $$ BEGIN PERFORM f(); END $$;\n").in_transaction);
}

TEST(RefusedInside, DoesNotOverruleTheScript) {
  EXPECT_FALSE(analyse_refused_inside(script_of("-- dbm:transaction script\nREINDEX TABLE t;\n")));
  EXPECT_FALSE(analyse_refused_inside(script_of("BEGIN;\nREINDEX TABLE t;\nCOMMIT;\n")));
}

TEST(Appended, IsFoundBehindTheStatementsThatAreAsTheyWere) {
  const std::string old = "SELECT 1;\nCOPY t FROM stdin;\n1\n\\.\n";
  const auto before = *analyse(script_of(old));

  EXPECT_EQ(appended_at(whole(old + "-- more\nSELECT 2;"), 2, before.normalised),
            (Position{"0001_test.sql", 6, 1}));
  EXPECT_EQ(appended_at(whole("SELECT  1 ;\nCOPY t FROM stdin;\n1\n\\.\nSELECT 2;"), 2, before.normalised),
            (Position{"0001_test.sql", 5, 1}));
}

TEST(Appended, IsNotFoundWhereAnythingElseChanged) {
  const std::string old = "SELECT 1;\nSELECT 2;\n";
  const auto before = *analyse(script_of(old));

  for (const std::string now : {"SELECT 1;\nSELECT 3;\nSELECT 4;\n", "SELECT 0;\nSELECT 1;\nSELECT 2;\n",
                                "SELECT 1;\n", "SELECT 1;\nSELECT 2;\n-- more\n", "SELECT 1;\nSELECT 2;\n'"})
    EXPECT_EQ(appended_at(whole(now), 2, before.normalised), std::nullopt) << now;
  EXPECT_EQ(appended_at(whole(old), 0, before.normalised), std::nullopt);
}

TEST(CountsRows, WhereAStatementMayChangeSome) {
  for (const char* text :
       {"INSERT INTO t VALUES (1);", "UPDATE t SET a = 1;", "CREATE TABLE a AS SELECT 1;",
        "DO $$ BEGIN END $$;", "SELECT f();", "COPY t FROM stdin;\n\\.\n", "ALTER TABLE t FROBNICATE;"})
    EXPECT_TRUE(analyse(script_of(text))->counts_rows) << text;
  for (const char* text : {"CREATE TABLE t (id int);", "ALTER TABLE t ADD c int; CREATE VIEW v AS SELECT 1;",
                           "COMMENT ON TABLE t IS 'x';"})
    EXPECT_FALSE(analyse(script_of(text))->counts_rows) << text;
}

}  // namespace
}  // namespace dbm::script
