#pragma once

#include <string>
#include <string_view>

namespace dbm::postgres {

/// The one query behind take_snapshot: kind, name, container, definition, identity, container's identity,
/// masked definition, valid. Wants search_path = pg_catalog, so that every other name is printed with its
/// schema.
std::string snapshot_query(std::string_view ledger_schema);

}  // namespace dbm::postgres
