#include "script/lexer.h"

#include <algorithm>
#include <string>

#include "script/characters.h"

namespace dbm::script {
namespace {

/// Operators that hold one of these may end in + or -; all others lose such an end (scan.l).
bool may_end_in_sign(std::string_view text) {
  return text.find_first_of("~!@#^&|`?%") != std::string_view::npos;
}

}  // namespace

bool is_name_byte(unsigned char c) {
  return kClasses[c] == Class::NameStart || kClasses[c] == Class::Digit || c == '$';
}

bool is_blank(unsigned char c) { return kClasses[c] == Class::Blank; }

bool is_word(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && is_blank(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return low;
}

void Lexer::jump(std::uint64_t offset) {
  begin_ = cursor_ = offset;
  mode_ = Mode::Start;
}

TokenKind Lexer::next(const View& view, Token& token) {
  if (mode_ != Mode::Start) return resume(view, token);
  begin_ = cursor_;
  if (cursor_ == view.end) {
    if (!view.last) return TokenKind::NeedMore;
    return finish(token, TokenKind::End, cursor_);
  }
  return start(view, token);
}

TokenKind Lexer::resume(const View& view, Token& token) {
  switch (mode_) {
    case Mode::LineComment:
      return line_comment(view, token);
    case Mode::BlockComment:
      return block_comment(view, token);
    case Mode::Quote:
      return quote(view, token);
    case Mode::Continuation:
      return continuation(view, token);
    case Mode::Dollar:
      return dollar(view, token);
    case Mode::Start:
      break;
  }
  return start(view, token);
}

TokenKind Lexer::finish(Token& token, TokenKind kind, std::uint64_t end) {
  token.kind = kind;
  token.continued = false;
  token.dollar = false;
  token.begin = begin_;
  token.end = end;
  cursor_ = end;
  mode_ = Mode::Start;
  return kind;
}

/// The view ended inside a token whose mode and cursor are kept.
TokenKind Lexer::stop(const View& view, Token& token) {
  if (!view.last) return TokenKind::NeedMore;
  return finish(token, TokenKind::Unterminated, view.end);
}

TokenKind Lexer::start(const View& view, Token& token) {
  const char c = *view.at(begin_);
  switch (class_of(c)) {
    case Class::Blank:
      return blank(view, token);
    case Class::NameStart:
      return name(view, token);
    case Class::Digit:
      return number(view, token);
    case Class::Operator:
      return operator_or_comment(view, token);
    case Class::Semicolon:
      return finish(token, TokenKind::Semicolon, begin_ + 1);
    case Class::Open:
      return finish(token, TokenKind::Open, begin_ + 1);
    case Class::Close:
      return finish(token, TokenKind::Close, begin_ + 1);
    case Class::Other:
      break;
  }
  return sign(view, token);
}

TokenKind Lexer::sign(const View& view, Token& token) {
  const char c = *view.at(begin_);
  if (c == '\'' || c == '"') return begin_quote(view, token, begin_, c, false);
  if (c == '\\') return finish(token, TokenKind::Backslash, begin_ + 1);
  if (c != '$' && c != ':' && c != '.' && c != '{') return finish(token, TokenKind::Punctuation, begin_ + 1);

  const bool more = begin_ + 1 < view.end;
  if (!more && !view.last) return TokenKind::NeedMore;
  const char next = more ? *view.at(begin_ + 1) : '\0';
  if (c == '$') return dollar_start(view, token);
  if (c == '{' && next == '{') return finish(token, TokenKind::Template, begin_ + 2);
  if (c == '.' && is_digit(next)) return number(view, token);
  const bool pair = (c == ':' && (next == ':' || next == '=')) || (c == '.' && next == '.');
  return finish(token, TokenKind::Punctuation, begin_ + (pair ? 2 : 1));
}

TokenKind Lexer::blank(const View& view, Token& token) {
  const char* const end = view.at(view.end);
  const char* p = view.at(begin_) + 1;
  while (p < end && is_blank(static_cast<unsigned char>(*p))) ++p;
  return finish(token, TokenKind::Blank, view.begin + static_cast<std::uint64_t>(p - view.data));
}

TokenKind Lexer::name(const View& view, Token& token) {
  const char* const first = view.at(begin_);
  const char* const end = view.at(view.end);
  const char* p = first + 1;
  bool plain = static_cast<signed char>(*first) >= 0;
  for (; p < end && is_name_byte(static_cast<unsigned char>(*p)); ++p)
    plain = plain && static_cast<signed char>(*p) >= 0;
  const auto size = static_cast<std::uint64_t>(p - first);
  const char prefix = static_cast<char>(*first | 0x20);
  // A prefix counts only where a token starts: E'…', but not nameE'…'. U& needs a look at two bytes more.
  if (size == 1 && (prefix == 'e' || prefix == 'n' || prefix == 'b' || prefix == 'x' || prefix == 'u')) {
    const std::uint64_t wanted = prefix == 'u' ? 2 : 1;
    if (begin_ + size + wanted > view.end && !view.last) return TokenKind::NeedMore;
    const std::string_view after = view.bytes(begin_ + 1, std::min(view.end, begin_ + 1 + wanted));
    if (prefix != 'u' && after == "'") return begin_quote(view, token, begin_ + 1, '\'', prefix == 'e');
    if (prefix == 'u' && (after == "&'" || after == "&\""))
      return begin_quote(view, token, begin_ + 2, after[1], false);
  }
  if (p == end && !view.last) return TokenKind::NeedMore;
  const bool bom = !plain && std::string_view(first, size).find("\xef\xbb\xbf") != std::string_view::npos;
  return finish(token, bom ? TokenKind::StrayBom : TokenKind::Name, begin_ + size);
}

TokenKind Lexer::number(const View& view, Token& token) {
  const char* const first = view.at(begin_);
  const char* const end = view.at(view.end);
  const char* p = first;
  while (p < end && is_digit(*p)) ++p;
  // 1..2 is a range, 1. and 1.5 are numbers.
  if (p + 1 >= end && !view.last) return TokenKind::NeedMore;
  if (p < end && *p == '.' && !(p + 1 < end && p[1] == '.')) {
    ++p;
    while (p < end && is_digit(*p)) ++p;
  }
  // An exponent with its sign; then letters, which are newer forms (0x1F, 1_000) or the server's to refuse.
  while (p < end && (class_of(*p) == Class::NameStart || class_of(*p) == Class::Digit)) {
    const bool exponent = (*p | 0x20) == 'e';
    ++p;
    if (exponent && p + 1 < end && (*p == '+' || *p == '-') && is_digit(p[1])) ++p;
  }
  if (p + 1 >= end && !view.last) return TokenKind::NeedMore;
  return finish(token, TokenKind::Number, begin_ + static_cast<std::uint64_t>(p - first));
}

TokenKind Lexer::operator_or_comment(const View& view, Token& token) {
  const char* const first = view.at(begin_);
  const char* const end = view.at(view.end);
  if (first + 1 == end && !view.last) return TokenKind::NeedMore;
  if (first + 1 < end && first[0] == '-' && first[1] == '-') {
    mode_ = Mode::LineComment;
    cursor_ = begin_ + 2;
    return line_comment(view, token);
  }
  if (first + 1 < end && first[0] == '/' && first[1] == '*') {
    mode_ = Mode::BlockComment;
    depth_ = 1;
    cursor_ = begin_ + 2;
    return block_comment(view, token);
  }
  const char* p = first + 1;
  for (; p < end && class_of(*p) == Class::Operator; ++p) {
    if (p + 1 < end && ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))) break;
  }
  if (p == end && !view.last) return TokenKind::NeedMore;
  auto size = static_cast<std::size_t>(p - first);
  if (size > 1 && !may_end_in_sign({first, size})) {
    while (size > 1 && (first[size - 1] == '+' || first[size - 1] == '-')) --size;
  }
  return finish(token, TokenKind::Operator, begin_ + size);
}

}  // namespace dbm::script
