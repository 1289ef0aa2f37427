#include "postgres/ask_schema.h"

#include <algorithm>
#include <array>

#include "postgres/catalog.h"

namespace dbm::postgres {
namespace {

constexpr const char* kTable = "SELECT pg_catalog.to_regclass($1) IS NOT NULL";

constexpr const char* kColumn = R"sql(
SELECT t.oid IS NOT NULL, a.attname IS NOT NULL, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), a.atttypid, a.atttypmod
FROM (SELECT pg_catalog.to_regclass($1) AS oid) t
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
)sql";

// An unqualified index is looked for beside its table first.
constexpr const char* kIndex = R"sql(
SELECT x.indexrelid IS NOT NULL, x.indrelid = n.on_table, x.indrelid::pg_catalog.regclass::text, am.amname, x.indisunique, x.indisvalid AND x.indisready,
       coalesce(pg_catalog.pg_get_expr(x.indpred, x.indrelid), ''), x.indnkeyatts,
       (SELECT pg_catalog.string_agg(pg_catalog.pg_get_indexdef(x.indexrelid, k, true), E'\x1f' ORDER BY k)
        FROM pg_catalog.generate_series(1, x.indnkeyatts) k)
FROM (SELECT coalesce((SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class t ON t.oid = pg_catalog.to_regclass($2) AND c.relnamespace = t.relnamespace
                       WHERE c.relname = $1),
                      pg_catalog.to_regclass($1)::pg_catalog.oid) AS oid, pg_catalog.to_regclass($2)::pg_catalog.oid AS on_table) n
LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = n.oid
LEFT JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
)sql";

/// "expected type text, is integer; expected NOT NULL, is nullable".
class Differences {
 public:
  explicit Differences(std::string what) : what_(std::move(what)) {}
  void compare(bool equal, const std::string& expected, const std::string& actual) {
    if (!equal) text_ += (text_.empty() ? "" : "; ") + ("expected " + expected + ", is " + actual);
  }
  [[nodiscard]] Answer answer() const {
    return text_.empty() ? Answer{true, what_ + " is as expected"} : Answer{false, what_ + ": " + text_};
  }

 private:
  std::string what_, text_;
};

Answer presence(const std::string& what, bool is_there, bool absent) {
  if (is_there == absent) return {false, what + (absent ? " is there, expected none" : " is not there")};
  return {true, what + (absent ? " is not there, as expected" : " is there")};
}

bool same_expression(std::string_view a, std::string_view b) {
  return a == b || bare_expression(a) == bare_expression(b);
}
std::string or_none(std::string_view text) { return text.empty() ? "none" : std::string(text); }

/// Only what a type's name is made of: it becomes part of a statement.
bool is_type_name(const std::string& type) {
  return std::ranges::all_of(type, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
           std::string_view(" _(),.[]\"").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

/// Whether the type as people write it is the column's: by its printed name, or as the server resolves it.
Result<bool> same_type(const Asking& asking, const std::string& expected, const Rows& column) {
  if (expected == column.text(0, 2)) return true;
  if (!is_type_name(expected))
    return Error{ErrorKind::Terminal, "ValidationFailed", "type " + expected + " is no name of a type"};
  if (expected.find('(') == std::string::npos) {
    const std::array<Param, 2> params{expected, std::string(column.text(0, 5))};
    const auto rows =
        asking.session.exec("SELECT pg_catalog.to_regtype($1)::pg_catalog.oid = $2::pg_catalog.oid", params,
                            asking.deadline, asking.stop);
    if (!rows) return rows.error();
    if (rows->boolean(0, 0)) return true;
  }
  const auto rows =
      asking.session.exec("SELECT CAST(NULL AS " + expected + ")", asking.deadline, asking.stop);
  if (!rows) return rows.error();
  return std::to_string(PQftype(rows->raw(), 0)) == column.text(0, 5) &&
         PQfmod(rows->raw(), 0) == column.number(0, 6);
}

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  return "(" + list + ")";
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find('\x1f'), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool same_columns(const std::vector<std::string>& expected, const std::vector<std::string>& actual) {
  return std::ranges::equal(expected, actual, [](const auto& a, const auto& b) {
    return quote_ident(a) == b || same_expression(a, b);
  });
}

}  // namespace

Result<Answer> ask_table(const Asking& asking, const migration::TableCheck& check) {
  const std::array<Param, 1> params{check.table};
  const auto rows = asking.session.exec(kTable, params, asking.deadline, asking.stop);
  if (!rows) return rows.error();
  return presence("table " + check.table, rows->boolean(0, 0), check.absent);
}

Result<Answer> ask_column(const Asking& asking, const migration::ColumnCheck& check) {
  const std::array<Param, 2> params{check.table, check.name};
  const auto rows = asking.session.exec(kColumn, params, asking.deadline, asking.stop);
  if (!rows) return rows.error();
  if (!rows->boolean(0, 0) && !check.absent) return Answer{false, "table " + check.table + " is not there"};
  const std::string what = "column " + check.table + "." + check.name;
  const bool is_there = rows->boolean(0, 1);
  if (check.absent || !is_there) return presence(what, is_there, check.absent);

  Differences differences{what};
  if (!check.type.empty()) {
    const auto same = same_type(asking, check.type, *rows);
    if (!same) return same.error();
    differences.compare(*same, "type " + check.type, std::string(rows->text(0, 2)));
  }
  const bool nullable = !rows->boolean(0, 3);
  if (check.nullable)
    differences.compare(*check.nullable == nullable, *check.nullable ? "nullable" : "NOT NULL",
                        nullable ? "nullable" : "NOT NULL");
  const auto default_now = rows->text(0, 4);
  if (check.default_)
    differences.compare(same_expression(*check.default_, default_now), "default " + or_none(*check.default_),
                        or_none(default_now));
  return differences.answer();
}

Result<Answer> ask_index(const Asking& asking, const migration::IndexCheck& check) {
  const std::array<Param, 2> params{check.name, check.table.empty() ? Param{} : Param{check.table}};
  const auto rows = asking.session.exec(kIndex, params, asking.deadline, asking.stop);
  if (!rows) return rows.error();
  const std::string what = "index " + check.name;
  const bool is_there = rows->boolean(0, 0);
  if (check.absent || !is_there) return presence(what, is_there, check.absent);

  Differences differences{what};
  if (!check.table.empty())
    differences.compare(rows->boolean(0, 1), "on table " + check.table,
                        "on " + std::string(rows->text(0, 2)));
  const auto columns = split(rows->text(0, 8));
  if (!check.columns.empty())
    differences.compare(same_columns(check.columns, columns), "columns " + list_of(check.columns),
                        list_of(columns));
  if (!check.method.empty())
    differences.compare(check.method == rows->text(0, 3), "method " + check.method,
                        std::string(rows->text(0, 3)));
  const bool unique = rows->boolean(0, 4);
  if (check.unique)
    differences.compare(*check.unique == unique, *check.unique ? "unique" : "not unique",
                        unique ? "unique" : "not unique");
  if (!check.where.empty())
    differences.compare(same_expression(check.where, rows->text(0, 6)), "where " + check.where,
                        or_none(rows->text(0, 6)));
  differences.compare(rows->boolean(0, 5), "valid", "INVALID");
  return differences.answer();
}

}  // namespace dbm::postgres
