#include "postgres/rehearsal_scan.h"

#include "base/units.h"
#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

/// As much as is read within a moment, even from a disk.
constexpr std::int64_t kReadInAMoment = std::int64_t{32} << 20;

/// The table whose rows are all read to validate a constraint; empty for any other statement.
std::string validated_table(std::string_view statement) {
  const auto words = sql_words(statement, 200);
  WordReader reader{words};
  if (!reader.take({"alter", "table"})) return {};
  (void)reader.take({"if", "exists"});
  (void)reader.take({"only"});
  std::string table = reader.take_name();
  return reader.skip_to("validate") ? table : std::string{};
}

/// Partitions included.
std::string bytes_of(const std::string& table) {
  return "SELECT COALESCE((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid)) FROM "
         "pg_catalog.pg_partition_tree(t.oid) p), pg_catalog.pg_relation_size(t.oid), 0)::pg_catalog.int8 "
         "FROM "
         "(SELECT pg_catalog.to_regclass(" +
         quote_literal(table) + ")) t(oid)";
}

}  // namespace

Result<std::string> long_scan(Session& work, std::string_view statement, Deadline deadline,
                              const std::stop_token& stop) {
  const std::string table = validated_table(statement);
  if (table.empty()) return std::string{};
  const auto bytes = work.exec(bytes_of(table), deadline, stop);
  if (!bytes) return bytes.error();
  if (bytes->number(0, 0) <= kReadInAMoment) return std::string{};
  return "it would read all of " + table + " (" +
         format_bytes(static_cast<std::uint64_t>(bytes->number(0, 0))) +
         ") while others wait for locks taken before it";
}

}  // namespace dbm::postgres
