/// Scripts that are wrong as text: what, where, and nothing is run, not even those before.

#include "refused.h"

namespace dbm::test {
namespace {

struct Case {
  std::string name;
  std::string file;
  std::string text;
  std::string line;
  std::string ledger = "none";
};

class ScriptsRefused : public Refused, public ::testing::WithParamInterface<Case> {};

TEST_P(ScriptsRefused, AsText) {
  world.script(GetParam().file, GetParam().text);
  // A word of docs/scripts.md#refusals names the case; what tells two apart stands behind an underscore.
  const auto word = GetParam().name.substr(0, GetParam().name.find('_'));

  expect_refused(world, {1, "Stalled/SourceInvalid", word, GetParam().line, GetParam().ledger});
}

INSTANTIATE_TEST_SUITE_P(
    Word, ScriptsRefused,
    ::testing::Values(
        Case{"UnversionedFile", "orders.sql", "SELECT 1;",
             "dbm: orders.sql: has no version at its front: must be VERSION_name.sql, such as "
             "0042_add_priority.sql [UnversionedFile]; rename it, or exclude it"},
        Case{"DuplicateVersion", "1_again.sql", "SELECT 1;",
             "dbm: 1_again.sql: has the version of 0001_step.sql (0001 and 1 are the same) "
             "[DuplicateVersion]; give one of them another version"},
        Case{"DuplicateVersion_Written_Alike", "0001_again.sql", "SELECT 1;",
             "dbm: 0001_step.sql: has the version of 0001_again.sql [DuplicateVersion]; give one of them "
             "another version"},
        Case{"RollbackOnly", "0002_b.sql",
             "-- Notes\n\n-- dbm:rollback\n\nALTER TABLE canary ADD note text;\n",
             "dbm: 0002_b.sql:3:1: all statements stand below '-- dbm:rollback', so that nothing of them "
             "would run [RollbackOnly]; put the statements above '-- dbm:rollback', or take that line out"},
        Case{"StrayBom", "0002_b.sql", "SELECT 1;\n\xEF\xBB\xBFSELECT 2;\n",
             "dbm: 0002_b.sql:2:1: a byte order mark (U+FEFF) stands in the middle of the file [StrayBom]; "
             "remove it: it was left there when files were joined"},
        Case{"NotUtf8", "0002_b.sql", "SELECT 1;\nSELECT 'caf\xE9';\n",
             "dbm: 0002_b.sql:2:12: must be UTF-8 text without NUL: no UTF-8 at byte 22 [NotUtf8]; save the "
             "file as UTF-8"},
        Case{"NotUtf8_Nul", "0002_b.sql", std::string("SELECT 1;\nSELECT '\0';\n", 22),
             "dbm: 0002_b.sql:2:9: must be UTF-8 text without NUL: NUL at byte 19 [NotUtf8]; save the file "
             "as UTF-8"},
        Case{"Unterminated_Quote", "0002_b.sql", "SELECT 1;\n  SELECT 'canary-5b1d-row-value;\nSELECT 2;\n",
             "dbm: 0002_b.sql:2:10: the quote that opens here is never closed [Unterminated]; close what was "
             "opened at the place named"},
        Case{"Unterminated_Dollar", "0002_b.sql", "DO $a$\nBEGIN\nEND $b$;\n",
             "dbm: 0002_b.sql:1:4: the text that opens here with $a$ is never closed [Unterminated]; close "
             "what was opened at the place named"},
        Case{"Unterminated_Comment", "0002_b.sql", "SELECT 1;\n/* never /* closed */\nSELECT 2;",
             "dbm: 0002_b.sql:2:1: the comment that opens here is never closed [Unterminated]; close what "
             "was opened at the place named"},
        Case{"Unterminated_Parenthesis", "0002_b.sql", "SELECT 1;\nCREATE TABLE b (\n  id int;\nSELECT 2;\n",
             "dbm: 0002_b.sql:2:16: the parenthesis that opens here is never closed [Unterminated]; close "
             "what was opened at the place named"},
        Case{"Unterminated_Copy", "0002_b.sql", "COPY witness FROM stdin;\na\t1\t2\n",
             "dbm: 0002_b.sql:1:1: the rows of this COPY never end: \\. alone on a line is missing "
             "[Unterminated]; close what was opened at the place named"},
        Case{"CopyNotInline", "0002_b.sql", "COPY witness TO stdout;\n",
             "dbm: 0002_b.sql:1:1: COPY TO stdout has nobody to read it [CopyNotInline]; remove it: a "
             "script's output is not kept"},
        Case{"PsqlCommand_Include", "0002_b.sql", "SELECT 1;\n\\i other.sql\n",
             "dbm: 0002_b.sql:2:1: \\i reads another file [PsqlCommand]; make the other file a script of its "
             "own, or put its text here"},
        Case{"PsqlCommand_Connect", "0002_b.sql", "\\connect other\n",
             "dbm: 0002_b.sql:1:1: \\connect changes the database [PsqlCommand]; one object migrates one "
             "database: write a second DatabaseMigration for the other one"},
        Case{"PsqlCommand_Shell", "0002_b.sql", "SELECT 1;\n\\! rm -rf /\n",
             "dbm: 0002_b.sql:2:1: \\! runs a program [PsqlCommand]; remove it: scripts run SQL only"},
        Case{"TemplateNotSql", "0002_b.sql", "CREATE TABLE {{ .Table }} (id int);\n",
             "dbm: 0002_b.sql:1:14: '{{' is no SQL: a template was not filled in [TemplateNotSql]; give the "
             "rendered file"},
        Case{"UnknownDirective_Word", "0002_b.sql", "-- dbm:transacton none\nSELECT 1;\n",
             "dbm: 0002_b.sql:1:1: dbm:transacton is no directive: do you mean dbm:transaction? "
             "[UnknownDirective]; correct the directive: a misspelt one must not do nothing"},
        Case{"UnknownDirective_Far", "0002_b.sql", "-- dbm:kind repeatable\nSELECT 1;\n",
             "dbm: 0002_b.sql:1:1: dbm:kind is no directive: must be one of transaction, requires, "
             "engine, server, irreversible, drops, lock-timeout, statement-timeout, idempotent, done-when "
             "[UnknownDirective]; correct the directive: a misspelt one must not do nothing"},
        Case{"UnknownDirective_Value", "0002_b.sql", "-- dbm:transaction never\nSELECT 1;\n",
             "dbm: 0002_b.sql:1:1: dbm:transaction must be 'none' or 'script' [UnknownDirective]; correct "
             "the directive: a misspelt one must not do nothing"},
        Case{"UnknownDirective_Place", "0002_b.sql", "SELECT 1;\n-- dbm:transaction none\nSELECT 2;\n",
             "dbm: 0002_b.sql:2:1: dbm:transaction must stand before the first statement of the file "
             "[UnknownDirective]; correct the directive: a misspelt one must not do nothing"},
        Case{"TransactionControl", "0002_b.sql", "SELECT 1;\nCOMMIT;\nSELECT 2;\n",
             "dbm: 0002_b.sql:2:1: COMMIT inside a script: its transaction is ours [TransactionControl]; "
             "remove it, or write BEGIN and COMMIT around the whole file"},
        Case{"TransactionControl_Prepare", "0002_b.sql", "SELECT 1;\n  PREPARE TRANSACTION 'a';\n",
             "dbm: 0002_b.sql:2:3: PREPARE TRANSACTION would end or unlock the transaction that keeps this "
             "script safe [TransactionControl]; remove it"},
        Case{"TransactionControl_Unlock", "0002_b.sql", "SELECT pg_advisory_unlock_all();\n",
             "dbm: 0002_b.sql:1:1: SELECT would end or unlock the transaction that keeps this script safe "
             "[TransactionControl]; remove it"},
        Case{
            "NonStandardStrings", "0002_b.sql", "SET standard_conforming_strings = off;\n",
            "dbm: 0002_b.sql:1:1: standard_conforming_strings must stay on: without it quotes mean something "
            "else [NonStandardStrings]; remove the setting and write E'…' where a backslash is to escape"},
        Case{"MissingDependency", "0002_b.sql", "-- dbm:requires 0007\nSELECT 1;\n",
             "dbm: 0002_b.sql requires 0007, which is neither applied nor pending before it "
             "[MissingDependency]; add the script it requires, or correct the directive"},
        Case{"MissingName", "0002_b.sql", "CREATE INDEX CONCURRENTLY ON witness (version);\n",
             "dbm: 0002_b.sql:1:1: CREATE INDEX CONCURRENTLY must name its index: after a crash an unnamed "
             "one cannot be found again [MissingName]; write CREATE INDEX CONCURRENTLY name ON …"},
        Case{"SyntaxError", "0002_b.sql", "SELECT 1;\n\nCREATE TABLE b (id int,, name text);\n",
             "dbm: 0002_b.sql:3:24: syntax error, says the server (SQLSTATE 42601) [SyntaxError]; correct "
             "the statement at the place named; psql shows the same error",
             "made"},
        Case{"SyntaxError_Word", "0002_b.sql", "SELECT 1;\n  CREAT TABLE b (id int);\n",
             "dbm: 0002_b.sql:2:3: syntax error, says the server (SQLSTATE 42601) [SyntaxError]; correct the "
             "statement at the place named; psql shows the same error",
             "made"}),
    [](const auto& info) { return info.param.name; });

TEST_F(Refused, SyntaxErrorIsToldOnceAndANoticeOncePerFile) {
  world.script("0002_b.sql", "-- later\n");
  world.script("0003_c.sql", "SELECT 1;\nCREAT TABLE c (id int);\n");

  const auto plan = world.run_dbm({"plan", "-f", world.manifest_file()});

  EXPECT_EQ(plan.exit_code, 1);
  EXPECT_EQ(plan.out.find("DBM717"), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("warning: 0002_b.sql: DBM709: there is nothing to run in it\n"), std::string::npos)
      << plan.out;
  EXPECT_NE(plan.err.find("dbm: 0003_c.sql:2:1: syntax error"), std::string::npos) << plan.err;
  const auto apply = world.apply();
  EXPECT_EQ(apply.exit_code, 1);
  EXPECT_EQ(apply.err.find("DBM717"), std::string::npos) << apply.err;
}

TEST_F(Refused, VersionThatStandsTwiceWithAndWithoutZeros) {
  world.script("7_a.sql", "SELECT 1;");
  world.script("007_b.sql", "SELECT 1;");

  expect_refused(world, {1, "Stalled/SourceInvalid", "DuplicateVersion",
                         "dbm: 7_a.sql: has the version of 007_b.sql (007 and 7 are the same) "
                         "[DuplicateVersion]; give one of them another version"});
}

TEST_F(Refused, RollbackWithoutItsScript) {
  std::filesystem::rename(world.folder() / "scripts/0001_step.sql", world.folder() / "scripts/0001_a.up.sql");
  world.script("0002_b.down.sql", "SELECT 1;");

  expect_refused(world, {1, "Stalled/SourceInvalid", "OrphanRollback",
                         "dbm: 0002_b.down.sql: has no .up.sql of the same version and name "
                         "[OrphanRollback]; add the .up.sql file it belongs to, or remove it"});
}

TEST_F(Refused, ScriptForAnotherServer) {
  world.script("0002_b.sql", "-- dbm:server >=99\nSELECT 1;\n");

  expect_refused(world, {1, "Stalled/SourceInvalid", "UnsupportedServer",
                         "dbm: 0002_b.sql is for server >=99, this one is <server> [UnsupportedServer]; run "
                         "it on a server it is for, or take the directive out"});
}

TEST_F(Refused, SyntaxErrorWithLineColumnAndNoneOfTheScriptsBefore) {
  world.script("0002_b.sql", "SELECT 1;\n\nCREATE TABLE b (id int,, name text);\n");

  world.run_dbm(quiet_apply(world));

  EXPECT_EQ(failure_field(world, "script"), "0002_b.sql");
  EXPECT_EQ(failure_field(world, "line"), "3");
  EXPECT_EQ(failure_field(world, "column"), "24");
  EXPECT_EQ(world.witness(), std::vector<std::string>{});
}

TEST_F(Refused, CommitInAProcedure) {
  world.script(
      "0002_b.sql",
      "CREATE PROCEDURE quick() LANGUAGE plpgsql AS $$ BEGIN UPDATE canary SET v = 0; COMMIT; END $$;\n"
      "CALL quick();\n");
  world.manifest.dry_run = "{mode: Disabled}";

  const auto finished = world.run_dbm(quiet_apply(world));

  expect_answer(world, finished,
                {1, "Stalled/ApplyFailed", "StatementFailed",
                 "dbm: 0002_b.sql:2:1: a transaction may not end here (2D000) [StatementFailed]; take COMMIT "
                 "and ROLLBACK out of the procedure, or run it with '-- dbm:transaction none'"});
  EXPECT_EQ(world.canary(), canary_after(1));
  EXPECT_EQ(world.applied_versions(), std::vector<std::string>{"0001"});
}

TEST_F(Refused, CommitByExecute) {
  world.script("0002_b.sql", "UPDATE canary SET v = 0;\nDO $$ BEGIN EXECUTE 'COM' || 'MIT'; END $$;\n");
  world.manifest.dry_run = "{mode: Disabled}";

  const auto finished = world.run_dbm(quiet_apply(world));

  expect_answer(world, finished,
                {1, "Stalled/ApplyFailed", "StatementFailed",
                 "dbm: 0002_b.sql:2:1: the server does not support this here (0A000) [StatementFailed]; this "
                 "server cannot do that: write it another way (COMMIT and ROLLBACK are not for EXECUTE)"});
  EXPECT_EQ(world.canary(), canary_after(1));
}

}  // namespace
}  // namespace dbm::test
