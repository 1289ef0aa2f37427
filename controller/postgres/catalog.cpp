#include "postgres/catalog.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/digest.h"
#include "postgres/snapshot_query.h"

namespace dbm::postgres {
namespace {

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         (c & 0x80) != 0;
}

std::size_t skip_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (text[at] == quote && (at + 1 >= text.size() || text[at + 1] != quote)) return at + 1;
    if (text[at] == quote) ++at;
  }
  return at;
}

/// From behind "::" to the end of the type's name, as format_type() writes it.
std::size_t skip_type(std::string_view text, std::size_t at) {
  while (at < text.size() && (is_name_byte(text[at]) || text[at] == '"'))
    at = text[at] == '"' ? skip_quoted(text, at) : at + 1;
  constexpr std::array<std::string_view, 5> kMore{" varying", " precision", " without time zone",
                                                  " with time zone", "[]"};
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view more : kMore) {
      if (!text.substr(at).starts_with(more)) continue;
      at += more.size();
      found = true;
    }
    const auto close = text.find_first_not_of("0123456789,", at + 1);
    if (at < text.size() && text[at] == '(' && close != std::string_view::npos && close > at + 1 &&
        text[close] == ')') {
      at = close + 1;
      found = true;
    }
  }
  return at;
}

bool holds_expression(const std::string& kind) {
  constexpr std::array<std::string_view, 9> kKinds{
      "constraint", "index", "view", "materialized view", "policy", "default", "column", "trigger", "rule"};
  return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

std::string plural(const std::string& kind) {
  if (kind.ends_with("y")) return kind.substr(0, kind.size() - 1) + "ies";
  if (kind.ends_with("x")) return kind + "es";
  return kind.ends_with("s") ? kind : kind + "s";
}

}  // namespace

/// An expression without casts, parentheses and blanks. `status IN ('a', 'b')` on a varchar column is printed
/// with the cast on the array before a dump and on its elements after the restore; both mean the same.
std::string bare_expression(std::string_view text) {
  std::string bare;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\'' || c == '"') {
      const auto end = skip_quoted(text, at);
      bare += text.substr(at, end - at);
      at = end;
    } else if (text.substr(at).starts_with("::")) {
      at = skip_type(text, at + 2);
    } else {
      if (c != '(' && c != ')' && c != ' ' && c != '\n' && c != '\t') bare += c;
      ++at;
    }
  }
  return bare;
}

std::string SchemaSnapshot::fingerprint() const {
  Sha256 digest;
  for (const CatalogObject& object : objects) {
    // An invalid index is left out because pg_dump leaves it out.
    if (object.inherited || (object.kind == "index" && !object.valid)) continue;
    const std::string definition =
        holds_expression(object.kind) ? bare_expression(object.definition) : object.definition;
    for (const std::string_view part :
         {std::string_view(object.kind), std::string_view(object.name), std::string_view(definition)}) {
      digest.update(part);
      digest.update(std::string_view("\0", 1));
    }
  }
  return "sha256:" + digest.finish_hex();
}

std::map<std::string, std::int64_t> SchemaSnapshot::counts() const {
  std::map<std::string, std::int64_t> counts;
  for (const CatalogObject& object : objects) ++counts[plural(object.kind)];
  return counts;
}

SchemaSnapshot read_snapshot(const Rows& rows) {
  SchemaSnapshot snapshot;
  snapshot.objects.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) {
    const auto text = [&](int column) { return std::string(rows.text(row, column)); };
    snapshot.objects.push_back({text(0), text(1), text(2), text(3), text(4), text(5), text(6),
                                rows.boolean(row, 7), rows.boolean(row, 8)});
  }
  std::sort(snapshot.objects.begin(), snapshot.objects.end(),
            [](const CatalogObject& a, const CatalogObject& b) {
              return std::tie(a.kind, a.name, a.definition) < std::tie(b.kind, b.name, b.definition);
            });
  return snapshot;
}

std::vector<std::string> snapshot_steps(std::string_view ledger_schema) {
  return {
      "SAVEPOINT dbm_snapshot",        "SET LOCAL search_path = pg_catalog, pg_temp",
      "SET LOCAL jit = off",  // with many objects it would take longer to compile the query than to run it
      snapshot_query(ledger_schema),   "ROLLBACK TO SAVEPOINT dbm_snapshot",
      "RELEASE SAVEPOINT dbm_snapshot"};
}

Result<SchemaSnapshot> take_snapshot(Session& session, std::string_view ledger_schema, Deadline deadline,
                                     const std::stop_token& stop) {
  const bool inside = PQtransactionStatus(session.raw()) == PQTRANS_INTRANS;
  std::vector<std::string> steps = snapshot_steps(ledger_schema);
  if (!inside) {
    steps.resize(kSnapshotAt + 1);
    steps.front() = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    steps.emplace_back("COMMIT");
  }
  auto answer = session.pipeline(steps, deadline, stop);
  if (answer.error) {
    if (!inside && !session.lost()) (void)session.exec("ROLLBACK");
    return *answer.error;
  }
  return read_snapshot(answer.rows[kSnapshotAt]);
}

}  // namespace dbm::postgres
