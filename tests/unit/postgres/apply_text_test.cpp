#include <gtest/gtest.h>

#include "postgres/index_statement.h"
#include "postgres/probe.h"
#include "postgres/script_position.h"
#include "postgres/statement_limits.h"
#include "postgres/transaction.h"

namespace dbm::postgres {
namespace {

TEST(PositionIn, CountsCharactersNotBytesAndFollowsLines) {
  const Position begin{"7.sql", 3, 5};
  EXPECT_EQ(position_in(begin, "SELECT x", 8), (Position{"7.sql", 3, 12}));
  EXPECT_EQ(position_in(begin, "SELECT 'é', x", 13), (Position{"7.sql", 3, 18}));
  EXPECT_EQ(position_in(begin, "SELECT\n 1,\n  x", 14), (Position{"7.sql", 5, 3}));
  EXPECT_EQ(position_in(begin, "SELECT", 0), begin);
  EXPECT_EQ(position_in(begin, "SELECT", 1), begin);
}

TEST(StepTag, SurvivesThePipeline) {
  const StepTag tag{Step::Statement, 70'000, 4'000'000'000U};
  const StepTag back = StepTag::unpack(tag.packed());
  EXPECT_EQ(back.step, Step::Statement);
  EXPECT_EQ(back.script, 70'000U);
  EXPECT_EQ(back.statement, 4'000'000'000U);
}

struct IndexCase {
  const char* text;
  const char* name;
  const char* relation;
  const char* rest;
};
class ReadIndexStatement : public ::testing::TestWithParam<IndexCase> {};
TEST_P(ReadIndexStatement, TakesTheHeadApart) {
  const auto read = read_index_statement(GetParam().text);
  ASSERT_EQ(read.has_value(), *GetParam().name != '\0');
  if (!read) return;
  EXPECT_EQ(read->name, GetParam().name);
  EXPECT_EQ(read->relation, GetParam().relation);
  EXPECT_EQ(read->rest, GetParam().rest);
}
INSTANTIATE_TEST_SUITE_P(
    Heads, ReadIndexStatement,
    ::testing::Values(
        IndexCase{"CREATE INDEX CONCURRENTLY i ON t (a)", "i", "t", "(a)"},
        IndexCase{"create unique index concurrently if not exists \"I x\" on only s.\"T\"\"q\"using gin(a)",
                  "\"I x\"", "s.\"T\"\"q\"", "using gin(a)"},
        IndexCase{"CREATE /* a /* b */ c */ INDEX -- here\n CONCURRENTLY i ON t(a) WHERE b", "i", "t",
                  "(a) WHERE b"},
        IndexCase{"CREATE INDEX CONCURRENTLY ON t (a)", "", "", ""},
        IndexCase{"CREATE TABLE t ()", "", "", ""}));

TEST(Intent, ComesBackFromTheLedgerAsItWas) {
  Intent intent;
  intent.kind = "CREATE INDEX CONCURRENTLY";
  intent.probe = script::ProbeKind::CreateIndexConcurrently;
  intent.object = "public.\"Odd \"\" name\"";
  intent.relation = "public.t";
  intent.before = "absent";
  intent.definition = "USING btree (a) WHERE (b = 'é'::text)";
  intent.done_when = "SELECT true";
  intent.idempotent = true;
  const Intent back = decode_intent(intent.kind, intent.object, encode_intent(intent));
  EXPECT_EQ(encode_intent(back), encode_intent(intent));
  EXPECT_EQ(back.object, intent.object);
  EXPECT_EQ(back.definition, intent.definition);
}

TEST(Intent, OfAnEditedLedgerIsForAPersonToJudge) {
  EXPECT_EQ(decode_intent("X", "", "no json").probe, script::ProbeKind::Unknown);
  EXPECT_EQ(decode_intent("X", "", R"({"probe": 99})").probe, script::ProbeKind::Unknown);
}

script::Statement statement(std::string_view text) {
  script::Statement one;
  one.text = text;
  return one;
}

TEST(StatementLimits, StandBeforeEachStatementButRowsInARow) {
  StatementLimits limits(Milliseconds{200}, Milliseconds{0});
  const script::ScriptDirectives none;
  using Sets = std::vector<std::string>;
  EXPECT_EQ(limits.before(statement("ALTER TABLE t ADD a int"), none), Sets{"SET LOCAL lock_timeout = 200"});
  EXPECT_EQ(limits.before(statement("INSERT INTO t VALUES (1)"), none), Sets{"SET LOCAL lock_timeout = 200"});
  for (int i = 0; i < 64; ++i)
    EXPECT_TRUE(limits.before(statement("INSERT INTO t VALUES (1)"), none).empty());
  EXPECT_FALSE(limits.before(statement("INSERT INTO t VALUES (1)"), none).empty());
  EXPECT_FALSE(limits.before(statement("SELECT set_config('lock_timeout', '0', false)"), none).empty());
  EXPECT_FALSE(limits.before(statement("insert\tinto t values (1)"), none).empty());
}

TEST(StatementLimits, DirectivesLowerAndNeverRaise) {
  StatementLimits limits(Milliseconds{200}, Milliseconds{1000});
  script::ScriptDirectives script;
  script.lock_timeout = Milliseconds{150};
  auto one = statement("VACUUM");
  one.directives.statement_timeout = Milliseconds{5000};
  one.directives.lock_timeout = Milliseconds{5000};
  EXPECT_EQ(limits.before(one, script),
            (std::vector<std::string>{"SET LOCAL lock_timeout = 150", "SET LOCAL statement_timeout = 1000"}));
}

}  // namespace
}  // namespace dbm::postgres
