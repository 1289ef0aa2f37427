#pragma once
/// The rule of the lost objects (docs: every lost object must be named by a statement or declared). Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "postgres/catalog.h"

namespace dbm::postgres {

/// What the statement itself says it takes away, beyond StatementClass::dropped, by its first words: DROP NOT
/// NULL, DROP DEFAULT, OWNER TO, REVOKE, COMMENT ON … IS NULL, REPLICA IDENTITY, SET SCHEMA, DROP IDENTITY,
/// DROP EXPRESSION, DROP of any kind. "not null public.orders.note", "owner orders", … names as written.
std::vector<std::string> losses_named_by(std::string_view statement);

/// What `before` had and `after` does not, by final name: a property of a column or table that now stands
/// under the same name counts as lost even if the old column was dropped on purpose. Renamed objects are not
/// lost, and what belonged to a thing that is gone is covered by its container.
std::vector<CatalogObject> lost_between(const SchemaSnapshot& before, const SchemaSnapshot& after);

/// Terminal/ApplyFailed/LostObject naming everything lost that no entry of `named` (as written, qualified or
/// not: "index ix", "column t.c") or of `declared` (the same form, from `-- dbm:drops`) covers, with the
/// remedy. Ok otherwise.
Result<> refuse_lost_objects(const SchemaSnapshot& before, const SchemaSnapshot& after,
                             const std::vector<std::string>& named, const std::vector<std::string>& declared);

}  // namespace dbm::postgres
