#include "postgres/script_position.h"

#include "script/statements.h"

namespace dbm::postgres {

Position position_in(const Position& begin, std::string_view statement, int character) {
  Position at = begin;
  int passed = 0;
  for (const char c : statement) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;  // a later byte of one character
    if (!continues && ++passed >= character) break;
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return at;
}

namespace {

/// Reads up to the statement at `index` and shows it; false when it cannot be read again.
template <class F>
bool with_statement(const migration::PendingScript& script, std::uint64_t index, F&& show) {
  auto reader = script::StatementReader::open(script.script.forward, script.analysis.wrapped);
  if (!reader) return false;
  while (true) {
    const auto next = reader->next();
    if (!next || *next == nullptr) return false;
    const script::Statement& statement = **next;
    if (statement.index == index) {
      show(statement);
      return true;
    }
    while (statement.copy_from_stdin) {
      const auto rows = reader->next_rows();
      if (!rows) return false;
      if (rows->empty()) break;
    }
  }
}

}  // namespace

Position locate(const migration::PendingScript& script, std::uint64_t index, int character) {
  Position at{script.script.forward.name};
  with_statement(script, index, [&](const script::Statement& statement) {
    at = position_in(statement.at, statement.text, character);
  });
  return at;
}

std::string statement_text(const migration::PendingScript& script, std::uint64_t index) {
  std::string text;
  with_statement(script, index, [&](const script::Statement& statement) { text = statement.text; });
  return text;
}

}  // namespace dbm::postgres
