/// Whatever the blocks, the pieces are the same; glued together they are the text.

#include "support.h"

namespace dbm::script {
namespace {

/// Parts of which texts are made: each is whole by itself, so any sequence of them is a right script.
constexpr const char* kParts[] = {
    "SELECT 1;\n",
    "SELECT 'it''s; \xc3\xa9', E'a\\'b', \"n\"\"x\";\r\n",
    "-- comment; 'x\n",
    "/* a /* ; */ ' */ ",
    "SELECT $$ ; $$, $a$;$$'$a$, foo$$b, $1;",
    "SELECT E'a' -- c\n  'b\\'c' , U&'x' UESCAPE '!', U&\"q\";\n",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; END;\n",
    "CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT 2);\r",
    "COPY t (a) FROM stdin; -- x\n1\t'\n\\.x\n\\N\n\\.\n",
    "COPY t FROM STDIN (FORMAT csv);\r\n\"a\r\nb\"\r\n\\.\r\n",
    "\\echo it's\n",
    "INSERT INTO t VALUES (1, 1.5e-3, -2, 1--3\n, a->>'b', c::text, 'x');\n",
    "SELECT 1 \\g\n",
    "/*+ Hint */ SELECT 2 ;",
    "\n\n  \t\n"};

std::string random_text(std::mt19937& random, int parts) {
  std::string text;
  if (random() % 4 == 0) text = "\xef\xbb\xbf";
  for (int i = 0; i < parts; ++i) text += kParts[random() % std::size(kParts)];
  return text;
}

std::string normal_form(const Text& text) {
  NormalForm normal;
  auto splitter = Splitter::open(text, &normal);
  while (true) {
    const auto piece = splitter->next();
    if (!piece) return describe(piece.error());
    if (*piece == nullptr) return normal.checksum();
  }
}

TEST(Blocks, OfAnySizeGiveTheSamePieces) {
  std::mt19937 random(20240611);
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, 12);
    const Cut expected = cut(whole(text));
    ASSERT_EQ(expected.error, "") << text;

    for (const std::size_t most : {1, 2, 3, 7, 64}) {
      const Text blocks = chunked(text, [&random, most] { return 1 + random() % most; });
      ASSERT_EQ(cut(blocks), expected) << text;
      ASSERT_EQ(normal_form(blocks), normal_form(whole(text))) << text;
    }
  }
}

TEST(Blocks, CutAnywhereGiveTheSameErrors) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    // Cut short, the text is often wrong; it must be wrong in the same way.
    std::string text = random_text(random, 6);
    text.resize(random() % text.size());
    const Cut expected = cut(whole(text));

    ASSERT_EQ(cut(chunked(text, [&random] { return 1 + random() % 5; })), expected) << text;
  }
}

TEST(Pieces, GluedLoseNothing) {
  std::mt19937 random(99);
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, 12);
    const Cut result = cut(whole(text));
    ASSERT_EQ(result.error, "");

    std::uint64_t at = 0;
    std::size_t statement = 0, rows = 0;
    std::string glued, gaps;
    for (const auto& [begin, end] : result.spans) {
      ASSERT_GE(begin, at);
      gaps += text.substr(at, begin - at);
      glued += text.substr(at, begin - at);
      const std::string piece = text.substr(begin, end - begin);
      if (statement < result.statements.size() && result.statements[statement] == piece)
        ++statement;
      else
        EXPECT_EQ(result.rows.at(rows++), piece);
      glued += piece;
      at = end;
    }
    glued += text.substr(at);
    gaps += text.substr(at);

    EXPECT_EQ(glued, text);
    EXPECT_EQ(statement, result.statements.size());
    // Between the pieces there is nothing that a server would run.
    EXPECT_EQ(gaps.find("SELECT"), std::string::npos) << gaps;
    EXPECT_EQ(gaps.find("INSERT"), std::string::npos) << gaps;
    EXPECT_EQ(gaps.find("CREATE"), std::string::npos) << gaps;
  }
}

TEST(Blocks, LargerThanTheWindowKeepLongStatementsWhole) {
  std::string text;
  std::vector<std::string> expected;
  for (const std::size_t size : {10, 70'000, 5, 300'000, 131'072, 1}) {
    expected.push_back("SELECT '" + std::string(size, 'x') + "'");
    text += expected.back() + ";\n";
  }

  EXPECT_EQ(cut(whole(text)).statements, expected);
  EXPECT_EQ(cut(chunked(text, [] { return std::size_t{4096}; })).statements, expected);
}

}  // namespace
}  // namespace dbm::script
