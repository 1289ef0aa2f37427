#pragma once
/// What a statement's tokens tell without a parse tree. Internal to the room.

#include <array>
#include <string_view>
#include <unordered_set>

#include "script/lexer.h"

namespace dbm::script {

/// The first word, where it decides how much of the rest has to be looked at.
enum class First : unsigned char { None, Insert, Select, Update, Delete, Create, Copy, Set, Other };

/// Collects, token by token, what the first keywords of a statement say. Cheap: it runs over every token of a
/// file.
class Summary {
 public:
  void reset() { *this = Summary{}; }
  /// Each token that is no blank and no comment, in order.
  void add(TokenKind kind, std::string_view text);

  [[nodiscard]] First first() const { return first_; }
  /// The first words in lower case, as far as they are unquoted names; "" for anything else and past the end.
  /// Of INSERT, SELECT, UPDATE and DELETE only the first is kept.
  [[nodiscard]] std::string_view word(std::size_t index) const;
  /// A function is called that is not known to leave the session and other tables alone. Errs on the safe
  /// side.
  [[nodiscard]] bool calls_unknown() const { return calls_; }
  /// SELECT … INTO; CREATE TABLE with REFERENCES, PARTITION, AS, INHERITS, LIKE; UPDATE … IS NULL.
  [[nodiscard]] bool special() const { return special_; }
  /// CREATE [OR REPLACE] FUNCTION or PROCEDURE, as far as read.
  [[nodiscard]] bool is_routine() const { return routine_; }

 private:
  void add_name(std::string_view text);
  void keep_word(std::string_view text);
  void look_for_special(std::string_view text);

  static constexpr std::size_t kWords = 6;
  struct Word {
    std::array<char, 31> bytes;
    unsigned char size = 0;
  };

  First first_ = First::None;
  bool calls_ = false;
  bool special_ = false;
  bool routine_ = false;
  bool body_ = false;  ///< Past INSERT's and CREATE's head, where a name before ( is no call.
  bool after_name_ = false;
  bool after_dot_ = false;
  bool qualified_ = false;  ///< The name just seen stands behind a dot.
  unsigned char tokens_ = 0;
  std::array<Word, kWords> words_{};
  Word last_;  ///< The name just seen, in lower case.
};

/// The summary of a whole statement's text.
Summary summarise(std::string_view text);

/// Adds the words of a list with blanks between them. The list must live as long as the set.
void add_words(std::string_view list, std::unordered_set<std::string_view>& words);

/// Functions of PostgreSQL that change neither the session nor anything a check would look at, and the words
/// that stand before a parenthesis without being a call. In lower case.
bool is_harmless_before_parenthesis(std::string_view name);

}  // namespace dbm::script
