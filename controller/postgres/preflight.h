#pragma once
/// What stands in the way, found by looking: rights, client programs, blockers, size. And the server as judge
/// of grammar.

#include <stop_token>
#include <string>

#include "migration/engine.h"
#include "migration/object.h"
#include "migration/plan.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// Terminal: InvalidSpec/ServerTooOld, PermissionDenied/SuperuserLogin,
/// PermissionDenied/InsufficientPrivilege (what is missing and the GRANT that gives it),
/// BackupFailed/ClientTooOld. Blockers and warnings are only reported.
Result<migration::Preflight> look_first(Session& session, const migration::Target& target,
                                        const migration::Spec& spec, const migration::Plan& plan,
                                        Deadline deadline, const std::stop_token& stop);

/// Has the server parse (run nothing of) the pending statements that our grammar did not understand. An error
/// 42601 of the server's scanner or grammar is Terminal/SourceInvalid/SyntaxError at file, line and column;
/// anything else is no finding.
Result<> parse_pending(Session& session, const migration::Plan& plan, Deadline deadline,
                       const std::stop_token& stop);

}  // namespace dbm::postgres
