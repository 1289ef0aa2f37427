#include "postgres/journal_units.h"

#include "base/digest.h"
#include "postgres/execution.h"
#include "postgres/sql_words.h"
#include "script/statements.h"

namespace dbm::postgres {
namespace {

bool begins_block(const std::vector<SqlWord>& words) {
  return !words.empty() &&
         (words[0].is("begin") || (words[0].is("start") && words.size() > 1 && words[1].is("transaction")));
}
bool ends_block(const std::vector<SqlWord>& words) {
  return !words.empty() && (words[0].is("commit") || words[0].is("end"));
}

/// SET or RESET of the session; SET LOCAL, SET TRANSACTION, SET CONSTRAINTS mean nothing outside a
/// transaction.
bool sets_session(const std::vector<SqlWord>& words) {
  if (words.size() < 2) return false;
  return words[0].is("reset") || (words[0].is("set") && !words[1].is("local") &&
                                  !words[1].is("constraints") && !words[1].is("transaction"));
}

JournalUnit::Kind kind_of(const script::StatementClass& what, const std::vector<SqlWord>& words) {
  if (sets_session(words)) return JournalUnit::Kind::Session;
  const bool outside =
      what.scope == script::Scope::OutsideOnly || what.probe == script::ProbeKind::Unknown || what.opaque;
  return outside ? JournalUnit::Kind::Outside : JournalUnit::Kind::Transactional;
}

/// Puts one statement where it belongs: into the open block, or into a unit of its own.
void place(std::vector<JournalUnit>& units, bool& open, const script::Statement& statement) {
  const auto words = sql_words(statement.text, 3);
  const bool begins = !open && begins_block(words);
  if (!open) {
    JournalUnit unit;
    unit.first = statement.index;
    unit.block = begins;
    if (!begins) unit.what = script::classify(statement.text);
    if (!begins) unit.kind = kind_of(unit.what, words);
    if (unit.kind == JournalUnit::Kind::Outside && unit.what.scope != script::Scope::OutsideOnly)
      unit.what.probe = script::ProbeKind::Unknown;
    units.push_back(std::move(unit));
  }
  JournalUnit& unit = units.back();
  unit.last = statement.index;
  unit.hashes.push_back(sha256_hex(statement.text));
  unit.kinds.push_back(unit.block ? "BEGIN … COMMIT" : unit.what.kind);
  open = unit.block && (begins || !ends_block(words));
}

}  // namespace

Result<std::vector<JournalUnit>> read_units(const migration::PendingScript& script) {
  auto reader = script::StatementReader::open(script.script.forward, script.analysis.wrapped);
  if (!reader) return reader.error();
  std::vector<JournalUnit> units;
  bool open = false;
  while (true) {
    const auto next = reader->next();
    if (!next) return next.error();
    if (*next == nullptr) break;
    place(units, open, **next);
    while ((*next)->copy_from_stdin) {
      const auto rows = reader->next_rows();
      if (!rows) return rows.error();
      if (rows->empty()) break;
    }
  }
  if (reader->checksum() != script.script.checksum) return text_changed(file_of(script));
  if (open)
    return Error{ErrorKind::Terminal, "SourceInvalid", file_of(script) + ": a BEGIN has no COMMIT",
                 "TransactionControl"};
  return units;
}

}  // namespace dbm::postgres
