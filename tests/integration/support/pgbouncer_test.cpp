#include "support/pgbouncer.h"

#include <gmock/gmock.h>

namespace dbm::test {
namespace {

class PgBouncerTest : public ::testing::Test {
 protected:
  Database database_ = PostgresServer::shared().fresh_database();
  PgBouncer pooler_{database_};

  /// One client takes a session lock and leaves; another looks whether it is still held.
  std::string locks_left_by_a_client(const std::string& mode) {
    { Session(pooler_.address(mode), kLogin)("SELECT pg_advisory_lock(42)"); }
    return sql(database_, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42");
  }
};

TEST_F(PgBouncerTest, TransactionModeLeaksSessionLocks) {
  EXPECT_EQ(locks_left_by_a_client("transaction"), "1");
}

TEST_F(PgBouncerTest, SessionModeResetsThem) {
  { Session(pooler_.address("session"), kLogin)("SELECT pg_advisory_lock(42)"); }
  EXPECT_TRUE(eventually([&] {
    return sql(database_, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42") == "0";
  }));
}

}  // namespace
}  // namespace dbm::test
