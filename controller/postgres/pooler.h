#pragma once
/// The settings a run's sessions need, and what stands between us and the server when they do not arrive.

#include <map>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/engine.h"
#include "postgres/identity.h"
#include "postgres/session.h"

namespace dbm::postgres {

enum class RunRole { Work, Watch };

/// Server settings of a session (docs/exactly-once.md#sessions), written as SHOW prints them, so that they
/// can be read back. `version_num` 0: not known yet, only what every supported server has.
std::map<std::string, std::string> run_settings(RunRole role, int version_num);
/// One statement, one row: what the server has for each of `settings`, in their order.
std::string read_back_sql(const std::map<std::string, std::string>& settings);
/// Whether all arrived. Over a Unix socket (`host` begins with /) those of TCP read 0.
bool arrived(const Rows& read_back, const std::map<std::string, std::string>& settings,
             const migration::Target& target);
/// One statement that sets them for the session.
std::string set_sql(const std::map<std::string, std::string>& settings);

/// Connects with `settings` in `options`; where a pooler refuses those (08P01), without. `refused` says
/// which.
Result<Session> connect_with_settings(const migration::Target& target, const std::string& application_name,
                                      const std::map<std::string, std::string>& settings, bool& refused,
                                      Deadline deadline, const std::stop_token& stop);

/// Proves that a session keeps its server connection: while a second connection holds a transaction, the
/// first must still be served, by the same backend, and the second by another. Else
/// Terminal/PoolerDetected/TransactionPooling.
Result<> prove_session_mode(Session& session, const migration::Target& target, Deadline deadline,
                            const std::stop_token& stop);

}  // namespace dbm::postgres
