#include "script/directives.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <set>
#include <utility>

#include "script/lexer.h"

namespace dbm::script {
namespace {

/// Both targets of a directive: the script's are written only before the first statement.
struct Target {
  ScriptDirectives& script;
  StatementDirectives& statement;
  bool first;
};

/// Takes the value over; returns what it must be when it is something else.
using Take = std::optional<std::string> (*)(std::string_view value, const Target& target);

std::optional<std::string> take_transaction(std::string_view value, const Target& target) {
  if (value != "none" && value != "script") return "must be 'none' or 'script'";
  target.script.transaction = value == "none" ? TransactionMode::None : TransactionMode::Script;
  return {};
}

std::optional<std::string> take_requires(std::string_view value, const Target& target) {
  while (!(value = trim(value)).empty()) {
    const std::size_t end = std::min(value.find_first_of(", \t"), value.size());
    if (end > 0) target.script.requires_versions.emplace_back(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  if (target.script.requires_versions.empty()) return "must name versions or scripts, such as 0041, 0042";
  return {};
}

std::optional<std::string> take_engine(std::string_view value, const Target& target) {
  for (const std::string_view engine : {"PostgreSQL", "SQLite", "LibSQL"}) {
    if (is_word(value, lower(engine))) return target.script.engine = engine, std::nullopt;
  }
  return "must be PostgreSQL, SQLite or LibSQL";
}

std::optional<std::string> take_server(std::string_view value, const Target& target) {
  if (!is_server_rule(value)) return "must be comparisons of versions, such as >=14 or >=14, <18";
  target.script.server = value;
  return {};
}

std::optional<std::string> take_time(std::string_view value, std::optional<Milliseconds>& into) {
  const auto span = parse_duration(value);
  if (!span) return "must be a duration such as 90s, 1h30m or 250ms, at most 8784h";
  // 0 is "no limit" to the server, which would raise the limit of the manifest.
  if (*span == Milliseconds{0}) return "must be longer than 0s: a directive can lower a limit, not lift it";
  into = *span;
  return {};
}

std::optional<std::string> take_lock_timeout(std::string_view value, const Target& target) {
  return take_time(value, target.first ? target.script.lock_timeout : target.statement.lock_timeout);
}

std::optional<std::string> take_statement_timeout(std::string_view value, const Target& target) {
  return take_time(value,
                   target.first ? target.script.statement_timeout : target.statement.statement_timeout);
}

std::optional<std::string> take_idempotent(std::string_view value, const Target& target) {
  if (value != "yes") return "must be 'yes'";
  (target.first ? target.script.idempotent : target.statement.idempotent) = true;
  return {};
}

std::optional<std::string> take_done_when(std::string_view value, const Target& target) {
  const std::string_view query = trim(value.substr(0, value.find_last_not_of("; \t") + 1));
  if (!is_word(query.substr(0, query.find_first_of(" \t(")), "select"))
    return "must be a SELECT that returns true once the statement has taken effect";
  if (query.find(';') != std::string_view::npos) return "must be one SELECT";
  target.statement.done_when = query;
  return {};
}

std::optional<std::string> take_irreversible(std::string_view value, const Target& target) {
  if (value.empty()) return "must say why there is no way back";
  target.script.irreversible = value;
  return {};
}

std::optional<std::string> take_drops(std::string_view value, const Target& target) {
  static constexpr std::array kKinds{
      "index",      "constraint", "default",  "not null", "trigger", "policy",
      "grant",      "comment",    "owner",    "column",   "table",   "replica identity",
      "statistics", "view",       "sequence", "function", "type"};
  while (!(value = trim(value)).empty()) {
    const std::size_t end = std::min(value.find(','), value.size());
    const std::string_view item = trim(value.substr(0, end));
    const auto* const kind = std::find_if(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
      return item.size() > kind.size() + 1 && is_word(item.substr(0, kind.size()), kind) &&
             item[kind.size()] == ' ';
    });
    if (kind == kKinds.end())
      return "must name what is lost: its kind and its name, such as 'index idx_cards_pack_rarity'";
    target.script.drops.push_back(std::string(*kind) + " " +
                                  std::string(trim(item.substr(std::string_view(*kind).size()))));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  if (target.script.drops.empty()) return "must name what is lost, such as 'index idx_cards_pack_rarity'";
  return {};
}

struct Known {
  std::string_view word;
  bool per_statement;  ///< May stand before any statement.
  bool repeats;
  Take take;
};

constexpr std::array kKnown{
    Known{"transaction", false, false, take_transaction},
    Known{"requires", false, true, take_requires},
    Known{"engine", false, false, take_engine},
    Known{"server", false, false, take_server},
    Known{"irreversible", false, false, take_irreversible},
    Known{"drops", false, true, take_drops},
    Known{"lock-timeout", true, false, take_lock_timeout},
    Known{"statement-timeout", true, false, take_statement_timeout},
    Known{"idempotent", true, false, take_idempotent},
    Known{"done-when", true, false, take_done_when},
};

Error unknown(const Directive& directive, const std::string& what) {
  return source_invalid("UnknownDirective", "dbm:" + directive.word + " " + what, directive.at);
}

/// How many letters must be put in, taken out or changed to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t before = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = before + (a[i - 1] == b[j - 1] ? 0 : 1);
      before = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

/// What is said of a word that is none: the one that was meant, if that can be guessed, else all.
std::string no_directive(std::string_view word) {
  constexpr std::size_t kLongest = 40, kNear = 2;
  std::string words;
  for (const Known& known : kKnown) {
    if (word.size() <= kLongest && distance(lower(word), known.word) <= kNear)
      return "is no directive: do you mean dbm:" + std::string(known.word) + "?";
    words += (words.empty() ? "" : ", ") + std::string(known.word);
  }
  return "is no directive: must be one of " + words;
}

}  // namespace

std::optional<Directive> read_directive(std::string_view comment) {
  comment.remove_prefix(std::min<std::size_t>(2, comment.size()));
  comment = trim(comment);
  if (!comment.starts_with("dbm:")) return std::nullopt;
  comment.remove_prefix(4);
  const std::size_t end = std::min(comment.find_first_of(" \t"), comment.size());
  return Directive{std::string(comment.substr(0, end)), std::string(trim(comment.substr(end))), {}};
}

Error misplaced(const Directive& directive, std::string_view why) {
  return unknown(directive, std::string(why));
}

Result<> sort_directives(const std::vector<Directive>& found, bool first, ScriptDirectives& script,
                         StatementDirectives& statement) {
  std::set<std::string_view> seen;
  for (const Directive& directive : found) {
    const auto* const known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& candidate) {
      return candidate.word == directive.word;
    });
    if (known == kKnown.end()) return unknown(directive, no_directive(directive.word));
    if (!first && !known->per_statement)
      return unknown(directive, "must stand before the first statement of the file");
    if (!seen.insert(known->word).second && !known->repeats) return unknown(directive, "stands twice");
    if (const auto must = known->take(directive.value, Target{script, statement, first}))
      return unknown(directive, *must);
  }
  return {};
}

}  // namespace dbm::script
