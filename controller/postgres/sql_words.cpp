#include "postgres/sql_words.h"

#include <algorithm>

#include "postgres/session.h"

namespace dbm::postgres {
namespace {

bool starts_name(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}
bool goes_on(unsigned char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '$'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

std::string folded(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

/// Cuts a text into words. Not thread-safe.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) {}

  std::vector<SqlWord> cut(std::size_t limit) {
    while (at_ < text_.size() && words_.size() < limit) step();
    return std::move(words_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void step() {
    const char c = peek();
    if (is_blank(c))
      ++at_;
    else if (c == '-' && peek(1) == '-')
      at_ = std::min(text_.find('\n', at_), text_.size());
    else if (c == '/' && peek(1) == '*')
      skip_comment();
    else if (c == '\'')
      literal(false);
    else if (c == '"')
      quoted_name();
    else if (c == '$' && dollar())
      return;
    else if ((c == 'e' || c == 'E') && peek(1) == '\'')
      ++at_, literal(true);
    else if (starts_name(static_cast<unsigned char>(c)))
      name();
    else
      words_.push_back({SqlWord::Kind::Symbol, std::string(1, c)}), ++at_;
  }

  void skip_comment() {
    int depth = 0;
    do {
      if (peek() == '/' && peek(1) == '*')
        ++depth, at_ += 2;
      else if (peek() == '*' && peek(1) == '/')
        --depth, at_ += 2;
      else
        ++at_;
    } while (depth > 0 && at_ < text_.size());
  }

  void literal(bool backslashes) {
    for (++at_; at_ < text_.size(); ++at_) {
      if ((backslashes && peek() == '\\') || (peek() == '\'' && peek(1) == '\''))
        ++at_;
      else if (peek() == '\'')
        break;
    }
    at_ = std::min(at_ + 1, text_.size());
    words_.push_back({SqlWord::Kind::Literal, ""});
  }

  void quoted_name() {
    std::string name;
    for (++at_; at_ < text_.size(); ++at_) {
      if (peek() == '"' && peek(1) != '"') break;
      if (peek() == '"') ++at_;
      name += peek();
    }
    at_ = std::min(at_ + 1, text_.size());
    words_.push_back({SqlWord::Kind::Name, std::move(name), true});
  }

  bool dollar() {
    auto end = at_ + 1;
    while (end < text_.size() && goes_on(static_cast<unsigned char>(text_[end])) && text_[end] != '$') ++end;
    if (end >= text_.size() || text_[end] != '$') return false;
    const auto tag = text_.substr(at_, end + 1 - at_);
    const auto close = text_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
    words_.push_back({SqlWord::Kind::Literal, ""});
    return true;
  }

  void name() {
    const auto begin = at_;
    while (at_ < text_.size() && goes_on(static_cast<unsigned char>(text_[at_]))) ++at_;
    words_.push_back({SqlWord::Kind::Name, folded(text_.substr(begin, at_ - begin))});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<SqlWord> words_;
};

/// As quote_ident of the server: quoted only where it must be (a key word without quotes does no harm here).
std::string plain_or_quoted(std::string_view name) {
  const bool plain =
      !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  return plain ? std::string(name) : quote_ident(name);
}

}  // namespace

std::vector<SqlWord> sql_words(std::string_view text, std::size_t limit) { return Cutter(text).cut(limit); }

const SqlWord& WordReader::peek(std::size_t ahead) const {
  static const SqlWord kEnd;
  return at_ + ahead < words_.size() ? words_[at_ + ahead] : kEnd;
}

bool WordReader::take(std::initializer_list<std::string_view> words) {
  std::size_t ahead = 0;
  for (const auto word : words)
    if (!peek(ahead++).is(word)) return false;
  skip(words.size());
  return true;
}

std::string WordReader::take_name() {
  while (take({"if", "exists"}) || take({"if", "not", "exists"}) || take({"only"}) ||
         take({"concurrently"})) {
  }
  std::string name;
  while (peek().kind == SqlWord::Kind::Name) {
    name += plain_or_quoted(peek().text);
    skip();
    if (!peek().is(".")) break;
    name += '.';
    skip();
  }
  return name;
}

bool WordReader::skip_to(std::string_view word) {
  while (!at_end()) {
    if (peek().is(word)) return true;
    if (peek().is("("))
      skip_parentheses();
    else
      skip();
  }
  return false;
}

void WordReader::skip_parentheses() {
  if (!peek().is("(")) return;
  int depth = 0;
  do {
    if (peek().is("(")) ++depth;
    if (peek().is(")")) --depth;
    skip();
  } while (depth > 0 && !at_end());
}

std::vector<std::string> name_parts(std::string_view name) {
  std::vector<std::string> parts;
  for (const SqlWord& word : sql_words(name))
    if (word.kind == SqlWord::Kind::Name)
      parts.push_back(word.text);
    else if (word.is("("))
      break;
  return parts;
}

std::string plain_name(std::initializer_list<std::string_view> parts) {
  std::string name;
  for (const auto part : parts) name += (name.empty() ? "" : ".") + plain_or_quoted(part);
  return name;
}

bool names_the_same(std::string_view written, std::string_view full) {
  const auto some = name_parts(written);
  const auto all = name_parts(full);
  return !some.empty() && some.size() <= all.size() && std::equal(some.rbegin(), some.rend(), all.rbegin());
}

}  // namespace dbm::postgres
