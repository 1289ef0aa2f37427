#include "support.h"

namespace dbm::script {
namespace {

Analysis analysed(const std::string& text, const std::string& rollback = "") {
  const auto analysis = analyse(script_of(text, rollback));
  EXPECT_TRUE(analysis) << analysis.error().message;
  return analysis ? *analysis : Analysis{};
}

TEST(Directives, BeforeTheFirstStatementAreTheScripts) {
  const Analysis analysis = analysed(
      "-- A header.\n-- dbm:transaction none\n--dbm:requires 0041, add_priority 0042\n-- dbm:engine "
      "postgresql\n-- dbm:server >=14, <18\n"
      "-- dbm:lock-timeout 1s500ms\n-- dbm:statement-timeout 1m\n-- dbm:idempotent yes\n-- dbm:irreversible "
      "the rows are gone\n"
      "-- dbm:drops index idx_cards_pack_rarity, NOT NULL cards.rarity\n-- dbm:drops grant cards\nSELECT 1;");

  EXPECT_EQ(analysis.directives.transaction, TransactionMode::None);
  EXPECT_EQ(analysis.directives.requires_versions,
            (std::vector<std::string>{"0041", "add_priority", "0042"}));
  EXPECT_EQ(analysis.directives.engine, "PostgreSQL");
  EXPECT_EQ(analysis.directives.server, ">=14, <18");
  EXPECT_EQ(analysis.directives.lock_timeout, Milliseconds{1500});
  EXPECT_EQ(analysis.directives.statement_timeout, Milliseconds{60'000});
  EXPECT_TRUE(analysis.directives.idempotent);
  EXPECT_EQ(analysis.directives.irreversible, "the rows are gone");
  EXPECT_EQ(analysis.directives.drops, (std::vector<std::string>{"index idx_cards_pack_rarity",
                                                                 "not null cards.rarity", "grant cards"}));
  EXPECT_EQ(analysis.effects, kIrreversible);
}

TEST(Directives, BeforeAStatementAreTheStatements) {
  auto reader =
      StatementReader::open(whole("-- dbm:done-when SELECT true;\nCALL a();\n-- dbm:lock-timeout 10ms\n-- "
                                  "dbm:statement-timeout 2s\n-- dbm:idempotent yes\n"
                                  "-- dbm:done-when SELECT count(*) = 1 FROM t\nCALL b();\nCALL c();"));
  ASSERT_TRUE(reader);

  const StatementDirectives first = (**reader->next()).directives;
  EXPECT_EQ(first.done_when, "SELECT true");
  const StatementDirectives second = (**reader->next()).directives;
  EXPECT_EQ(second.lock_timeout, Milliseconds{10});
  EXPECT_EQ(second.statement_timeout, Milliseconds{2000});
  EXPECT_TRUE(second.idempotent);
  EXPECT_EQ(second.done_when, "SELECT count(*) = 1 FROM t");
  const StatementDirectives third = (**reader->next()).directives;
  EXPECT_EQ(third.done_when, "");
  EXPECT_FALSE(third.lock_timeout);
}

TEST(Directives, InLiteralsAndRowsAreNone) {
  EXPECT_EQ(refusal("SELECT '\n-- dbm:nonsense\n'; SELECT $$\n-- dbm:nonsense\n$$; /*\n-- "
                    "dbm:nonsense\n*/\nCOPY t FROM stdin;\n-- dbm:nonsense\n\\.\n"),
            "");
}

TEST(Directives, ThatWouldDoNothingAreRefused) {
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"-- dbm:transacton none\nSELECT 1", "1:1"},
           {"SELECT 1;\n  -- dbm:lock_timeout 1s\nSELECT 1", "2:3"},
           {"-- dbm:kind repeatable\nSELECT 1", "1:1"},
           {"-- dbm:ignore DBM101\nSELECT 1", "1:1"},
           {"-- dbm:batch\nSELECT 1", "1:1"},
           {"-- dbm:rollback\nSELECT 1", "1:1"},
           {"-- dbm:\nSELECT 1", "1:1"},
           {"-- dbm:Transaction none\nSELECT 1", "1:1"},
           {"-- dbm:transaction off\nSELECT 1", "1:1"},
           {"-- dbm:transaction\nSELECT 1", "1:1"},
           {"-- dbm:requires\nSELECT 1", "1:1"},
           {"-- dbm:engine Oracle\nSELECT 1", "1:1"},
           {"-- dbm:server 14\nSELECT 1", "1:1"},
           {"-- dbm:server >=x\nSELECT 1", "1:1"},
           {"-- dbm:lock-timeout 0s\nSELECT 1", "1:1"},
           {"-- dbm:lock-timeout soon\nSELECT 1", "1:1"},
           {"-- dbm:statement-timeout 5\nSELECT 1", "1:1"},
           {"-- dbm:idempotent true\nSELECT 1", "1:1"},
           {"-- dbm:done-when true\nSELECT 1", "1:1"},
           {"-- dbm:done-when SELECT 1; DROP TABLE t\nSELECT 1", "1:1"},
           {"-- dbm:irreversible\nSELECT 1", "1:1"},
           {"-- dbm:drops\nSELECT 1", "1:1"},
           {"-- dbm:drops idx\nSELECT 1", "1:1"},
           {"-- dbm:transaction none\n-- dbm:transaction script\nSELECT 1", "2:1"},
           {"SELECT 1;\n-- dbm:transaction none\nSELECT 1", "2:1"},
           {"SELECT 1;\n-- dbm:drops index i\nDROP INDEX i", "2:1"},
           {"SELECT 1\n-- dbm:lock-timeout 1s\n, 2", "2:1"},
           {"SELECT 1; -- dbm:lock-timeout 1s\nSELECT 2", "1:11"},
           {"SELECT 1;\n-- dbm:lock-timeout 1s\n", "2:1"},
           {"-- dbm:done-when SELECT true\n", "1:1"},
       })
    EXPECT_EQ(refusal(text), "UnknownDirective " + error) << text;
}

TEST(Directives, AreRefusedWithoutTheirValue) {
  for (const std::string word : {"transaction", "engine", "server", "lock-timeout", "statement-timeout",
                                 "idempotent", "done-when", "drops"}) {
    const auto analysis = analyse(script_of("-- dbm:" + word + " canary\nSELECT 1"));
    ASSERT_FALSE(analysis) << word;
    EXPECT_EQ(analysis.error().message.find("canary"), std::string::npos) << analysis.error().message;
  }
}

TEST(Directives, OfAFileWithoutStatementsAreStillTheFiles) {
  EXPECT_EQ(analysed("-- dbm:irreversible nothing was done\n").directives.irreversible, "nothing was done");
}

TEST(ServerRule, ComparesVersions) {
  for (const char* yes : {"", ">=14", ">= 15", "=15", "<16", ">14", "<=15", ">=15.2", ">15.4", ">=14, <16"})
    EXPECT_TRUE(server_matches(yes, 150018)) << yes;
  for (const char* no : {">=16", "=14", "<15", ">15", ">=15.19", ">=14 <15", ">=14, <15"})
    EXPECT_FALSE(server_matches(no, 150018)) << no;
}

}  // namespace
}  // namespace dbm::script
