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

Position locate(const migration::PendingScript& script, std::uint64_t index, int character) {
  const Position file{script.script.forward.name};
  auto reader = script::StatementReader::open(script.script.forward, script.analysis.wrapped);
  if (!reader) return file;
  while (true) {
    const auto next = reader->next();
    if (!next || *next == nullptr) return file;
    const script::Statement& statement = **next;
    if (statement.index == index) return position_in(statement.at, statement.text, character);
    while (statement.copy_from_stdin) {
      const auto rows = reader->next_rows();
      if (!rows) return file;
      if (rows->empty()) break;
    }
  }
}

}  // namespace dbm::postgres
