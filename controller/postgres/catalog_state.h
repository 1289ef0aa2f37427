#pragma once
/// What the catalog says, at this moment, about the objects of statements outside a transaction.

#include <string>
#include <vector>

#include "base/deadline.h"
#include "postgres/probe.h"

namespace dbm::postgres {

/// One query on *work*, outside a transaction.
Result<Rows> ask_catalog(RunContext& run, const std::string& sql, const std::vector<Param>& params,
                         Deadline deadline);

/// "present", "absent", "invalid" (an index), "pending" (a partition half detached): the object of an intent
/// now.
Result<std::string> state_of(RunContext& run, const Intent& intent, Deadline deadline);

/// Of the index $1, a name: "present" or "invalid"; its definition without names; whether somebody builds it
/// right now.
extern const char* const kIndexState;
/// Invalid leftovers of REINDEX CONCURRENTLY (_ccnew, _ccold) of the index or table $1 ('': anywhere), but
/// for the oids in $2: name, oid.
extern const char* const kLeftovers;

}  // namespace dbm::postgres
