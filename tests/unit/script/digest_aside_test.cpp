/// A long text is digested on threads of its own: the same digests, whatever the pieces.

#include "script/digest_aside.h"

#include "script/copy.h"
#include "support.h"

namespace dbm::script {
namespace {

std::string rows_of(std::size_t bytes) {
  std::string rows;
  for (int i = 0; rows.size() < bytes; ++i)
    rows += std::to_string(i) + "\tit's; \\\\. no end: \\.\\N" +
            std::string(static_cast<std::size_t>(i) % 700, 'x') + "\n";
  return rows;
}

TEST(DigestAside, IsTheDigestOfAllPieces) {
  const std::string bytes = rows_of(1'000'000);
  for (const std::size_t piece : {std::size_t{97}, std::size_t{65'536}, std::size_t{131'072}, bytes.size()}) {
    DigestAside sha;
    sha.go_aside();
    DigestAside moved(std::move(sha));
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      moved.update(std::string(bytes.substr(at, piece)));  // gone when update() returns
    EXPECT_EQ(moved.finish_hex(), sha256_hex(bytes)) << piece;
  }
}

TEST(DigestAside, OfNothing) {
  DigestAside sha;
  sha.go_aside();
  EXPECT_EQ(sha.finish_hex(), sha256_hex(""));
}

TEST(DigestAside, MayBeLeftInTheMiddle) {
  DigestAside sha;
  sha.go_aside();
  for (int i = 0; i < 10; ++i) sha.update(std::string(100'000, 'x'));
}

TEST(LongText, HasTheChecksumsOfAShortOne) {
  const std::string rows = rows_of(2 * DigestAside::kWorthIt);
  const std::string literal(DigestAside::kWorthIt / 2, 'y');
  const std::string bytes = "copy T from stdin;\n" + rows + "\\.\nSELECT '" + literal + "' ; -- end\n";
  Script script;
  script.forward = whole(bytes);
  const auto analysis = analyse(script);
  ASSERT_TRUE(analysis);
  EXPECT_EQ(analysis->checksum, "sha256:" + sha256_hex(bytes));
  const std::string nul(1, '\0');
  std::string tokens;
  for (const char* token : {"copy", "t", "from", "stdin", ";"}) tokens += token + nul;
  tokens += rows + nul + "select" + nul + "'" + literal + "'" + nul + ";" + nul;
  EXPECT_EQ(analysis->normalised, "dbm1-sha256:" + sha256_hex(tokens));
}

TEST(LongText, ThatIsWrongIsRefusedAtItsPlace) {
  const std::string good = "COPY t FROM stdin;\n" + rows_of(2 * DigestAside::kWorthIt);
  Script script;
  script.forward = whole(good + "1\t\xff\n\\.\n");
  const auto analysis = analyse(script);
  ASSERT_FALSE(analysis);
  EXPECT_EQ(describe(analysis.error()),
            "NotUtf8 " + std::to_string(1 + std::ranges::count(good, '\n')) + ":3");
}

/// What find_rows() promises, byte by byte.
RowBlock slowly(const std::string& block, bool last) {
  const auto mark = [&](std::size_t at) -> std::size_t {
    if (block.substr(at, 2) != "\\.") return 0;
    if (block.substr(at + 2, 1) == "\n") return 3;
    if (block.substr(at + 2, 2) == "\r\n") return 4;
    const std::string rest = block.substr(at + 2);
    return last && (rest.empty() || rest == "\r") ? block.size() - at : 0;
  };
  if (const std::size_t size = mark(0)) return {size, true};
  for (std::size_t at = 1; at < block.size(); ++at) {
    if (block[at - 1] == '\n' && mark(at) > 0) return {at, false};
  }
  return {block.rfind('\n') + 1, false};
}

TEST(Rows, EndWhereTheMarkStands) {
  std::uint32_t state = 1;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 8U) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    // Many backslashes in every tenth, so that both ways of searching are gone.
    std::string block(round % 10 == 0 ? 300 + random(300) : 0, '\\');
    for (auto size = random(round % 10 == 0 ? 900 : 12); size > 0; --size)
      block += std::string("\\.\n\ra").at(random(5));
    for (const bool last : {false, true}) {
      const RowBlock found = find_rows(block, last);
      const RowBlock wanted = slowly(block, last);
      ASSERT_EQ(found.size, wanted.size) << block;
      ASSERT_EQ(found.ends, wanted.ends) << block;
    }
  }
}

}  // namespace
}  // namespace dbm::script
