#include "postgres/always_on.h"

#include <algorithm>
#include <set>

#include "postgres/lost_objects.h"

namespace dbm::postgres {
namespace {

using migration::CheckResult;

constexpr const char* kAfter = "After";

/// "index public.a, index public.b and 3 more".
std::string names_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMost; ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kMost ? text + " and " + std::to_string(names.size() - kMost) + " more" : text;
}

/// Objects of `kind` that are not valid now and were not already so in the baseline.
std::vector<std::string> newly_invalid(const SchemaSnapshot& now, const CheckBaseline* baseline,
                                       std::string_view kind) {
  std::set<std::string> known;
  if (baseline != nullptr)
    for (const CatalogObject& object : baseline->schema.objects)
      if (object.kind == kind && !object.valid) known.insert(object.identity);
  std::vector<std::string> names;
  for (const CatalogObject& object : now.objects)
    if (object.kind == kind && !object.valid && !known.contains(object.identity))
      names.push_back(object.name);
  return names;
}

CheckResult invalid_indexes(const SchemaSnapshot& now, const CheckBaseline* baseline) {
  const auto names = newly_invalid(now, baseline, "index");
  if (names.empty())
    return {"noInvalidIndexes", kAfter, "Passed",
            baseline != nullptr ? "no new invalid index" : "no invalid index"};
  return {"noInvalidIndexes", kAfter, baseline != nullptr ? "Failed" : "Warned",
          "invalid: " + names_of(names) + "; DROP INDEX CONCURRENTLY and build again"};
}

CheckResult unvalidated_constraints(const SchemaSnapshot& now, const CheckBaseline* baseline,
                                    bool on_purpose) {
  const auto names = newly_invalid(now, baseline, "constraint");
  if (names.empty())
    return {"constraintsValid", kAfter, "Passed",
            baseline != nullptr ? "no new constraint is left unvalidated" : "every constraint is validated"};
  const bool warn = on_purpose || baseline == nullptr;
  return {"constraintsValid", kAfter, warn ? "Warned" : "Failed",
          "not validated: " + names_of(names) + "; ALTER TABLE … VALIDATE CONSTRAINT"};
}

CheckResult schema_difference(const SchemaSnapshot& now, const CheckBaseline& baseline,
                              const PlanWords& words, const RehearsedChange* rehearsed) {
  const auto outcome = refuse_lost_objects(baseline.schema, now, words.losses, {});
  if (outcome && rehearsed != nullptr) {
    const std::string other = difference(*rehearsed, baseline.schema, now);
    if (!other.empty())
      return {"schemaDiff", kAfter, "Warned", "otherwise than in the dry run, the schema " + other};
  }
  if (outcome) return {"schemaDiff", kAfter, "Passed", "nothing was lost that no statement names"};
  std::string message = outcome.error().message;
  const std::string_view would = "would lose";
  return {"schemaDiff", kAfter, "Failed", "lost" + message.substr(would.size())};
}

// Only where max() is cheap: the first column of a valid btree index, or a table of at most 1,000 pages.
constexpr const char* kSequences = R"sql(
SELECT pg_catalog.format('%I.%I', n.nspname, s.relname), pg_catalog.format('%I.%I', tn.nspname, t.relname), pg_catalog.quote_ident(a.attname), s.oid
FROM pg_catalog.pg_class s JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
JOIN pg_catalog.pg_class t ON t.oid = d.refobjid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
WHERE s.relkind = 'S' AND q.seqincrement > 0 AND t.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND a.atttypid IN (20, 21, 23)
  AND pg_catalog.has_column_privilege(t.oid, a.attnum, 'SELECT') AND CASE WHEN s.relkind = 'S' THEN pg_catalog.has_sequence_privilege(s.oid, 'USAGE, SELECT') END
  AND NOT pg_catalog.row_security_active(t.oid)
  AND (t.relkind = 'r' AND t.relpages <= 1000 OR EXISTS (SELECT FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
       WHERE x.indrelid = t.oid AND x.indkey[0] = a.attnum AND x.indisvalid AND x.indpred IS NULL AND i.relam = 403))
ORDER BY 1 LIMIT 1000
)sql";

/// One statement for a slice of the sequences: those that are behind, by name and column. No value leaves the
/// server.
std::string behind_query(const Rows& sequences, int begin, int end) {
  std::string sql;
  for (int row = begin; row < end; ++row) {
    const std::string table(sequences.text(row, 1)), column(sequences.text(row, 2));
    sql += std::string(row == begin ? "" : " UNION ALL ") + "SELECT " +
           quote_literal(std::string(sequences.text(row, 0)) + " of " + table + "." + column) +
           " WHERE (SELECT pg_catalog.max(" + column + ") FROM " + table +
           ") > coalesce(pg_catalog.pg_sequence_last_value(" + std::string(sequences.text(row, 3)) + "), 0)";
  }
  return sql;
}

}  // namespace

std::vector<CheckResult> judge_schema(const SchemaSnapshot& now, const CheckBaseline* baseline,
                                      const PlanWords& words, const RehearsedChange* rehearsed) {
  std::vector<CheckResult> results{invalid_indexes(now, baseline),
                                   unvalidated_constraints(now, baseline, words.says_not_valid)};
  if (baseline != nullptr) results.push_back(schema_difference(now, *baseline, words, rehearsed));
  return results;
}

std::vector<std::string> sequence_steps() { return {"SET LOCAL statement_timeout = 1000", kSequences}; }

Result<CheckResult> judge_sequences(const Asking& asking, const Result<Rows>& sequences) {
  const auto until = Deadline::after(std::chrono::seconds{1});
  const auto skipped = [&asking](const Error& error) {
    return error.sqlstate == "57014" && !asking.stop.stop_requested();
  };
  const CheckResult would_be_long{"sequences", kAfter, "Warned", "skipped: it would take longer than 1 s"};
  if (!sequences) return skipped(sequences.error()) ? Result<CheckResult>{would_be_long} : sequences.error();

  constexpr int kSlice = 50;
  std::vector<std::string> behind;
  for (int row = 0; row < sequences->size(); row += kSlice) {
    const auto found =
        until.passed()
            ? Result<Rows>{Error{ErrorKind::Terminal, "", "", "", "57014"}}
            : asking.session.exec(behind_query(*sequences, row, std::min(row + kSlice, sequences->size())),
                                  asking.deadline, asking.stop);
    if (!found && skipped(found.error())) return would_be_long;
    if (!found) return found.error();
    for (int i = 0; i < found->size(); ++i) behind.emplace_back(found->text(i, 0));
  }
  if (behind.empty()) return CheckResult{"sequences", kAfter, "Passed", "no sequence is behind its column"};
  return CheckResult{"sequences", kAfter, "Warned",
                     "behind the largest value of its column: " + names_of(behind) +
                         "; the next INSERT may fail, use setval()"};
}

}  // namespace dbm::postgres
