#pragma once
/// Scripts in a transaction, statement by statement, not chained (docs/exactly-once.md#transaction).

#include <span>

#include "postgres/execution.h"

namespace dbm::postgres {

/// What came of scripts in one transaction.
struct TransactionOutcome {
  std::vector<migration::AppliedScript> applied;  ///< all of them once it is committed
  std::size_t script = 0;                         ///< the one that `error` is about
  std::optional<Error> error;
};

/// One try: each script's row, statements and leave() in turn, then one COMMIT. `scripts` is one script, or
/// all that are pending (apply.transaction: AllPending). After an error everything is rolled back; InDoubt
/// when the reply to COMMIT was lost. A lock time-out (55P03) comes back as an error like any other.
TransactionOutcome apply_in_transaction(Execution& execution,
                                        std::span<const migration::PendingScript> scripts,
                                        Milliseconds lock_limit);

}  // namespace dbm::postgres
