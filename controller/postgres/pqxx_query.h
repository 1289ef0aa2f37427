#pragma once
/// Our own short queries by libpqxx, over a session's connection.

#include <pqxx/result>
#include <string>

#include "base/result.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// One statement outside a transaction, values quoted in. libpqxx's exceptions end here: the server's errors
/// are translated by sqlstate.h, a broken connection is connection_lost().
Result<pqxx::result> query_with_pqxx(Session& session, const std::string& sql);

}  // namespace dbm::postgres
