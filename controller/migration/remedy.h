#pragma once
/// What to do about a failure, one line, for every reason, cause and SQLSTATE we can meet.

#include <string>
#include <vector>

#include "base/result.h"
#include "migration/object.h"

namespace dbm::migration {

/// The error's own remedy, else the narrowest known: by SQLSTATE, its class, cause, reason. Never empty.
std::string remedy_for(const Error& error);

/// An error as the status and the ledger's run row keep it.
FailureStatus failure_of(const Error& error);

/// The message with its place in front, where it does not name the file already.
std::string message_of(const Error& error);

/// The causes that have a remedy here, for tests that none lacks one and all are in docs/status.md#causes.
std::vector<std::string> known_causes();

}  // namespace dbm::migration
