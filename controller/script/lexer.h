#pragma once
/// Tokens of PostgreSQL's SQL, after scan.l and psql's scanner. Internal to the room.

#include <cstdint>
#include <string_view>

#include "script/window.h"

namespace dbm::script {

enum class TokenKind : unsigned char {
  Blank,         ///< May come in several pieces.
  LineComment,   ///< "-- …" without its line end.
  BlockComment,  ///< Nested ones inside.
  Name,          ///< An unquoted name or keyword.
  QuotedName,    ///< "…", U&"…"
  String,        ///< '…' with its prefix and its continuations; $tag$…$tag$.
  Number,
  Parameter,  ///< $1
  Operator,
  Punctuation,  ///< One of , [ ] . : and bytes that are no SQL; also :: := ..
  Semicolon,
  Open,          ///< (
  Close,         ///< )
  Backslash,     ///< Never SQL: a psql line.
  Template,      ///< {{
  StrayBom,      ///< A name that holds U+FEFF.
  Unterminated,  ///< A literal, name or comment open at the end of the text; begins where it began.
  NeedMore,      ///< The view ends inside a token: read on, keeping the text from `begin()`.
  End,
};

struct Token {
  TokenKind kind = TokenKind::End;
  bool continued = false;  ///< A string that goes on after a line end ('a'⏎'b').
  bool dollar = false;     ///< A $tag$ string.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Cuts a growing view into tokens. A token that the view's end cuts is taken up where the last look at it
/// ended, so the cost stays linear whatever the blocks. Not thread-safe.
class Lexer {
 public:
  /// The next token; with NeedMore call again once the view has grown.
  TokenKind next(const View& view, Token& token);
  /// Where the token at hand begins: bytes from here on are needed.
  [[nodiscard]] std::uint64_t begin() const { return begin_; }
  /// Goes on from another place, between tokens.
  void jump(std::uint64_t offset);

 private:
  enum class Mode : unsigned char { Start, LineComment, BlockComment, Quote, Continuation, Dollar };

  TokenKind start(const View& view, Token& token);
  TokenKind resume(const View& view, Token& token);
  TokenKind finish(Token& token, TokenKind kind, std::uint64_t end);
  TokenKind stop(const View& view, Token& token);
  TokenKind blank(const View& view, Token& token);
  TokenKind name(const View& view, Token& token);
  TokenKind number(const View& view, Token& token);
  TokenKind sign(const View& view, Token& token);
  TokenKind operator_or_comment(const View& view, Token& token);
  TokenKind line_comment(const View& view, Token& token);
  TokenKind block_comment(const View& view, Token& token);
  TokenKind quote(const View& view, Token& token);
  TokenKind continuation(const View& view, Token& token);
  TokenKind dollar_start(const View& view, Token& token);
  TokenKind dollar(const View& view, Token& token);
  TokenKind begin_quote(const View& view, Token& token, std::uint64_t opening, char mark, bool escapes);

  std::uint64_t begin_ = 0;
  std::uint64_t cursor_ = 0;
  std::uint64_t close_ = 0;     ///< Behind the closing quote, while looking for a continuation.
  std::uint64_t tag_size_ = 0;  ///< Of "$tag$".
  int depth_ = 0;
  Mode mode_ = Mode::Start;
  char mark_ = 0;
  bool escapes_ = false;
  bool line_end_ = false;
  bool continued_ = false;
};

/// Letters, digits, _ , $ and bytes from 0x80 on: what a name goes on with.
bool is_name_byte(unsigned char c);
bool is_blank(unsigned char c);
/// Compares an unquoted word with a lower-case keyword.
bool is_word(std::string_view text, std::string_view lower);
/// Without the blanks at both ends.
std::string_view trim(std::string_view text);
/// ASCII lower case.
std::string lower(std::string_view text);

}  // namespace dbm::script
