#include "postgres/index_statement.h"

#include <algorithm>
#include <cctype>

namespace dbm::postgres {
namespace {

/// Reads the head of a statement: words, names, and what may stand between them.
class Head {
 public:
  explicit Head(std::string_view text) : text_(text) {}

  bool take(std::string_view word) {
    skip_blanks();
    const auto here = text_.substr(at_, word.size());
    const bool same = here.size() == word.size() && std::ranges::equal(here, word, [](char a, char b) {
                        return std::toupper(static_cast<unsigned char>(a)) == b;
                      });
    if (!same || (at_ + word.size() < text_.size() && is_name(text_[at_ + word.size()]))) return false;
    at_ += word.size();
    return true;
  }

  /// A name of dotted parts, as written.
  std::string take_name() {
    std::string name;
    while (true) {
      skip_blanks();
      const std::string part = take_part();
      if (part.empty()) return {};
      name += part;
      skip_blanks();
      if (at_ >= text_.size() || text_[at_] != '.') return name;
      name += text_[at_++];
    }
  }

  [[nodiscard]] std::string_view rest() const { return text_.substr(std::min(at_, text_.size())); }

 private:
  static bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80U;
  }

  std::string take_part() {
    const std::size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] != '"') continue;
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          ++at_;  // a doubled quote is part of the name
        } else {
          ++at_;
          break;
        }
      }
    } else {
      while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        ++at_;
      } else if (text_.substr(at_, 2) == "--") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        skip_comment();
      } else {
        return;
      }
    }
  }

  void skip_comment() {
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      if (text_.substr(at_, 2) == "/*")
        ++depth, ++at_;
      else if (text_.substr(at_, 2) == "*/" && (++at_, --depth == 0))
        break;
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<IndexStatement> read_index_statement(std::string_view text) {
  Head head(text);
  IndexStatement statement;
  if (!head.take("CREATE")) return {};
  statement.unique = head.take("UNIQUE");
  if (!head.take("INDEX")) return {};
  head.take("CONCURRENTLY");
  statement.if_not_exists = head.take("IF");
  if (statement.if_not_exists && !(head.take("NOT") && head.take("EXISTS"))) return {};
  if (head.take("ON")) return {};  // no name
  statement.name = head.take_name();
  if (statement.name.empty() || !head.take("ON")) return {};
  statement.only = head.take("ONLY");
  statement.relation = head.take_name();
  if (statement.relation.empty()) return {};
  statement.rest = head.rest();
  return statement;
}

}  // namespace dbm::postgres
