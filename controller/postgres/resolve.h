#pragma once
/// A person's word on a version whose outcome nobody else can tell.

#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/run_context.h"

namespace dbm::postgres {

/// Records `version` as applied, or makes it pending again, in one fenced transaction. What is so already is
/// left alone. Terminal/InvalidSpec/InvalidValue for a version the ledger knows nothing of (it cannot be
/// called applied), and for Pending of one whose row is applied and closed: nothing about it is unknown.
Result<> resolve_version(RunContext& run, const std::string& version, migration::Resolution resolution,
                         Deadline deadline, const std::stop_token& stop);

}  // namespace dbm::postgres
