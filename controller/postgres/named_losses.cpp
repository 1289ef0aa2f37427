#include <array>

#include "postgres/lost_objects.h"
#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

using Losses = std::vector<std::string>;

/// "materialized view", "foreign table", "table", …: the kind of object that stands here, by the catalog's
/// word for it.
std::string take_kind(WordReader& words) {
  if (words.take({"materialized", "view"})) return "view";
  if (words.take({"foreign", "table"})) return "table";
  std::string kind = words.peek().text;
  words.skip();
  if (kind == "procedure" || kind == "routine" || kind == "aggregate") return "function";
  return kind;
}

/// DROP kind name, name …; DROP TRIGGER | POLICY | RULE name ON table.
void read_drop(WordReader& words, Losses& losses) {
  const std::string kind = take_kind(words);
  if (kind == "trigger" || kind == "policy" || kind == "rule") {
    const std::string name = words.take_name();
    if (words.take({"on"})) losses.push_back(kind + " " + words.take_name() + "." + name);
    return;
  }
  while (!words.at_end()) {
    const std::string name = words.take_name();
    if (name.empty()) return;
    losses.push_back(kind + " " + name);
    words.skip_parentheses();
    if (!words.take({","})) return;
  }
}

/// One action of ALTER TABLE or ALTER DOMAIN.
void read_action(WordReader& words, const std::string& table, Losses& losses) {
  if (words.take({"owner", "to"}))
    losses.push_back("owner " + table);
  else if (words.take({"replica", "identity"}))
    losses.push_back("replica identity " + table);
  else if (words.take({"drop", "constraint"}))
    losses.push_back("constraint " + table + "." + words.take_name());
  else if (words.take({"drop", "default"}))
    losses.push_back("default " + table);
  else if (words.take({"drop", "not", "null"}))
    losses.push_back("not null " + table);
  else if (words.take({"drop", "column"}) || words.take({"drop"}))
    losses.push_back("column " + table + "." + words.take_name());
  else if (words.take({"alter", "column"}) || words.take({"alter"})) {
    const std::string column = table + "." + words.take_name();
    if (words.take({"drop", "not", "null"}))
      losses.push_back("not null " + column);
    else if (words.take({"drop", "default"}) || words.take({"drop", "identity"}))
      losses.push_back("default " + column);
  }
}

void read_alter(WordReader& words, Losses& losses) {
  const std::string kind = take_kind(words);
  if (words.take({"all", "in", "tablespace"})) return;
  const std::string name = words.take_name();
  words.skip_parentheses();
  if (words.peek().is("*")) words.skip();
  if (kind != "table" && kind != "domain") {
    if (words.skip_to("owner")) losses.push_back("owner " + name);
    return;
  }
  do {
    read_action(words, name, losses);
  } while (words.skip_to(",") && words.take({","}));
}

/// REVOKE … ON objects FROM …: whichever privileges it names of them.
void read_revoke(WordReader& words, Losses& losses) {
  if (!words.skip_to("on")) return;
  words.skip();
  if (words.peek().is("all")) {
    if (!words.skip_to("schema")) return;
    words.skip();
    do losses.push_back("grant " + words.take_name() + ".*");
    while (words.take({","}));
    return;
  }
  constexpr std::array<std::string_view, 9> kKinds{"table",  "sequence", "function", "procedure", "routine",
                                                   "schema", "type",     "domain",   "foreign"};
  for (const auto kind : kKinds)
    if (words.peek().is(kind) && words.peek(1).kind == SqlWord::Kind::Name) {
      words.skip();
      break;
    }
  do {
    losses.push_back("grant " + words.take_name());
    words.skip_parentheses();
  } while (words.take({","}));
}

/// COMMENT ON kind name IS NULL | ''.
void read_comment(WordReader& words, Losses& losses) {
  if (!words.take({"on"})) return;
  (void)take_kind(words);
  const std::string name = words.take_name();
  losses.push_back("comment " + (words.take({"on"}) ? words.take_name() + "." + name : name));
}

}  // namespace

std::vector<std::string> losses_named_by(std::string_view statement) {
  Losses losses;
  const auto all = sql_words(statement, 5'000);
  WordReader words{all};
  if (words.take({"drop"}))
    read_drop(words, losses);
  else if (words.take({"alter"}))
    read_alter(words, losses);
  else if (words.take({"revoke"}))
    read_revoke(words, losses);
  else if (words.take({"comment"}))
    read_comment(words, losses);
  return losses;
}

}  // namespace dbm::postgres
