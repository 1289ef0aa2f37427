#pragma once
/// What on the server would make DDL wait, seen before anything is queued.

#include <stop_token>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// One line each, for this database: transactions older than 30 s, prepared transactions, autovacuum against
/// wraparound, index builds. User, application, state and age; never the text of a statement.
Result<std::vector<std::string>> find_blockers(Session& session, Deadline deadline,
                                               const std::stop_token& stop);

}  // namespace dbm::postgres
