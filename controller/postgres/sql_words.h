#pragma once
/// A statement as its words, for questions that need no grammar: which names stand where. Comments, literals
/// and the bodies of functions are no words.

#include <string>
#include <string_view>
#include <vector>

namespace dbm::postgres {

struct SqlWord {
  enum class Kind { Name, Symbol, Literal };
  Kind kind = Kind::Symbol;
  std::string
      text;  ///< a name folded to lower case, or as quoted without the quotes; a symbol: one character
  bool quoted = false;

  /// An unquoted word, given in lower case; or a symbol.
  [[nodiscard]] bool is(std::string_view word) const {
    return !quoted && kind != Kind::Literal && text == word;
  }
};

/// At most `limit` words of the text's beginning.
std::vector<SqlWord> sql_words(std::string_view text, std::size_t limit = 100'000);

/// Reads along the words of a statement. Past the end every word is an empty symbol.
class WordReader {
 public:
  explicit WordReader(const std::vector<SqlWord>& words) : words_(words) {}

  [[nodiscard]] bool at_end() const { return at_ >= words_.size(); }
  [[nodiscard]] const SqlWord& peek(std::size_t ahead = 0) const;
  void skip(std::size_t count = 1) { at_ += count; }
  /// Skips these words if they stand next.
  bool take(std::initializer_list<std::string_view> words);
  /// "IF EXISTS", "ONLY" and the like, then a name of dotted parts, quoted where it must be; empty when none
  /// stands here.
  std::string take_name();
  /// Skips to the word at this depth of parentheses, or the end.
  bool skip_to(std::string_view word);
  /// Skips a pair of parentheses and all between, if one opens here.
  void skip_parentheses();

 private:
  const std::vector<SqlWord>& words_;
  std::size_t at_ = 0;
};

/// The parts of "public.\"Odd name\".c", unquoted.
std::vector<std::string> name_parts(std::string_view name);
/// A name of these parts as we print it everywhere: public.orders, public."Odd name". Key words stay bare.
std::string plain_name(std::initializer_list<std::string_view> parts);
/// Whether `written` (qualified or not) can mean `full`: its parts are the last parts of it. A function's
/// arguments in `full` do not count.
bool names_the_same(std::string_view written, std::string_view full);

}  // namespace dbm::postgres
