#pragma once
/// A fresh database, and a session of the program in it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "migration/engine.h"
#include "postgres/session.h"
#include "support/postgres_server.h"

namespace dbm::test {

inline migration::Target target_of(const Database& database) {
  migration::Target target;
  target.keywords = {{"host", "127.0.0.1"},
                     {"port", std::to_string(database.server().port())},
                     {"dbname", database.name()},
                     {"user", std::string(kLogin)},
                     {"password", std::string(kPassword)}};
  target.ledger_schema = "dbm";
  return target;
}

/// Connects as the login; a failure ends the test program, since nothing can be tested then.
inline postgres::Session connect_to(const Database& database) {
  auto session = postgres::Session::connect(target_of(database), {"dbm-test", {}},
                                            Deadline::after(std::chrono::seconds{20}), {});
  if (!session) throw std::runtime_error(session.error().message);
  return std::move(*session);
}

/// A fresh database of the shared server; `schema` is run by the login.
class DatabaseTest : public ::testing::Test {
 protected:
  void as_login(const std::string& text) { Session(database_.address(), kLogin)(text); }
  std::string ask(const std::string& text) const { return sql(database_, text); }

  Database database_ = PostgresServer::shared().fresh_database();
  migration::Target target_ = target_of(database_);
};

}  // namespace dbm::test
