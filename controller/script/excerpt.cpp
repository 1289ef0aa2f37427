#include "script/excerpt.h"

#include <algorithm>
#include <string_view>

#include "script/display.h"
#include "script/lexer.h"
#include "script/masking.h"
#include "script/splitter.h"
#include "script/utf8.h"

namespace dbm::script {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
/// Columns of a line that are shown, and how many of them before the place.
constexpr std::size_t kShown = 100, kShownBefore = 64;

/// Where reading begins: at a statement on a line before the place's, so that no literal is open there.
struct Beginning {
  std::uint64_t offset = 0;
  int line = 1;
  std::uint64_t rows_at = UINT64_MAX;  ///< From here on there are rows of COPY.
  bool unterminated = false;  ///< Quotes do not pair up: what looks like a word may be part of a value.
  bool lost_copy = false;     ///< A COPY whose rows were not seen: what follows it may be they.
};

/// COPY without rows of its own, or FROM stdin of what is no COPY: a word of it may be misspelt.
bool may_have_lost_rows(const Piece& piece) {
  if (piece.rows_follow) return false;
  const std::string low = lower(piece.text);
  return low.starts_with("copy") || low.find("stdin") != std::string::npos;
}

Beginning find_beginning(const Text& text, const Position& at) {
  Beginning found;
  found.line += text.lines_before;
  bool lost_copy = false;
  auto splitter = Splitter::open(text);
  while (splitter) {
    const auto piece = splitter->next();
    if (!piece) found.unterminated = piece.error().cause == "Unterminated";
    if (!piece || *piece == nullptr || (*piece)->at.line > at.line) break;
    const Piece& next = **piece;
    lost_copy = lost_copy || may_have_lost_rows(next);
    const bool before = next.at.line < at.line;
    // Where rows end, a line ends: the place's line begins with what follows them.
    if (!before && found.rows_at == UINT64_MAX) break;
    const auto of_line = static_cast<std::uint64_t>(before ? 0 : next.at.column - 1);
    found = {next.begin - of_line, next.at.line, next.rows_follow ? next.next : UINT64_MAX};
    if (!before) break;
  }
  found.lost_copy = lost_copy;
  return found;
}

/// The text from there to the end of the place's line.
struct Stretch {
  std::string bytes;
  std::size_t line_begin = 0;
};

/// Behind the line end at or after `from`; CR, LF and both are one. Npos: there is none.
std::size_t next_line(const std::string& bytes, std::size_t from) {
  const std::size_t end = bytes.find_first_of("\r\n", from);
  if (end == std::string::npos) return end;
  return end + (bytes.compare(end, 2, "\r\n") == 0 ? 2 : 1);
}

std::optional<std::string> read_from(const Text& text, std::uint64_t offset, std::size_t lines) {
  auto reader = text.open();
  if (!reader) return std::nullopt;
  std::string bytes;
  std::string block(64 * 1024, '\0');
  std::size_t line_ends = 0;
  // A line end may be two bytes: rather a line too much than one too few.
  while (line_ends < 2 * (lines + 1) && bytes.size() <= kMostBytes) {
    const auto size = (*reader)->read({block.data(), block.size()});
    if (!size) return std::nullopt;
    if (*size == 0) break;
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(offset, *size));
    offset -= skipped;
    const std::string_view more(block.data() + skipped, *size - skipped);
    line_ends += static_cast<std::size_t>(
        std::count_if(more.begin(), more.end(), [](char c) { return c == '\n' || c == '\r'; }));
    bytes += more;
  }
  return bytes;
}

std::optional<Stretch> read_stretch(const Text& text, const Beginning& from, int line) {
  const auto lines = static_cast<std::size_t>(line - from.line);
  auto bytes = read_from(text, from.offset, lines);
  if (!bytes) return std::nullopt;
  Stretch stretch{std::move(*bytes)};
  for (std::size_t i = 0; i < lines; ++i) {
    stretch.line_begin = next_line(stretch.bytes, stretch.line_begin);
    if (stretch.line_begin == std::string::npos) return std::nullopt;
  }
  stretch.bytes.resize(
      std::min(stretch.bytes.find_first_of("\r\n", stretch.line_begin), stretch.bytes.size()));
  if (from.offset + stretch.line_begin >= from.rows_at || stretch.bytes.size() > kMostBytes)
    return std::nullopt;
  return stretch;
}

}  // namespace

std::optional<std::string> excerpt(const Text& text, const Position& at) {
  if (at.line <= text.lines_before || at.column <= 0 || !text.open) return std::nullopt;
  const Beginning beginning = find_beginning(text, at);
  const auto stretch = read_stretch(text, beginning, at.line);
  if (beginning.lost_copy || !stretch || Utf8Check{}.add(stretch->bytes)) return std::nullopt;
  // The line may have become shorter since the message was made.
  const std::size_t place = stretch->line_begin + static_cast<std::size_t>(at.column) - 1;
  if (place > stretch->bytes.size()) return std::nullopt;
  const auto masked = mask_line({stretch->bytes, stretch->line_begin, place, !beginning.unterminated});
  if (!masked) return std::nullopt;
  const auto [line, caret] = cut_around(masked->line, masked->caret, kShownBefore, kShown);

  const std::string number = std::to_string(at.line);
  return "  " + number + " | " + line + "\n  " + std::string(number.size(), ' ') + " | " +
         std::string(caret, ' ') + "^\n";
}

}  // namespace dbm::script
