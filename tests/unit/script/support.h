#pragma once
/// What the tests of the room share: texts that come in blocks of a chosen size, and all pieces of a text at
/// once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "script/analysis.h"
#include "script/splitter.h"
#include "script/statements.h"

namespace dbm::script {

/// A text whose reader gives at most `sizes()` bytes at a time.
inline Text chunked(std::string bytes, std::function<std::size_t()> sizes) {
  struct Reader final : ByteReader {
    std::string bytes;
    std::size_t at = 0;
    std::function<std::size_t()> sizes;
    Result<std::size_t> read(std::span<char> buffer) override {
      const std::size_t count =
          std::min({buffer.size(), bytes.size() - at, std::max<std::size_t>(1, sizes())});
      std::copy_n(bytes.data() + at, count, buffer.data());
      at += count;
      return count;
    }
  };
  Text text;
  text.name = "0001_test.sql";
  text.size = bytes.size();
  text.open = [bytes = std::move(bytes), sizes = std::move(sizes)]() -> Result<std::unique_ptr<ByteReader>> {
    auto reader = std::make_unique<Reader>();
    reader->bytes = bytes;
    reader->sizes = sizes;
    return std::unique_ptr<ByteReader>(std::move(reader));
  };
  return text;
}

inline Text whole(std::string bytes) { return text_of("0001_test.sql", std::move(bytes)); }

/// Everything a text is cut into, or the error as "Cause line:column".
struct Cut {
  std::vector<std::string> statements;
  std::vector<std::string> rows;  ///< Of each COPY, glued.
  std::vector<std::string> at;    ///< "line:column"
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      spans;  ///< Offsets [begin, end) of statements and rows, in order.
  std::string error;
  std::string message;

  friend bool operator==(const Cut&, const Cut&) = default;
};

inline std::string describe(const Error& error) {
  return error.failure_reason() + " " + std::to_string(error.at.line) + ":" + std::to_string(error.at.column);
}

inline Cut cut(const Text& text) {
  Cut result;
  const auto fail = [&](const Error& error) {
    result.error = describe(error);
    result.message = error.message;
    return result;
  };
  auto splitter = Splitter::open(text);
  if (!splitter) return fail(splitter.error());
  while (true) {
    const auto piece = splitter->next();
    if (!piece) return fail(piece.error());
    if (*piece == nullptr) return result;
    result.statements.emplace_back((*piece)->text);
    result.at.push_back(std::to_string((*piece)->at.line) + ":" + std::to_string((*piece)->at.column));
    result.spans.emplace_back((*piece)->begin, (*piece)->end);
    if (!(*piece)->rows_follow) continue;
    std::uint64_t begin = (*piece)->next;
    std::string& rows = result.rows.emplace_back();
    while (true) {
      const auto block = splitter->rows();
      if (!block) return fail(block.error());
      if (block->empty()) break;
      rows += *block;
    }
    result.spans.emplace_back(begin, begin + rows.size());
  }
}

inline Script script_of(std::string forward, std::string rollback = "") {
  Script script;
  script.version = *parse_version("0001");
  script.name = "test";
  script.forward = whole(std::move(forward));
  if (!rollback.empty()) script.rollback = whole(std::move(rollback));
  return script;
}

/// The error of analysing a text, as "Cause line:column"; "" when there is none.
inline std::string refusal(const std::string& text) {
  const auto analysis = analyse(script_of(text));
  return analysis ? "" : describe(analysis.error());
}

}  // namespace dbm::script
