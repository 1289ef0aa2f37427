#pragma once
/// What the ledger and the database show at one moment, as the plan and the status need it. One round trip.

#include "migration/engine.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// Creates nothing. A ledger that is not ours is told in the Inspection, not as an Error.
/// InvalidSpec/ServerTooOld, Transient with cause ReadOnly.
Result<migration::Inspection> inspect(Session& session, const std::string& schema,
                                      const migration::InspectOptions& options, Deadline deadline,
                                      const std::stop_token& stop);

}  // namespace dbm::postgres
