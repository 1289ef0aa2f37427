/// Comments and literals: the tokens that may be longer than a block and are taken up where the last block
/// ended.

#include <algorithm>
#include <cstring>

#include "script/characters.h"
#include "script/lexer.h"

namespace dbm::script {
namespace {

const char* find_either(const char* p, const char* end, char a, char b) {
  while (p < end && *p != a && *p != b) ++p;
  return p;
}

}  // namespace

TokenKind Lexer::line_comment(const View& view, Token& token) {
  const char* const end = view.at(view.end);
  const char* const p = find_either(view.at(cursor_), end, '\n', '\r');
  cursor_ = view.begin + static_cast<std::uint64_t>(p - view.data);
  if (p == end && !view.last) return TokenKind::NeedMore;
  return finish(token, TokenKind::LineComment, cursor_);
}

TokenKind Lexer::block_comment(const View& view, Token& token) {
  const char* const end = view.at(view.end);
  const char* p = view.at(cursor_);
  while (true) {
    p = find_either(p, end, '*', '/');
    if (p + 1 >= end) break;
    if (p[0] == '*' && p[1] == '/') {
      p += 2;
      if (--depth_ == 0)
        return finish(token, TokenKind::BlockComment, view.begin + static_cast<std::uint64_t>(p - view.data));
    } else if (p[0] == '/' && p[1] == '*') {
      p += 2;
      ++depth_;
    } else {
      ++p;
    }
  }
  cursor_ = view.begin + static_cast<std::uint64_t>(std::min(p, end) - view.data);
  return stop(view, token);
}

TokenKind Lexer::begin_quote(const View& view, Token& token, std::uint64_t opening, char mark, bool escapes) {
  mode_ = Mode::Quote;
  mark_ = mark;
  escapes_ = escapes;
  continued_ = false;
  cursor_ = opening + 1;
  return quote(view, token);
}

TokenKind Lexer::quote(const View& view, Token& token) {
  const char* const end = view.at(view.end);
  const char* p = view.at(cursor_);
  while (true) {
    if (escapes_) {
      p = find_either(p, end, mark_, '\\');
    } else {
      const void* found = std::memchr(p, mark_, static_cast<std::size_t>(end - p));
      p = found == nullptr ? end : static_cast<const char*>(found);
    }
    // At the view's last byte it cannot be told whether another quote follows, or what is escaped.
    if (p == end || (p + 1 == end && (!view.last || *p == '\\'))) break;
    if (*p != '\\' && (p + 1 == end || p[1] != mark_)) {
      close_ = view.begin + static_cast<std::uint64_t>(p + 1 - view.data);
      if (mark_ == '"') return finish(token, TokenKind::QuotedName, close_);
      mode_ = Mode::Continuation;
      line_end_ = false;
      cursor_ = close_;
      return continuation(view, token);
    }
    p += 2;
  }
  cursor_ = view.begin + static_cast<std::uint64_t>(p - view.data);
  return stop(view, token);
}

/// Behind a closing quote: blanks with a line end, -- comments among them, and a quote go on with the same
/// literal.
TokenKind Lexer::continuation(const View& view, Token& token) {
  const char* const end = view.at(view.end);
  const char* p = view.at(cursor_);
  while (p < end) {
    if (is_blank(static_cast<unsigned char>(*p))) {
      line_end_ = line_end_ || *p == '\n' || *p == '\r';
      ++p;
    } else if (*p == '-' && p + 1 < end && p[1] == '-') {
      const char* const line_end = find_either(p, end, '\n', '\r');
      if (line_end == end && !view.last) break;
      p = line_end;
    } else if (*p == '-' && p + 1 == end && !view.last) {
      break;
    } else if (*p == '\'' && line_end_) {
      mode_ = Mode::Quote;
      continued_ = true;
      cursor_ = view.begin + static_cast<std::uint64_t>(p + 1 - view.data);
      return quote(view, token);
    } else {
      break;
    }
  }
  cursor_ = view.begin + static_cast<std::uint64_t>(p - view.data);
  const bool cut = p == end || *p == '-';
  if (cut && !view.last && (p == end || p + 1 == end || p[1] == '-')) return TokenKind::NeedMore;
  const bool continued = continued_;
  finish(token, TokenKind::String, close_);
  token.continued = continued;
  return TokenKind::String;
}

TokenKind Lexer::dollar_start(const View& view, Token& token) {
  const char* const first = view.at(begin_);
  const char* const end = view.at(view.end);
  const char* p = first + 1;
  if (p < end && is_digit(*p)) {
    while (p < end && is_digit(*p)) ++p;
    if (p == end && !view.last) return TokenKind::NeedMore;
    return finish(token, TokenKind::Parameter, begin_ + static_cast<std::uint64_t>(p - first));
  }
  while (p < end && (class_of(*p) == Class::NameStart || class_of(*p) == Class::Digit)) ++p;
  if (p == end && !view.last) return TokenKind::NeedMore;
  if (p == end || *p != '$') return finish(token, TokenKind::Punctuation, begin_ + 1);
  tag_size_ = static_cast<std::uint64_t>(p + 1 - first);
  cursor_ = begin_ + tag_size_;
  mode_ = Mode::Dollar;
  return dollar(view, token);
}

TokenKind Lexer::dollar(const View& view, Token& token) {
  const std::string_view tag = view.bytes(begin_, begin_ + tag_size_);
  const char* const from = view.at(cursor_);
  const auto size = static_cast<std::size_t>(view.end - cursor_);
  const void* found = ::memmem(from, size, tag.data(), tag.size());
  if (found != nullptr) {
    const auto end =
        view.begin + static_cast<std::uint64_t>(static_cast<const char*>(found) - view.data) + tag_size_;
    finish(token, TokenKind::String, end);
    token.dollar = true;
    return TokenKind::String;
  }
  // The tag itself may be cut by the view's end.
  if (size >= tag_size_) cursor_ = view.end - tag_size_ + 1;
  return stop(view, token);
}

}  // namespace dbm::script
