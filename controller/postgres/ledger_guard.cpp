#include "postgres/ledger_guard.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "postgres/ledger_scripts.h"
#include "postgres/ledger_state.h"
#include "postgres/session.h"

namespace dbm::postgres {
namespace {

/// Beside what the look finds: expressions of others that our own UPDATE would evaluate.
constexpr std::string_view kExpressions = R"sql(
UNION ALL SELECT 'foreign', k.conname::text, '' FROM pg_catalog.pg_constraint k, pg_catalog.pg_namespace n
  WHERE n.nspname = @NAME@ AND k.connamespace = n.oid AND k.contype = 'c'
    AND k.conname NOT IN ('fence_only_row_check', 'history_direction_check', 'history_status_check')
UNION ALL SELECT 'foreign', c.relname::text, '' FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n, pg_catalog.pg_index i
  WHERE n.nspname = @NAME@ AND c.relnamespace = n.oid AND i.indexrelid = c.oid
    AND (i.indexprs IS NOT NULL OR (i.indpred IS NOT NULL AND c.relname NOT IN ('history_one_applied', 'history_one_running'))))sql";

std::string with_name(std::string_view text, const std::string& schema) {
  constexpr std::string_view kMark = "@NAME@";
  std::string sql{text};
  for (auto at = sql.find(kMark); at != std::string::npos; at = sql.find(kMark, at))
    sql.replace(at, kMark.size(), quote_literal(schema));
  return sql;
}

/// Words of statements that change rows, and nothing else by themselves.
bool changes_rows_only(std::string_view statement) {
  constexpr std::array<std::string_view, 5> kWords{"insert", "update", "delete", "copy", "truncate"};
  return std::ranges::any_of(kWords, [&](std::string_view word) {
    return statement.size() > word.size() &&
           std::isspace(static_cast<unsigned char>(statement[word.size()])) != 0 &&
           std::ranges::equal(word, statement.substr(0, word.size()), [](char a, char b) {
             return a == std::tolower(static_cast<unsigned char>(b));
           });
  });
}

bool contains_folded(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace

std::string guard_sql(const std::string& schema) {
  std::string known;
  for (const auto& [name, fingerprint] : ledger_functions(ledger_version(), schema))
    known += (known.empty() ? "(" : ", (") + quote_literal(name) + ", " + quote_literal(fingerprint) + ")";
  const std::string body =
      "BEGIN IF (WITH shape (kind, name, more) AS MATERIALIZED (" + shape_sql(schema) +
      with_name(kExpressions, schema) +
      ") SELECT EXISTS (SELECT FROM shape WHERE kind = 'foreign') OR EXISTS (SELECT FROM (VALUES " + known +
      ") w (name, more) WHERE (SELECT pg_catalog.string_agg(s.more, ',') FROM shape s WHERE s.kind = "
      "'function' AND s.name = w.name) IS DISTINCT FROM w.more)) THEN RAISE EXCEPTION 'the ledger was "
      "altered' USING ERRCODE = 'MG005'; END IF; END";
  return "DO LANGUAGE plpgsql " + quote_literal(body);
}

bool may_hide_something(const script::Analysis& analysis) {
  return analysis.changes_session || (analysis.effects & (script::kUnknown | script::kExternal)) != 0;
}

bool speaks_of_ledger(std::string_view statement, std::string_view schema) {
  if (changes_rows_only(statement)) return false;
  return contains_folded(statement, schema) || contains_folded(statement, "u&\"");
}

Error ledger_altered(Error error, std::string_view reason) {
  if (error.sqlstate != "MG005") return error;
  error.kind = ErrorKind::Terminal;
  error.reason = reason;
  error.cause = "LedgerAltered";
  error.message = "the script, or what it called, altered the ledger's tables or functions";
  return error.with_remedy("take out of the script what touches the ledger's schema");
}

}  // namespace dbm::postgres
