/// The table of docs/scripts.md#splitting, row by row.

#include "support.h"

namespace dbm::script {
namespace {

using Statements = std::vector<std::string>;

struct Case {
  const char* name;
  std::string text;
  Statements statements;
};

class Splits : public testing::TestWithParam<Case> {};

TEST_P(Splits, IntoTheseStatements) {
  const Cut result = cut(whole(GetParam().text));

  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.statements, GetParam().statements);
}

const std::string kBom = "\xef\xbb\xbf";

INSTANTIATE_TEST_SUITE_P(
    Text, Splits,
    testing::Values(Case{"BomAtTheStart", kBom + "SELECT 1;", {"SELECT 1"}},
                    Case{"BomInALiteral", "SELECT '" + kBom + "';", {"SELECT '" + kBom + "'"}},
                    Case{"BomInAComment", "-- " + kBom + "\nSELECT 1", {"SELECT 1"}},
                    Case{"NoSemicolonAtTheEnd", "SELECT 1; SELECT 2", {"SELECT 1", "SELECT 2"}},
                    Case{"OnlyBlanksAndComments", " ;; -- a\n;/* b */ ; ", {}}, Case{"Empty", "", {}},
                    Case{"CrEndsAComment", "-- a\rSELECT 1;", {"SELECT 1"}},
                    Case{"CrLf", "-- a\r\nSELECT\r\n1;\r\n", {"SELECT\r\n1"}},
                    Case{"NoBreakSpaceIsALetter", "SELECT a\u00a0;", {"SELECT a\u00a0"}},
                    Case{"FormFeedIsABlank", "\fSELECT 1\f;", {"SELECT 1"}},
                    Case{"CommentAfterOperator", "SELECT 1--2;\n;", {"SELECT 1"}},
                    Case{"CommentInsideOperator", "SELECT 1+/* ; */2;", {"SELECT 1+/* ; */2"}},
                    Case{"NestedComments", "/* a /* ; */ b; */ SELECT 1;", {"SELECT 1"}},
                    Case{"NoNestingInLineComment", "-- /* \nSELECT 1;", {"SELECT 1"}},
                    Case{"LeadingCommentsGo", "-- a\n/* b */ SELECT 1 -- c\n;", {"SELECT 1"}},
                    Case{
                        "HintsStay", "/* a */ /*+ SeqScan(t) */ SELECT 1;", {"/*+ SeqScan(t) */ SELECT 1"}}));

INSTANTIATE_TEST_SUITE_P(
    Literals, Splits,
    testing::Values(
        Case{"DoubledQuote", "SELECT 'a'';b';", {"SELECT 'a'';b'"}},
        Case{"BackslashIsPlain", "SELECT 'a\\'; SELECT 2", {"SELECT 'a\\'", "SELECT 2"}},
        Case{"EscapeString", "SELECT E'a\\';b';", {"SELECT E'a\\';b'"}},
        Case{"EscapeOnlyWhereATokenStarts", "SELECT xe'a\\'; SELECT 2", {"SELECT xe'a\\'", "SELECT 2"}},
        Case{"EscapedBackslash", "SELECT e'\\\\'; SELECT 2", {"SELECT e'\\\\'", "SELECT 2"}},
        Case{"NationalBitAndUnicode",
             "SELECT N'\\', B'1', X'1F', U&'\\0441' UESCAPE '!';",
             {"SELECT N'\\', B'1', X'1F', U&'\\0441' UESCAPE '!'"}},
        Case{"UnicodeName", "SELECT U&\"a;\\\"; SELECT 2", {"SELECT U&\"a;\\\"", "SELECT 2"}},
        Case{"Continued", "SELECT E'a'\n'b\\'c;';", {"SELECT E'a'\n'b\\'c;'"}},
        Case{
            "ContinuedPastAComment", "SELECT E'a' -- it's\n  'b\\';c';", {"SELECT E'a' -- it's\n  'b\\';c'"}},
        Case{"NotContinuedOnTheSameLine", "SELECT E'a' 'b\\'; SELECT 2", {"SELECT E'a' 'b\\'", "SELECT 2"}},
        Case{"NotContinuedPastABlockComment",
             "SELECT E'a' /*\n*/ 'b\\'; SELECT 2",
             {"SELECT E'a' /*\n*/ 'b\\'", "SELECT 2"}},
        Case{"QuotedName", "SELECT \"a\"\";b\";", {"SELECT \"a\"\";b\""}},
        Case{"DollarQuotes", "SELECT $$;'$$, $a$ $$;$b$ $a$;", {"SELECT $$;'$$, $a$ $$;$b$ $a$"}},
        Case{"DollarInAName", "SELECT foo$$bar; SELECT 1$$;$$", {"SELECT foo$$bar", "SELECT 1$$;$$"}},
        Case{"TagsHaveCase", "SELECT $A$ $a$;$A$;", {"SELECT $A$ $a$;$A$"}},
        Case{"Parameters", "SELECT $1; SELECT $2$", {"SELECT $1", "SELECT $2$"}},
        Case{"UnicodeTag", "SELECT $\u00e9$;$\u00e9$;", {"SELECT $\u00e9$;$\u00e9$"}}));

INSTANTIATE_TEST_SUITE_P(
    Ends, Splits,
    testing::Values(
        Case{"Parentheses",
             "CREATE RULE r AS ON DELETE TO t DO ALSO (DELETE FROM a; DELETE FROM b); SELECT 1",
             {"CREATE RULE r AS ON DELETE TO t DO ALSO (DELETE FROM a; DELETE FROM b)", "SELECT 1"}},
        Case{"BeginAtomic",
             "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; "
             "SELECT 3",
             {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
              "SELECT 3"}},
        Case{"BeginAtomicProcedure",
             "create or replace procedure p() begin atomic select 1; end; SELECT 3",
             {"create or replace procedure p() begin atomic select 1; end", "SELECT 3"}},
        Case{"BeginIsNoBodyElsewhere", "BEGIN; SELECT 1; END;", {"BEGIN", "SELECT 1", "END"}},
        Case{"CaseOutsideABody",
             "SELECT CASE WHEN a THEN 1 END; SELECT 2",
             {"SELECT CASE WHEN a THEN 1 END", "SELECT 2"}},
        Case{"BareG", "SELECT 1 \\g\nSELECT 2\\g", {"SELECT 1", "SELECT 2"}},
        Case{"SkippedPsqlLines",
             "\\restrict abc\n\\set ON_ERROR_STOP on\n\\set ECHO all\n\\echo it's ; fine\n\\timing \\pset "
             "pager off\n\\encoding UTF8\n\\a\n\\t\n\\x\n\\unrestrict abc\nSELECT 1;",
             {"SELECT 1"}},
        Case{"SqlBehindADoubleBackslash", "\\timing on \\\\ SELECT 1;", {"SELECT 1"}}));

struct Bad {
  const char* name;
  std::string text;
  std::string error;
};

class Refuses : public testing::TestWithParam<Bad> {};

TEST_P(Refuses, WithWordAndPlace) { EXPECT_EQ(cut(whole(GetParam().text)).error, GetParam().error); }

INSTANTIATE_TEST_SUITE_P(
    Text, Refuses,
    testing::Values(
        Bad{"BomInTheMiddle", "SELECT 1;\n" + kBom + "SELECT 2;", "StrayBom 2:1"},
        Bad{"Nul", std::string("SELECT 1;\n a\0b", 14), "NotUtf8 2:3"},
        Bad{"Latin1", "SELECT '\n\xe9t\xe9';", "NotUtf8 2:1"},
        Bad{"CutCharacter", "SELECT '\xc3", "NotUtf8 1:9"}, Bad{"Surrogate", "\xed\xa0\x80", "NotUtf8 1:1"},
        Bad{"Overlong", "-- \xc0\xaf", "NotUtf8 1:4"},
        Bad{"OpenQuote", "SELECT 1;\nSELECT 'a;\nSELECT 2;", "Unterminated 2:8"},
        Bad{"OpenEscape", "SELECT E'a\\';", "Unterminated 1:8"},
        Bad{"OpenContinuation", "SELECT 'a'\n'b", "Unterminated 1:8"},
        Bad{"OpenName", "SELECT \"a", "Unterminated 1:8"},
        Bad{"OpenDollar", "SELECT $x$ $y$", "Unterminated 1:8"},
        Bad{"OpenComment", "SELECT 1;\n/* /* */", "Unterminated 2:1"},
        Bad{"OpenParenthesis", "CREATE TABLE a (b int;\nSELECT (1);", "Unterminated 1:16"},
        Bad{"OpenBegin", "CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC SELECT 1;", "Unterminated 2:1"},
        Bad{"Template", "CREATE TABLE {{ .name }} (a int);", "TemplateNotSql 1:14"},
        Bad{"Merge", "SELECT 1;\n<<<<<<< HEAD\nSELECT 2;", "MergeConflict 2:1"},
        Bad{"MergeMiddle", "SELECT 1\n=======\n;", "MergeConflict 2:1"},
        Bad{"SettingOff", "SELECT 1;\nSET standard_conforming_strings = off;", "NonStandardStrings 2:1"},
        Bad{"SettingOffLocally", "SET LOCAL standard_conforming_strings TO 'off';", "NonStandardStrings 1:1"},
        Bad{"SettingOffByFunction", "SELECT set_config('standard_conforming_strings', 'off', false);",
            "NonStandardStrings 1:1"}));

INSTANTIATE_TEST_SUITE_P(
    Psql, Refuses,
    testing::Values(
        Bad{"Connect", "\\connect other", "PsqlCommand 1:1"},
        Bad{"C", "SELECT 1;\n  \\c other", "PsqlCommand 2:3"}, Bad{"Include", "\\i a.sql", "PsqlCommand 1:1"},
        Bad{"Relative", "\\ir a.sql", "PsqlCommand 1:1"}, Bad{"Copy", "\\copy t from 'a'", "PsqlCommand 1:1"},
        Bad{"Shell", "\\! rm -rf /", "PsqlCommand 1:1"}, Bad{"Set", "\\set name value", "PsqlCommand 1:1"},
        Bad{"StopOff", "\\set ON_ERROR_STOP off", "PsqlCommand 1:1"},
        Bad{"Autocommit", "\\set AUTOCOMMIT off", "PsqlCommand 1:1"},
        Bad{"Getenv", "\\getenv a b", "PsqlCommand 1:1"}, Bad{"Gset", "SELECT 1 \\gset", "PsqlCommand 1:10"},
        Bad{"Gexec", "SELECT 1 \\gexec", "PsqlCommand 1:10"},
        Bad{"GWithFile", "SELECT 1 \\g out", "PsqlCommand 1:10"}, Bad{"GAlone", "\\g", "PsqlCommand 1:1"},
        Bad{"Watch", "SELECT 1 \\watch", "PsqlCommand 1:10"},
        Bad{"Semicolon", "SELECT 1 \\; SELECT 2", "PsqlCommand 1:10"},
        Bad{"If", "\\if true", "PsqlCommand 1:1"}, Bad{"Out", "\\o f", "PsqlCommand 1:1"},
        Bad{"Cd", "\\cd /", "PsqlCommand 1:1"}, Bad{"Encoding", "\\encoding LATIN1", "PsqlCommand 1:1"},
        Bad{"Other", "\\frobnicate", "PsqlCommand 1:1"},
        Bad{"EndOfNoRows", "SELECT 1;\n\\.", "PsqlCommand 2:1"},
        Bad{"InsideAStatement", "SELECT 1\n\\echo a\n;", "PsqlCommand 2:1"},
        Bad{"BehindASkippedOne", "\\a \\! ls", "PsqlCommand 1:4"},
        Bad{"BackslashInSql", "SELECT a \\ b;", "PsqlCommand 1:10"}));

INSTANTIATE_TEST_SUITE_P(
    Copy, Refuses,
    testing::Values(Bad{"NoEnd", "SELECT 1;\nCOPY t FROM stdin;\n1\n", "Unterminated 2:1"},
                    Bad{"NoRows", "COPY t FROM stdin", "Unterminated 1:1"},
                    Bad{"Binary", "COPY t FROM stdin (FORMAT binary);\n\\.\n", "CopyNotInline 1:1"},
                    Bad{"BinaryQuoted", "COPY t FROM stdin WITH (FORMAT 'binary');\n\\.\n",
                        "CopyNotInline 1:1"},
                    Bad{"BinaryOld", "COPY BINARY t FROM stdin;\n\\.\n", "CopyNotInline 1:1"},
                    Bad{"ToStdout", "COPY t TO stdout;", "CopyNotInline 1:1"},
                    Bad{"QueryToStdout", "COPY (SELECT 1 FROM a) TO STDOUT;", "CopyNotInline 1:1"},
                    Bad{"SqlBehindIt", "COPY t FROM stdin; SELECT 1;\n1\n\\.\n", "CopyNotInline 1:19"}));

TEST(Copy, StreamsRowsUpToTheEndMark) {
  const Cut result =
      cut(whole("COPY t (a) FROM stdin; -- rows\n1\tit's\n\\N\n\\.x\n;\n\\.\nSELECT 1;\nCOPY t FROM STDIN "
                "(FORMAT csv);\r\n\"a;\"\r\n\\.\r\nCOPY t FROM stdin;\n\\."));

  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.statements, (Statements{"COPY t (a) FROM stdin", "SELECT 1",
                                           "COPY t FROM STDIN (FORMAT csv)", "COPY t FROM stdin"}));
  EXPECT_EQ(result.rows, (Statements{"1\tit's\n\\N\n\\.x\n;\n", "\"a;\"\r\n", ""}));
}

TEST(Copy, OfServerFilesHasNoRows) {
  EXPECT_EQ(cut(whole("COPY t FROM '/tmp/a'; COPY t TO PROGRAM 'x'; SELECT 1")).statements.size(), 3U);
}

TEST(Copy, LeavesUnreadRowsBehind) {
  auto reader = StatementReader::open(whole("COPY t FROM stdin;\n1\n2\n\\.\nSELECT 1;"));
  ASSERT_TRUE(reader);

  EXPECT_TRUE((**reader->next()).copy_from_stdin);
  EXPECT_EQ((**reader->next()).text, "SELECT 1");
  EXPECT_EQ(*reader->next(), nullptr);
}

TEST(Positions, CountLinesOfEveryKindAndBytes) {
  const Cut result =
      cut(whole("\xef\xbb\xbfSELECT 1;\r\n  SELECT\r2;\rSELECT 3; /* \u00e9 */ SELECT 4;\n\nSELECT 5"));

  EXPECT_EQ(result.at, (Statements{"1:4", "2:3", "4:1", "4:20", "6:1"}));
}

TEST(PsqlLines, SayWhatToDoInstead) {
  const auto analysis = analyse(script_of("\\copy t from 'a.csv'"));

  ASSERT_FALSE(analysis);
  EXPECT_EQ(analysis.error().message, "\\copy reads a file beside psql");
  EXPECT_EQ(analysis.error().remedy,
            "put the rows into the script: COPY … FROM stdin; rows; and \\. on a line alone");
}

}  // namespace
}  // namespace dbm::script
