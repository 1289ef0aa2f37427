/// Input made to break: it must end with an answer, in time that follows its size.

#include "support.h"

namespace dbm::script {
namespace {

std::string repeated(std::string_view part, int times) {
  std::string text;
  text.reserve(part.size() * static_cast<std::size_t>(times));
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

TEST(Hostile, DeepExpressionsAreClassed) {
  EXPECT_EQ(classify_by_tree("CREATE VIEW v AS SELECT 1" + repeated("+1", 100'000)).kind, "CREATE VIEW");
  EXPECT_EQ(classify_by_tree("CREATE VIEW v AS SELECT 1" + repeated(" UNION ALL SELECT 1", 50'000)).kind,
            "CREATE VIEW");
  // The parser's own stack ends here: its words, and no crash.
  EXPECT_NE(classify_by_tree("SELECT " + repeated("(", 100'000) + "1" + repeated(")", 100'000)).syntax_error,
            "");
  EXPECT_EQ(classify("SELECT 1" + repeated("+1", 100'000)).kind, "SELECT");
}

TEST(Hostile, StatementsOverAMegabyteAreClassedByTheirFirstWords) {
  const StatementClass what = classify("CREATE VIEW v AS SELECT '" + std::string(1'100'000, 'x') + "'");

  EXPECT_EQ(what.kind, "CREATE VIEW");
  EXPECT_EQ(what.effects, kUnknown);
  EXPECT_EQ(classify("INSERT INTO t VALUES ('" + std::string(1'100'000, 'x') + "')").effects, kNoEffect);
}

TEST(Hostile, NestingHasNoLimitInTheSplitter) {
  EXPECT_EQ(cut(whole("SELECT " + repeated("(", 1'000'000) + "1" + repeated(")", 1'000'000) + ";SELECT 2"))
                .statements.size(),
            2U);
  EXPECT_EQ(cut(whole(repeated("/*", 1'000'000) + repeated("*/", 1'000'000) + "SELECT 2")).statements.size(),
            1U);
  EXPECT_EQ(cut(whole(repeated("/*", 1'000'000))).error, "Unterminated 1:1");
}

TEST(Hostile, TokensLongerThanAnyBlockStayLinear) {
  const Text literal =
      chunked("SELECT '" + repeated("''", 4'000'000) + "';", [] { return std::size_t{16'384}; });
  EXPECT_EQ(cut(literal).statements.size(), 1U);
  const Text dollar =
      chunked("SELECT $a$" + repeated("$b$", 2'000'000) + "$a$;", [] { return std::size_t{16'384}; });
  EXPECT_EQ(cut(dollar).statements.size(), 1U);
  const Text row = chunked("COPY t FROM stdin;\n" + std::string(8'000'000, 'x') + "\n\\.\n",
                           [] { return std::size_t{16'384}; });
  EXPECT_EQ(cut(row).rows.at(0).size(), 8'000'001U);
}

TEST(Hostile, RandomBytesEndWithAnAnswer) {
  std::mt19937 random(1);
  constexpr std::string_view kBytes = "'\"$a$E\\;()-/*\n\r \t.:{x1,=<>+begin end case copy from stdin";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += kBytes[random() % kBytes.size()];
    const auto analysis = analyse(script_of(text));
    EXPECT_TRUE(analysis || !analysis.error().failure_reason().empty());
  }
}

TEST(Hostile, MessagesHoldNoText) {
  const auto analysis = analyse(script_of("INSERT INTO t VALUES ('secret', 'open);"));

  ASSERT_FALSE(analysis);
  EXPECT_EQ(analysis.error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace dbm::script
