#include "script/excerpt.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "script/display.h"
#include "script/lexer.h"
#include "script/splitter.h"
#include "script/summary.h"
#include "script/utf8.h"

namespace dbm::script {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
/// Columns of a line that are shown, and how many of them before the place.
constexpr std::size_t kShown = 100, kShownBefore = 64;

/// Words that no row's value gives away. Anything else is a name, or a value whose quotes were forgotten.
constexpr std::string_view kKeywords =
    "add after all alter always analyze and any as asc atomic before begin between by bigint bigserial "
    "boolean "
    "bytea cascade case cast char character check cluster collate column comment commit concurrently "
    "conflict "
    "constraint copy create cross current_date current_timestamp current_user cursor database date declare "
    "default deferrable deferred delete desc detach disable distinct do domain double drop each else enable "
    "end "
    "enum escape except exclude execute exists explain extension fetch filter for foreign from full function "
    "generated grant group having identity if ilike immediate in include index inherits initially inner "
    "insert instead int integer intersect interval into is isolation join json jsonb key language lateral "
    "left "
    "like limit listen lock materialized matched merge move natural next no not nothing notify null nulls "
    "numeric of offset on only operator or order outer over owner partition policy precision prepare primary "
    "privileges procedure publication real recursive references refresh reindex release rename replace "
    "replica reset restrict returning returns revoke right role rollback row rows rule savepoint schema "
    "security select sequence serial session set share show smallint some start statement statistics stdin "
    "stdout storage subscription table tablespace temp temporary text then time timestamp timestamptz to "
    "transaction trigger truncate type union unique unlogged until update user using uuid vacuum valid "
    "validate values varchar varying view when where window with without work zone";

/// Behind these a value may stand.
constexpr std::string_view kBeforeValues = "as between default ilike in is like set then to values when";

std::unordered_set<std::string_view> set_of(std::string_view list) {
  std::unordered_set<std::string_view> words;
  add_words(list, words);
  return words;
}

bool is_keyword(const std::string& low) {
  static const auto words = set_of(kKeywords);
  return words.contains(low);
}

bool stands_before_values(const std::string& low) {
  static const auto words = set_of(kBeforeValues);
  return words.contains(low);
}

/// Where reading begins: at a statement on a line before the place's, so that no literal is open there.
struct Beginning {
  std::uint64_t offset = 0;
  int line = 1;
  std::uint64_t rows_at = UINT64_MAX;  ///< From here on there are rows of COPY.
  bool unterminated = false;  ///< Quotes do not pair up: what looks like a word may be part of a value.
};

Beginning find_beginning(const Text& text, const Position& at) {
  Beginning found;
  found.line += text.lines_before;
  auto splitter = Splitter::open(text);
  while (splitter) {
    const auto piece = splitter->next();
    if (!piece) found.unterminated = piece.error().cause == "Unterminated";
    if (!piece || *piece == nullptr || (*piece)->at.line > at.line) break;
    const Piece& next = **piece;
    const bool before = next.at.line < at.line;
    // Where rows end, a line ends: the place's line begins with what follows them.
    if (!before && found.rows_at == UINT64_MAX) break;
    const auto of_line = static_cast<std::uint64_t>(before ? 0 : next.at.column - 1);
    found = {next.begin - of_line, next.at.line, next.rows_follow ? next.next : UINT64_MAX, false};
    if (!before) break;
  }
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

/// Writes the line token by token, and remembers the column the caret belongs to.
class Masking {
 public:
  Masking(const Stretch& stretch, std::size_t place, bool words_are_safe)
      : stretch_(stretch), place_(place), safe_(words_are_safe) {}

  bool run() {
    const View view{stretch_.bytes.data(), 0, stretch_.bytes.size(), true};
    Lexer lexer;
    if (stretch_.bytes.starts_with("\xef\xbb\xbf")) lexer.jump(3);
    for (Token token; lexer.next(view, token) != TokenKind::End;) {
      if (token.kind == TokenKind::StrayBom) return false;
      const std::string_view text = view.bytes(token.begin, token.end);
      if (token.kind == TokenKind::Backslash) {
        const std::size_t end =
            std::min(stretch_.bytes.find_first_of("\r\n", token.begin), stretch_.bytes.size());
        psql_line(token.begin, std::string_view(stretch_.bytes).substr(token.begin, end - token.begin));
        lexer.jump(end);
        continue;
      }
      take(token, text);
    }
    if (!caret_) caret_ = shown_columns(out_);
    return true;
  }

  [[nodiscard]] const std::string& line() const { return out_; }
  [[nodiscard]] std::size_t caret() const { return *caret_; }

 private:
  void take(const Token& token, std::string_view text) {
    switch (token.kind) {
      case TokenKind::Blank:
        return plain(token, text);
      case TokenKind::LineComment:
        return mask(token, "--…");
      case TokenKind::BlockComment:
        return mask(token, "/*…*/");
      case TokenKind::Name:
        return name(token, text);
      case TokenKind::QuotedName:
        begin_statement(false);
        return exposed_ ? plain(token, text) : mask(token, "\"…\"");
      case TokenKind::String:
        exposed_ = false;
        quoted_ = quoted_ || token.end > stretch_.line_begin;
        return mask(token, token.dollar ? "$$…$$" : "'…'");
      case TokenKind::Unterminated:
        exposed_ = false;
        return mask(token, text.starts_with("/*")  ? "/*…"
                           : text.starts_with('"') ? "\"…"
                           : text.starts_with('$') ? "$$…"
                                                   : "'…");
      case TokenKind::Number:
        return mask(token, "…");
      case TokenKind::Semicolon:
        begun_ = false;
        return plain(token, text);
      case TokenKind::Operator:
      case TokenKind::Template:
        exposed_ = false;
        return plain(token, text);
      default:
        return plain(token, text);
    }
  }

  void begin_statement(bool by_keyword) {
    if (begun_) return;
    begun_ = true;
    exposed_ = safe_ && by_keyword && !quoted_;
  }

  void name(const Token& token, std::string_view text) {
    const std::string low = lower(text);
    const bool keyword = is_keyword(low);
    begin_statement(keyword);
    keyword || exposed_ ? plain(token, text) : mask(token, "…");
    if (stands_before_values(low)) exposed_ = false;
  }

  /// The command's name; what it is given may be anything.
  void psql_line(std::size_t begin, std::string_view text) {
    std::size_t size = 1;
    while (size < text.size() && !is_blank(static_cast<unsigned char>(text[size]))) ++size;
    const bool more = text.find_first_not_of(" \t", size) != std::string_view::npos;
    Token token;
    token.begin = begin;
    token.end = begin + size;
    plain(token, text.substr(0, size));
    token.begin = token.end;
    token.end = begin + text.size();
    if (more) mask(token, " …");
  }

  void plain(const Token& token, std::string_view text) {
    if (token.end <= stretch_.line_begin) return;
    // Only blanks run over line ends.
    const std::size_t skipped = token.begin < stretch_.line_begin ? stretch_.line_begin - token.begin : 0;
    text.remove_prefix(skipped);
    const std::size_t begin = token.begin + skipped;
    if (!caret_ && place_ < token.end)
      caret_ =
          shown_columns(out_) + shown_columns(showable(text.substr(0, place_ > begin ? place_ - begin : 0)));
    out_ += showable(text);
  }

  void mask(const Token& token, std::string_view with) {
    if (token.end <= stretch_.line_begin) return;
    if (!caret_ && place_ < token.end) caret_ = shown_columns(out_);
    out_ += with;
  }

  const Stretch& stretch_;
  std::size_t place_;  ///< Offset of the caret's byte in the stretch.
  bool safe_;
  bool begun_ = false;
  bool exposed_ = false;  ///< No value can have stood in the statement so far.
  bool quoted_ = false;   ///< A literal on the line: a ; behind it may be one inside a value.
  std::string out_;
  std::optional<std::size_t> caret_;
};

}  // namespace

std::optional<std::string> excerpt(const Text& text, const Position& at) {
  if (at.line <= text.lines_before || at.column <= 0 || !text.open) return std::nullopt;
  const Beginning beginning = find_beginning(text, at);
  const auto stretch = read_stretch(text, beginning, at.line);
  if (!stretch || Utf8Check{}.add(stretch->bytes)) return std::nullopt;
  // The line may have become shorter since the message was made.
  const std::size_t place = stretch->line_begin + static_cast<std::size_t>(at.column) - 1;
  if (place > stretch->bytes.size()) return std::nullopt;
  Masking masking{*stretch, place, !beginning.unterminated};
  if (!masking.run()) return std::nullopt;
  const auto [line, caret] = cut_around(masking.line(), masking.caret(), kShownBefore, kShown);

  const std::string number = std::to_string(at.line);
  return "  " + number + " | " + line + "\n  " + std::string(number.size(), ' ') + " | " +
         std::string(caret, ' ') + "^\n";
}

}  // namespace dbm::script
