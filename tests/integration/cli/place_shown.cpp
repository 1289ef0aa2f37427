/// Below an error in a script stands the line it is in, with a caret, and no value.

#include "refused.h"

namespace dbm::test {
namespace {

struct Case {
  std::string name;
  std::string text;
  std::string shown;  ///< behind the one line that says what is wrong
};

class PlaceShown : public Refused, public ::testing::WithParamInterface<Case> {};

std::string behind_the_line(const std::string& err) {
  const auto begin = err.find("dbm: 0002_b.sql:");
  const auto end = begin == std::string::npos ? begin : err.find('\n', begin);
  return end == std::string::npos ? "no such line in " + err : err.substr(end + 1);
}

TEST_P(PlaceShown, ByPlanAndApply) {
  world.script("0002_b.sql", GetParam().text);

  EXPECT_EQ(behind_the_line(world.run_dbm({"plan", "-f", world.manifest_file()}).err), GetParam().shown);
  EXPECT_EQ(behind_the_line(world.apply().err), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    Script, PlaceShown,
    ::testing::Values(
        Case{"SyntaxError",
             "SELECT 1;\nCREATE TABLE b (id bigint PRIMARY KEYY, note text DEFAULT "
             "'canary-5b1d-row-value');\n",
             "  2 | CREATE TABLE … (… bigint PRIMARY …, … … … '…');\n"
             "    |                                  ^\n"},
        Case{"SyntaxErrorBehindWideCharacters", "CREATE TABLE 注文 (größe\tint NUL);\n",
             "  1 | CREATE TABLE … (… int …);\n"
             "    |                       ^\n"},
        Case{"PsqlCommand", "SELECT 1;\n\\connect other\n", ""},
        Case{"Template", "CREATE TABLE {{ .Orders }} (id int);\n", ""},
        Case{"RowsOfACopyWithoutItsSemicolon", "COPY b FROM stdin\n1\tcanary-5b1d-row-value\t\\N\n\\.\n", ""},
        Case{"PasswordWithoutQuotes", "ALTER ROLE app PASSWORD canary;\n",
             "  1 | ALTER ROLE … … …;\n"
             "    |                ^\n"},
        Case{"Unterminated", "SELECT 1;\n  SELECT 'canary-5b1d-row-value;\nSELECT 2;\n",
             "  2 |   … '…\n"
             "    |     ^\n"},
        Case{"CommitInside", "CREATE TABLE b (id int);\nINSERT INTO b VALUES (17); COMMIT;\nSELECT 1;\n",
             "  2 | INSERT INTO … VALUES (…); COMMIT;\n"
             "    |                           ^\n"}),
    [](const auto& info) { return info.param.name; });

// What reads one line reads one line.
TEST_F(Refused, ShowsNoLineOfTheScriptToWhoAskedForQuiet) {
  world.script("0002_b.sql", "DROP TABEL b;\n");

  EXPECT_EQ(behind_the_line(world.run_dbm(quiet_apply(world)).err), "");
}

// A statement that only the database can refuse.
TEST_F(Refused, ShowsTheLineOfAStatementThatFailed) {
  world.script("0002_b.sql",
               "CREATE TABLE b (id int);\nINSERT INTO b (id, nam) VALUES (1, 'canary-5b1d-row-value');\n");

  const auto finished = world.apply();

  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(behind_the_line(finished.err),
            "  2 | INSERT INTO … (…, …) … (…, '…');\n"
            "    |                   ^\n");
}

}  // namespace
}  // namespace dbm::test
