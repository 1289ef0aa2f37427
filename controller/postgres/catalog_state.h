#pragma once
/// What the catalog says, at this moment, about the objects of statements outside a transaction.

#include <string>
#include <vector>

#include "base/deadline.h"
#include "postgres/probe.h"

namespace dbm::postgres {

/// One query on *work* with these texts for $1, $2; as the login, with nothing but the system's schemas in
/// sight: names must be qualified, and what the server prints names schemas in full whatever the session's
/// search_path.
Result<Rows> ask_catalog(RunContext& run, std::string_view sql, const std::vector<std::string>& texts,
                         Deadline deadline);
/// The definition, without names, of an index that is there; else empty.
Result<std::string> index_definition(RunContext& run, const std::string& index, Deadline deadline);

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
