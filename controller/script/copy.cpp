#include "script/copy.h"

#include <cstring>

#include "script/lexer.h"

namespace dbm::script {
namespace {

/// The next token that is no blank and no comment.
TokenKind next_significant(Lexer& lexer, const View& view, Token& token) {
  while (true) {
    const TokenKind kind = lexer.next(view, token);
    if (kind != TokenKind::Blank && kind != TokenKind::LineComment && kind != TokenKind::BlockComment)
      return kind;
  }
}

View view_of(std::string_view text) { return {text.data(), 0, text.size(), true}; }

/// A value as a setting or an option has it, without its quotes, in lower case.
std::string bare(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"'))
    text = text.substr(1, text.size() - 2);
  return lower(text);
}

/// A line from `from` on that begins with "\.", or npos. Rows mostly hold few backslashes, and memchr() reads
/// several times the bytes that memmem() does; where there are many, memmem() goes on.
std::size_t find_mark_line(std::string_view block, std::size_t from) {
  constexpr int kMany = 256;
  for (int met = 0; met < kMany; ++met, ++from) {
    from = block.find('\\', from);
    if (from == std::string_view::npos) return from;
    if (from > 0 && block[from - 1] == '\n' && block.substr(from + 1, 1) == ".") return from;
  }
  const void* found = ::memmem(block.data() + from - 1, block.size() - from + 1, "\n\\.", 3);
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - block.data()) + 1;
}

/// The size of a line "\." at the beginning of `block`, its end included; 0 if there is none.
std::size_t end_mark(std::string_view block, bool last) {
  if (!block.starts_with("\\.")) return 0;
  if (block.substr(2, 1) == "\n") return 3;
  if (block.substr(2, 2) == "\r\n") return 4;
  return last && (block.size() == 2 || block.substr(2) == "\r") ? block.size() : 0;
}

}  // namespace

CopyForm read_copy(std::string_view text) {
  const View view = view_of(text);
  Lexer lexer;
  Token token;
  int depth = 0;
  bool from = false;
  bool to = false;
  bool stream = false;
  bool binary = false;
  bool format = false;
  for (int index = 0; next_significant(lexer, view, token) != TokenKind::End; ++index) {
    depth += token.kind == TokenKind::Open ? 1 : token.kind == TokenKind::Close ? -1 : 0;
    const std::string word = bare(view.bytes(token.begin, token.end));
    const bool is_name = token.kind == TokenKind::Name;
    if (depth == 0 && is_name && !from && !to) {
      from = word == "from";
      to = word == "to";
      binary = binary || (index == 1 && word == "binary");
    } else if (depth == 0 && is_name && !stream && (word == "stdin" || word == "stdout")) {
      stream = true;
    } else if (stream && word == "binary" && (format || (depth == 0 && is_name))) {
      binary = true;
    }
    format = is_name && word == "format";
  }
  CopyForm copy;
  if (to && stream) {
    copy.error = "COPY TO stdout has nobody to read it";
    copy.remedy = "remove it: a script's output is not kept";
  } else if (from && stream && binary) {
    copy.error = "COPY in binary format cannot stand in a text file";
    copy.remedy = "give the rows as text or CSV";
  }
  copy.from_stdin = from && stream;
  return copy;
}

RowBlock find_rows(std::string_view block, bool last) {
  if (const std::size_t size = end_mark(block, last)) return {size, true};
  for (std::size_t line = 0; (line = find_mark_line(block, line + 1)) != std::string_view::npos;) {
    if (end_mark(block.substr(line), last) > 0) return {line, false};
  }
  const std::size_t line_end = block.rfind('\n');
  return {line_end == std::string_view::npos ? 0 : line_end + 1, false};
}

bool is_blank_or_comment(std::string_view rest) {
  const View view = view_of(rest);
  Lexer lexer;
  Token token;
  return next_significant(lexer, view, token) == TokenKind::End;
}

bool turns_off_standard_strings(std::string_view text) {
  const View view = view_of(text);
  Lexer lexer;
  Token token;
  while (next_significant(lexer, view, token) != TokenKind::End) {
    if (bare(view.bytes(token.begin, token.end)) != "standard_conforming_strings") continue;
    // The value stands behind "=", "TO" or a comma.
    next_significant(lexer, view, token);
    if (next_significant(lexer, view, token) == TokenKind::End) return false;
    const std::string value = bare(view.bytes(token.begin, token.end));
    return value != "on" && value != "true" && value != "yes" && value != "1" && value != "default";
  }
  return false;
}

}  // namespace dbm::script
