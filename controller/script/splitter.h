#pragma once
/// Cuts a text into statements, rows of COPY and what lies between. Internal to the room; its contract is
/// docs/scripts.md#splitting.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/directives.h"
#include "script/lexer.h"
#include "script/normal_form.h"
#include "script/psql_line.h"
#include "script/summary.h"
#include "script/window.h"

namespace dbm::script {

/// What the splitter stopped at. Views live until the next call.
struct Piece {
  std::string_view text;    ///< From the first to the last token. A leading hint /*+ */ belongs to it.
  std::uint64_t begin = 0;  ///< Offsets of `text` in the file.
  std::uint64_t end = 0;
  std::uint64_t next =
      0;  ///< Where the search for the next piece goes on: behind the ; and, with rows, behind its line.
  Position at;
  bool rows_follow = false;
  std::vector<Directive> directives;  ///< Of the gap before it.
};

/// Is shown every line comment, for marks that cut a file in parts or name its format.
class CommentSink {
 public:
  virtual ~CommentSink() = default;
  /// `text` from the dashes on, without the line end; only blanks stand before it on its line. True: another
  /// part of the file begins here, so that an open statement ends.
  virtual bool comment(std::string_view text, std::uint64_t begin, const Position& at) = 0;
};

/// Not thread-safe. Every error ends it.
class Splitter {
 public:
  /// `normal`, if given, outlives the splitter and sees every token.
  static Result<Splitter> open(const Text& text, NormalForm* normal = nullptr);

  /// The next statement; nullptr at the end.
  Result<const Piece*> next();
  /// After a piece with rows_follow: whole rows, empty after the last. next() reads over what is left.
  Result<std::string_view> rows();
  /// After the end: directives that no statement followed.
  [[nodiscard]] const std::vector<Directive>& trailing() const { return piece_.directives; }
  /// Outlives the splitter.
  void show_comments(CommentSink* sink) { comments_ = sink; }
  [[nodiscard]] const Summary& summary() const { return summary_; }
  /// "sha256:…", after the end.
  std::string checksum() { return window_.checksum(); }

 private:
  enum class Step : unsigned char { More, Statement, End };

  Splitter(Window window, NormalForm* normal) : window_(std::move(window)), normal_(normal) {}

  Result<TokenKind> scan(Token& token);
  Result<> read_on();
  Result<Step> take(const Token& token);
  Result<Step> take_comment(const Token& token);
  bool own_line(const Token& token) const;
  Result<> take_significant(const Token& token);
  void take_name(const Token& token, std::string_view text);
  void open_statement(std::uint64_t begin);
  Result<Step> take_psql_line(const Token& token);
  Result<Step> take_end(const Token& token);
  Result<Step> finish(std::uint64_t next);
  Result<> check_settings() const;
  Result<> check_copy();
  Result<> begin_rows();
  Error unterminated(const Token& token);
  std::string_view bytes(const Token& token) const { return window_.view().bytes(token.begin, token.end); }

  Window window_;
  Lexer lexer_;
  NormalForm* normal_;
  CommentSink* comments_ = nullptr;
  Piece piece_;
  Summary summary_;
  bool open_ = false;       ///< A statement has begun.
  bool hinted_ = false;     ///< piece_.begin is a hint's; the statement itself has not begun.
  bool clean_line_ = true;  ///< Only blanks so far on this line.
  bool in_rows_ = false;
  int parentheses_ = 0;
  int begins_ = 0;                ///< BEGIN ATOMIC and CASE inside it.
  std::uint64_t outer_open_ = 0;  ///< The outermost open parenthesis, the first open BEGIN.
  std::uint64_t outer_begin_ = 0;
  std::uint64_t rows_at_ = 0;
  std::uint64_t rows_seen_ = 0;  ///< No line ends between rows_at_ and here.
  Position copy_at_;
};

}  // namespace dbm::script
