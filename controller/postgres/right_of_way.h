#pragma once
/// Before a statement that holds a strong lock for long, or that waits for the transactions of others: who
/// would be in its way is looked up first, so that it does not queue where everybody else would queue behind
/// it (docs/locks.md#right-of-way).

#include <string>
#include <vector>

#include "postgres/execution.h"
#include "script/classify.h"

namespace dbm::postgres {

/// What one or several statements are going to ask of the server.
struct Needs {
  std::vector<std::string> relations;  ///< as written; for an index its table is meant
  bool snapshots = false;              ///< it waits for every older snapshot of the database
  [[nodiscard]] bool any() const { return snapshots || !relations.empty(); }
};
/// Nothing for a statement whose lock is brief.
void add_needs(Needs& needs, const script::StatementClass& what);
/// Of a script's statements, as far as its analysis names them.
Needs needs_of(const migration::PendingScript& script);

/// Waits, holding nothing, until those have ended who were in the way when it was called: transactions open
/// for more than 30 s and prepared ones with a lock on the relations (or, for `snapshots`, with a snapshot),
/// an autovacuum against wraparound, index builds. Who comes later is left to the lock schedule, so that this
/// ends even on a busy table. Each look is reported. Ok also when nobody can be seen. Waiting/WaitingForLock
/// at the caller's deadline, Cancelled when asked to stop.
Result<> wait_for_right_of_way(Execution& execution, const migration::PendingScript& script,
                               const Needs& needs);

}  // namespace dbm::postgres
