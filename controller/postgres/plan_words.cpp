#include "postgres/plan_words.h"

#include <algorithm>

#include "postgres/lost_objects.h"
#include "postgres/sql_words.h"
#include "script/statements.h"

namespace dbm::postgres {
namespace {

constexpr std::size_t kBytesRead = std::size_t{4} << 20;
constexpr std::size_t kWordsOfStatement = 5'000;

bool is_name(const SqlWord& word) { return word.kind == SqlWord::Kind::Name; }

/// SET c = …, (a, b) = …: up to FROM, WHERE or RETURNING.
std::vector<std::string> take_set_list(WordReader& words) {
  std::vector<std::string> columns;
  while (!words.at_end()) {
    if (words.peek().is("(")) {
      for (words.skip(); !words.at_end() && !words.peek().is(")"); words.skip())
        if (is_name(words.peek())) columns.push_back(words.peek().text);
      words.skip();
    } else if (is_name(words.peek())) {
      columns.push_back(words.peek().text);
    }
    while (!words.at_end() && !words.peek().is(",")) {
      if (words.peek().is("from") || words.peek().is("where") || words.peek().is("returning") ||
          words.peek().is(")"))
        return columns;
      if (words.peek().is("("))
        words.skip_parentheses();
      else
        words.skip();
    }
    words.skip();
  }
  return columns;
}

void read_update(WordReader& words, std::vector<WrittenTable>& written) {
  std::string table = words.take_name();
  if (table.empty() || table == "set") return;  // ON CONFLICT DO UPDATE: the INSERT named the table
  if (words.peek().is("*")) words.skip();
  (void)words.take({"as"});
  if (!words.peek().is("set")) words.skip();
  if (words.take({"set"})) written.push_back({std::move(table), take_set_list(words)});
}

/// ALTER TABLE t … ALTER c TYPE …: writes c anew.
void read_alter(WordReader& words, std::vector<WrittenTable>& written) {
  if (!words.take({"table"})) return;
  const std::string table = words.take_name();
  while (words.skip_to("alter")) {
    words.skip();
    (void)words.take({"column"});
    const std::string column = words.take_name();
    if (words.take({"type"}) || words.take({"set", "data", "type"}))
      written.push_back({table, name_parts(column)});
  }
}

void read_names(WordReader& words, std::vector<WrittenTable>& written) {
  do {
    const std::string table = words.take_name();
    if (!table.empty()) written.push_back({table, {}});
  } while (words.take({","}));
}

void note(PlanWords& words, std::string_view statement) {
  for (WrittenTable& written : written_by(statement))
    if (std::ranges::find(words.written, written) == words.written.end())
      words.written.push_back(std::move(written));
  if (WrittenTable altered = altered_by(statement); !altered.columns.empty())
    words.altered.push_back(std::move(altered));
  for (std::string& loss : losses_named_by(statement)) words.losses.push_back(std::move(loss));
  if (statement.size() > kWordsOfStatement * 20 || words.says_not_valid) return;
  const auto all = sql_words(statement, kWordsOfStatement);
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    words.says_not_valid |= all[i].is("not") && all[i + 1].is("valid");
}

Result<> read_script(const migration::PendingScript& pending, PlanWords& words) {
  auto reader = script::StatementReader::open(pending.script.forward, pending.analysis.wrapped);
  if (!reader) return reader.error();
  std::size_t bytes = 0;
  while (pending.analysis.may_lose_objects || bytes < kBytesRead) {
    const auto next = reader->next();
    if (!next) return next.error();
    const script::Statement* statement = *next;
    if (statement == nullptr) return {};
    bytes += statement->text.size();
    note(words, statement->text);
    for (bool more = statement->copy_from_stdin; more;) {
      const auto rows = reader->next_rows();
      if (!rows) return rows.error();
      bytes += rows->size();
      more = !rows->empty();
    }
  }
  return {};
}

}  // namespace

std::vector<WrittenTable> written_by(std::string_view statement) {
  std::vector<WrittenTable> written;
  const auto all = sql_words(statement, kWordsOfStatement);
  WordReader words{all};
  if (words.take({"alter"})) {
    read_alter(words, written);
  } else if (words.take({"truncate"})) {
    (void)words.take({"table"});
    read_names(words, written);
  } else if (words.take({"copy"})) {
    if (!words.peek().is("(")) read_names(words, written);
  } else if (words.peek().is("with") || words.peek().is("insert") || words.peek().is("update") ||
             words.peek().is("delete") || words.peek().is("merge")) {
    // At any depth: a WITH may hold the one that writes.
    while (!words.at_end()) {
      if (words.take({"update"}))
        read_update(words, written);
      else if (words.take({"insert", "into"}) || words.take({"delete", "from"}) ||
               words.take({"merge", "into"}))
        written.push_back({words.take_name(), {}});
      else
        words.skip();
    }
  }
  return written;
}

WrittenTable altered_by(std::string_view statement) {
  const auto all = sql_words(statement, kWordsOfStatement);
  WordReader words{all};
  WrittenTable altered;
  if (!words.take({"alter", "table"})) return altered;
  altered.table = words.take_name();
  do {
    const bool changes =
        words.take({"add"}) || words.take({"alter"}) || words.take({"drop"}) || words.take({"rename"});
    if (!changes) continue;
    const bool column = words.take({"column"});
    bool other = false;
    for (const char* word : {"constraint", "primary", "unique", "foreign", "check", "exclude", "to"})
      other |= !column && words.peek().is(word);
    if (other) continue;
    auto parts = name_parts(words.take_name());
    if (!parts.empty()) altered.columns.push_back(std::move(parts.back()));
  } while (words.skip_to(",") && words.take({","}));
  return altered;
}

bool reads(std::string_view query, const WrittenTable& written) {
  const auto parts = name_parts(written.table);
  if (parts.empty()) return false;
  const auto words = sql_words(query);
  const auto names = [&](const std::string& name) {
    return std::ranges::any_of(words,
                               [&](const SqlWord& word) { return is_name(word) && word.text == name; });
  };
  if (!names(parts.back())) return false;
  return written.columns.empty() || std::ranges::any_of(written.columns, names);
}

Result<PlanWords> read_plan_words(const migration::Plan& plan) {
  PlanWords words;
  for (const migration::PendingScript& pending : plan.pending) {
    const auto& drops = pending.analysis.directives.drops;
    words.losses.insert(words.losses.end(), drops.begin(), drops.end());
    const auto read = read_script(pending, words);
    if (!read) return read.error().during(pending.script.forward.name);
  }
  return words;
}

}  // namespace dbm::postgres
