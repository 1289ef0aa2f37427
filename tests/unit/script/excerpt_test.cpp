/// The line below an error: the caret stands where it must, and no value is in it.

#include "script/excerpt.h"
#include "script/display.h"
#include "support.h"

namespace dbm::script {
namespace {

std::string shown(const std::string& text, int line, int column) {
  return excerpt(whole(text), {"0001_test.sql", line, column}).value_or("nothing");
}

TEST(Excerpt, PointsAtThePlace) {
  EXPECT_EQ(shown("CREATE TABLE t (id bigint PRIMARY KEYY);\n", 1, 35),
            "  1 | CREATE TABLE … (… bigint PRIMARY …);\n"
            "    |                                  ^\n");
  EXPECT_EQ(shown("SELECT 1;\n\n  ALTER TABEL t;", 3, 9),
            "  3 |   ALTER TABEL …;\n"
            "    |         ^\n");
}

TEST(Excerpt, IsOfTheSameLineWhateverEndsLines) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const std::string text = std::string("SELECT 1;") + end + end + "DROP TABEL a;" + end + "SELECT 2;" + end;
    EXPECT_EQ(shown(text, 3, 6), "  3 | DROP TABEL …;\n    |      ^\n") << (end[0] == '\r');
  }
}

TEST(Excerpt, ReadsABomAsNothing) {
  EXPECT_EQ(shown("\xef\xbb\xbf"
                  "DROP TABEL a;",
                  1, 9),
            "  1 | DROP TABEL …;\n    |      ^\n");
}

TEST(Excerpt, CountsColumnsOfATerminal) {
  EXPECT_EQ(shown("\tALTER\tTABLE größe RENAMED;", 1, 22),
            "  1 |  ALTER TABLE … …;\n"
            "    |                ^\n");
  EXPECT_EQ(shown("DROP TABLE 注文 CASCADED", 1, 19),
            "  1 | DROP TABLE … …\n"
            "    |              ^\n");
}

TEST(Excerpt, MasksEveryValue) {
  EXPECT_EQ(shown("INSERT INTO seats VALUES (17, 'Ann', E'x\\'y', $$z$$, -1.5, 0x1F) RETURNIN id", 1, 66),
            "  1 | INSERT INTO … VALUES (…, '…', '…', $$…$$, …, …) … …\n"
            "    |                                                 ^\n");
  EXPECT_EQ(shown("DROP TABLE a -- of Ann\n, /* Bob */ b c;", 1, 14),
            "  1 | DROP TABLE … --…\n    |              ^\n");
  EXPECT_EQ(shown("DROP TABLE a -- of Ann\n, /* Bob */ b c;", 2, 15),
            "  2 | , /*…*/ … …;\n    |           ^\n");
}

TEST(Excerpt, PutsTheCaretBeforeAMaskedValue) {
  EXPECT_EQ(shown("UPDATE t SET a = 'some long value' WHERE b", 1, 24),
            "  1 | UPDATE … SET … … '…' … …\n"
            "    |                  ^\n");
}

// A quote forgotten turns values into words: the server stops at one.
TEST(Excerpt, ShowsNoWordThatMayBeAValue) {
  for (const std::string text : {"INSERT INTO t VALUES (1, canary)",
                                 "INSERT INTO t VALUES ('it's canary')",
                                 "UPDATE t SET a = canary b",
                                 "SELECT 1 FROM t WHERE a IN (canary b)",
                                 "ALTER TABLE t ALTER a SET DEFAULT canary b",
                                 "COMMENT ON TABLE t IS canary",
                                 "canary is what stands here",
                                 "INSERT INTO t VALUES (\"canary\" b)",
                                 "\\copy t from canary.csv",
                                 "SELECT {{ canary }}",
                                 "ALTER ROLE app PASSWORD canary;",
                                 "ALTER ROLE app ENCRYPTED PASSWORD \"canary\"",
                                 "ALTER USER MAPPING FOR app OPTIONS (user b, password canary)",
                                 "COMMENT ON TABLE w canary",
                                 "SELECT $1 canary FROM t",
                                 "SELECT a.canary",
                                 "CALL p(canary)",
                                 "SELECT canary-canary:canary[canary]",
                                 "SET a.b = canary",
                                 "SELECT 'a'\n'canary';",
                                 "SELECT 'it's; INSERT canary here",
                                 "DO $$ canary",
                                 "/* canary",
                                 "SELECT \"canary"})
    for (int line = 1; line <= 2; ++line)
      for (int column = 1; column < 40; ++column)
        EXPECT_EQ(shown(text, line, column).find("canary"), std::string::npos) << text;
}

TEST(Excerpt, ShowsALiteralsLaterLinesMasked) {
  EXPECT_EQ(shown("SELECT 'one\ntwo', b c d;\n", 2, 7), "  2 | '…', … … …;\n    |      ^\n");
}

TEST(Excerpt, ShowsNoRowsOfACopy) {
  const std::string text = "COPY t FROM stdin;\ncanary\t1\n\\.\nDROP TABEL t;\n";

  EXPECT_EQ(shown(text, 2, 1), "nothing");
  EXPECT_EQ(shown(text, 4, 6), "  4 | DROP TABEL …;\n    |      ^\n");
}

// Without its semicolon, or misspelt, a COPY has no rows, and they read as statements.
TEST(Excerpt, ShowsNothingWhereTheRowsOfACopyMayStand) {
  for (const std::string text :
       {"COPY w FROM stdin\n1\tselect\t\\N\n\\.\n", "COPY w FROM stdin WITH (FORMAT csv)\n1,select\n\\.\n",
        "COPY w FROM stdin\nselect {{x}}\n\\.\n", "COPY w FROM STDN;\nselect 1\n\\.\n",
        "COPPY w FROM stdin;\nselect 1\n\\.\n", "COPY w FROM stdin\n1;select;3\n4;select\n"})
    for (int line = 2; line <= 3; ++line)
      for (int column = 1; column < 20; ++column) EXPECT_EQ(shown(text, line, column), "nothing") << text;
}

// SQL's own words are values, too, once quotes are missing.
TEST(Excerpt, ShowsNoWordOfSqlWhereAValueMayStand) {
  for (const std::string text :
       {"ALTER ROLE app PASSWORD select", "CREATE USER app select", "COMMENT ON TABLE w select",
        "UPDATE t SET a = select", "INSERT INTO t VALUES (1, select)", "1\tselect", "a,select",
        "'it's select", "OPTIONS (password select)", "CALL p(select)", "SELECT 'a'; select"})
    EXPECT_EQ(shown(text, 1, 1).find("select"), std::string::npos) << shown(text, 1, 1);
}

TEST(Excerpt, ShowsTheFirstWordsOfAStatementWithASlip) {
  EXPECT_EQ(shown("CREAT TABLE t", 1, 1), "  1 | CREAT TABLE …\n    | ^\n");
  EXPECT_EQ(shown("ALTER TABL t", 1, 7), "  1 | ALTER TABL …\n    |       ^\n");
  EXPECT_EQ(shown("ALTER TABLE tabl", 1, 13), "  1 | ALTER TABLE …\n    |             ^\n");
  EXPECT_EQ(shown("SELECT tabl", 1, 8), "  1 | SELECT …\n    |        ^\n");
}

TEST(Excerpt, ShowsNoPsqlCommandAndNoTemplate) {
  EXPECT_EQ(shown("SELECT 1;\n\\connect other\n", 2, 1), "nothing");
  EXPECT_EQ(shown("DROP TABLE {{ .Orders }}", 1, 12), "nothing");
}

TEST(Excerpt, SaysNothingOfAPlaceThatIsNotThere) {
  EXPECT_EQ(shown("SELECT 1;", 2, 1), "nothing");
  EXPECT_EQ(shown("SELECT 1;", 1, 11), "nothing");
  EXPECT_EQ(shown("SELECT 1;", 0, 0), "nothing");
  EXPECT_EQ(shown("SELECT 'caf\xe9';", 1, 8), "nothing");
  EXPECT_EQ(shown("SELECT 1;", 1, 10), "  1 | SELECT …;\n    |          ^\n");
}

TEST(Excerpt, HidesWhatATerminalWouldObey) { EXPECT_EQ(showable("a\x1b[31mb\tc\u202e"), "a [31mb c?"); }

TEST(Excerpt, CutsALongLineAroundThePlace) {
  const std::string names(300, 'n');
  const auto [line, caret] = cut_around(names + "!" + names, 300, 60, 100);

  EXPECT_EQ(shown_columns(line), 101u);
  EXPECT_TRUE(line.starts_with("…n")) << line;
  EXPECT_TRUE(line.ends_with("n…")) << line;
  EXPECT_EQ(showable(line).substr(caret + 2, 1), "!");  // "…" has three bytes and one column
}

}  // namespace
}  // namespace dbm::script
