#pragma once
/// The normalised checksum "dbm1-sha256:" (docs/scripts.md#checksums). Internal to the room.

#include <string>
#include <string_view>

#include "script/digest_aside.h"
#include "script/lexer.h"

namespace dbm::script {

/// SHA-256 over a script's meaning: its tokens, each ended by a NUL. The algorithm is part of every value it
/// made and never changes: a better one gets another name. The tokens are
/// - names and keywords in ASCII lower case; literals, quoted names, numbers, operators and signs as they
/// are;
/// - a literal continued on another line: its parts as they are, one LF between them;
/// - ";" at the end of each statement, whether the file wrote it, wrote \g, or ended;
/// - "dbm:word value" of each directive; hints, as they are;
/// - the rows of a COPY, as one token.
/// CRLF reads as LF everywhere. Comments, blanks, BOM, skipped psql lines and empty statements leave no
/// trace.
class NormalForm {
 public:
  NormalForm() { buffer_.reserve(2 * kFlush); }
  /// For a long text, before its first token.
  void digest_aside() { sha_.go_aside(); }

  void token(const Token& token, std::string_view text);
  void hint(std::string_view text) { plain(text), end_token(); }
  void directive(std::string_view word, std::string_view value);
  void end_statement() { buffer_.append(";\0", 2), flush_if_full(); }
  /// Whole rows, in order; end_rows() once after the last.
  void rows(std::string_view block);
  void end_rows() { end_token(); }
  /// "dbm1-sha256:…"; once.
  std::string checksum();

 private:
  static constexpr std::size_t kFlush = 16384;

  void plain(std::string_view text);
  void continued(std::string_view text);
  void end_token() { buffer_.push_back('\0'), flush_if_full(); }
  void flush_if_full() {
    if (buffer_.size() >= kFlush) flush();
  }
  void flush();

  std::string buffer_;
  DigestAside sha_;
};

}  // namespace dbm::script
