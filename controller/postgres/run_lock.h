#pragma once
/// The run lock: a session-level advisory lock, one per ledger and database. Who holds it knows that no other
/// run, alive or orphaned, is executing anything.

#include <cstdint>
#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// The key of a ledger.
std::int64_t run_lock_key(const std::string& ledger_id);
/// The key before there is a ledger.
std::int64_t bootstrap_lock_key(const std::string& database, const std::string& schema);

/// Polls a try-lock on `work`, outside any transaction: a blocking one would deadlock with CREATE INDEX
/// CONCURRENTLY. Waiting/WaitingForLock after 30 s, naming the holder as `watch` sees it. Call it once:
/// session locks stack.
Result<> acquire_run_lock(Session& work, Session& watch, std::int64_t key, Deadline deadline,
                          const std::stop_token& stop);

/// Must give the lock back exactly once. Transient/…/RunLockLost when it was not held any more.
Result<> release_run_lock(Session& work, std::int64_t key);

}  // namespace dbm::postgres
