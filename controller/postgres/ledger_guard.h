#pragma once
/// What stands between a script and the row that says it was applied: the ledger must still be as we made it
/// when the row is closed. A trigger on `history`, another `leave`, a rule would let the effect commit
/// without its row.

#include <string>
#include <string_view>

#include "migration/plan.h"

namespace dbm::postgres {

/// One statement that raises MG005 unless the ledger is unaltered, as the first look of a run found it. Needs
/// no reply, so it costs no round trip. To be sent as the login, with search_path = pg_catalog, pg_temp.
std::string guard_sql(const std::string& schema);

/// Whether what the script does may not be in its text: DO, CALL, EXECUTE, functions of unknown body, SET,
/// anything the classes do not know. Then the ledger is looked at before its row is closed.
bool may_hide_something(const script::Analysis& analysis);
/// Whether a statement that is no plain change of rows speaks of the ledger's schema, as far as its letters
/// tell (too often rather than too seldom): it may put a trigger on our tables openly.
bool speaks_of_ledger(std::string_view statement, std::string_view schema);

/// Terminal, cause LedgerAltered, of a guard that raised; other errors stay as they are.
Error ledger_altered(Error error, std::string_view reason);

}  // namespace dbm::postgres
