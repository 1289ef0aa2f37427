#pragma once
/// One look at a database and its ledger, in one round trip whatever the ledger holds.

#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/engine.h"
#include "postgres/identity.h"
#include "postgres/ledger_state.h"
#include "postgres/session.h"

namespace dbm::postgres {

struct Look {
  Identity identity;
  LedgerShape shape;
  int version = 0;  ///< of the ledger, as it recorded it; 0: none
  std::optional<LedgerFence> fence;
  std::vector<Rows> always,
      of_ledger;  ///< answers to the further statements, in order; of_ledger empty without a ledger
};

/// What else to ask in the same transaction: statements that can always be answered, and such that need the
/// ledger.
struct LookFurther {
  std::vector<std::string> always = {}, of_ledger = {};
};

/// All in one read-only REPEATABLE READ transaction, so that rows and fence are of one moment. A ledger that
/// is missing or laid out differently is no error: judge() says what it is.
Result<Look> look(Session& session, const std::string& schema, const LookFurther& further, Deadline deadline,
                  const std::stop_token& stop);

/// Absent, Ours, or why not.
Judgement judge(const Look& seen, const std::string& schema, const migration::Owner& owner);

}  // namespace dbm::postgres
