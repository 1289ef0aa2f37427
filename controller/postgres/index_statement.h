#pragma once
/// CREATE INDEX CONCURRENTLY taken apart, so that the same index can be built on an empty copy. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace dbm::postgres {

struct IndexStatement {
  bool unique = false, only = false, if_not_exists = false;
  std::string name;       ///< as written; an index has no schema of its own there
  std::string relation;   ///< as written
  std::string_view rest;  ///< from after the table's name to the end: "USING btree (a) WHERE b"
};

/// Nothing when the text is no CREATE INDEX with a name.
std::optional<IndexStatement> read_index_statement(std::string_view text);

}  // namespace dbm::postgres
