#pragma once
/// Creating and upgrading the ledger, under the run lock.

#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/engine.h"
#include "postgres/look.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// PermissionDenied/InsufficientPrivilege when the schema is missing and the login may not create it.
Result<> refuse_without_create(const Look& seen, const std::string& schema);

/// Creates schema (unless an empty one of ours is there), tables, functions and the fence row in one
/// transaction. Returns the new ledger's id.
Result<std::string> create_ledger(Session& work, const Look& seen, const std::string& schema,
                                  const migration::Owner& owner, Deadline deadline,
                                  const std::stop_token& stop);

/// Brings a ledger of version `from` to this program's, one transaction per version. Nothing to do: nothing
/// is sent.
Result<> upgrade_ledger(Session& work, const std::string& schema, int from, Deadline deadline,
                        const std::stop_token& stop);

}  // namespace dbm::postgres
