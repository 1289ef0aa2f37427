#pragma once
/// Cutting a script into statements (the splitter) and reading it statement by statement.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"
#include "script/text.h"

namespace dbm::script {

/// Directives that stand right before one statement.
struct StatementDirectives {
  std::optional<Milliseconds> lock_timeout;
  std::optional<Milliseconds> statement_timeout;
  std::string done_when;  ///< A SELECT that returns true once the statement has taken effect; empty: none.
  bool idempotent = false;
};

/// One statement as it goes to the server. The views live until the next call to the reader.
struct Statement {
  std::string_view text;         ///< Without the ending semicolon and without leading comments or blanks.
  Position at;                   ///< Of its first byte.
  std::uint64_t index = 0;       ///< From 0, over the whole part.
  bool copy_from_stdin = false;  ///< Rows follow: read them with next_rows() before the next statement.
  StatementDirectives directives;
};

/// Reads the statements of a part in order, once. Harmless psql lines are skipped, a script
/// wrapped in one BEGIN … COMMIT loses the wrap (analyse() says whether; pass `unwrap` then). Holds one
/// statement at a time: memory follows the longest statement, not the file. Not thread-safe. Errors:
/// Terminal/SourceInvalid with position: NotUtf8, StrayBom, Unterminated, PsqlCommand, NonStandardStrings,
/// CopyNotInline, TemplateNotSql, UnknownDirective.
class StatementReader {
 public:
  static Result<StatementReader> open(const Text& text, bool unwrap = false);
  StatementReader(StatementReader&&) noexcept;
  StatementReader& operator=(StatementReader&&) noexcept;
  ~StatementReader();

  /// The next statement, or nullptr at the end.
  Result<const Statement*> next();
  /// After a statement with copy_from_stdin: the next block of whole rows, empty after the last.
  Result<std::string_view> next_rows();
  /// After the end: "sha256:…" of all bytes read. A caller compares it with the checksum the plan was made
  /// from.
  std::string checksum() const;

 private:
  struct State;
  explicit StatementReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dbm::script
