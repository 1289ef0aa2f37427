#pragma once
/// Opening a connection: the keywords as libpq gets them, and what its refusals mean.

#include <libpq-fe.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/engine.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// A connection's keywords: the target's, with those of docs/exactly-once.md#sessions laid over or under.
std::map<std::string, std::string> connection_keywords(const migration::Target& target,
                                                       const SessionOptions& options);

/// What libpq's words of a failed connection mean. It was told to report SQLSTATEs instead of the server's
/// texts (PQERRORS_SQLSTATE), so they hold neither values nor anything translated.
Error connect_error(const std::string& libpq_message, const migration::Target& target);

/// "db.example:5432/orders" for messages.
std::string describe(const migration::Target& target);

/// Takes every PG… variable out of our environment, so that nothing but the manifest says where we connect.
/// Before the first connection, while there is one thread.
void forget_libpq_environment();

}  // namespace dbm::postgres
