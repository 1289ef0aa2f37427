// pgbouncer in front of the server: refused in transaction mode before anything is touched, fine in session
// mode (docs/exactly-once.md#poolers-and-standbys).

#include <gmock/gmock.h>

#include "desk.h"
#include "support/pgbouncer.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

std::string name_of(const ::testing::TestParamInfo<PoolOptions>& info) {
  return "PoolOf" + std::to_string(info.param.size) + (info.param.ignores_options ? "DroppingOptions" : "");
}

class Pooler : public ::testing::TestWithParam<PoolOptions> {
 protected:
  Pooler() : world_(PostgresServer::shared()), pooler_(world_.database(), GetParam()) {
    jobs()[1].prepare(world_);
  }
  World world_;
  PgBouncer pooler_;
};

class TransactionPool : public Pooler {};

TEST_P(TransactionPool, IsDetectedAndNothingTouched) {
  world_.manifest.url = pooler_.url("transaction");

  const auto finished = world_.apply({}, {"--timeout", "30s"});

  EXPECT_EQ(finished.exit_code, 1) << finished.err;
  EXPECT_EQ(world_.condition("Stalled"), "True/PoolerDetected");
  EXPECT_THAT(finished.err, HasSubstr("session mode"));
  EXPECT_EQ(world_.sql("SELECT to_regnamespace('dbm') IS NULL"), "t");
  EXPECT_EQ(world_.canary(), canary_after(0));
  EXPECT_EQ(world_.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid "
                       "FROM pg_database WHERE datname = current_database())"),
            "0");
}

INSTANTIATE_TEST_SUITE_P(Pools, TransactionPool,
                         ::testing::Values(PoolOptions{1, false}, PoolOptions{20, false},
                                           PoolOptions{20, true}),
                         name_of);

class SessionPool : public Pooler {};

TEST_P(SessionPool, DoesEverything) {
  for (const Job& job : jobs()) {
    SCOPED_TRACE(job.name);
    World world(PostgresServer::shared());
    const PgBouncer pooler(world.database(), GetParam());
    job.prepare(world);
    world.manifest.url = pooler.url("session");
    const auto finished = world.apply();
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    job.expect(world);
  }
}

TEST_P(SessionPool, TakesABackup) {
  World world(PostgresServer::shared(), {"0001"});
  PoolOptions options = GetParam();
  options.size = 10;
  const PgBouncer pooler(world.database(), options);
  world.manifest.url = pooler.url("session");
  world.manifest.backup = "{method: Logical}";

  const auto finished = world.apply({}, {"--timeout", "10s"});

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  world.expect_exactly_once({"0001"});
}

TEST_P(SessionPool, LeavesNoLockBehindForTheNextClient) {
  world_.manifest.url = pooler_.url("session");
  EXPECT_EQ(world_.apply().exit_code, 0);
  world_.add_script("0006");
  EXPECT_EQ(world_.apply().exit_code, 0);

  world_.expect_exactly_once({"0001", "0002", "0003", "0004", "0005", "0006"});
  EXPECT_EQ(world_.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid "
                       "FROM pg_database WHERE datname = current_database())"),
            "0");
}

INSTANTIATE_TEST_SUITE_P(Pools, SessionPool,
                         ::testing::Values(PoolOptions{5, false}, PoolOptions{20, false},
                                           PoolOptions{20, true}),
                         name_of);

// A run needs two sessions; with one it can only wait, and says for what.
TEST(SessionPoolOfOne, IsTooSmallAndSaysSo) {
  World world(PostgresServer::shared(), {"0001"});
  const PgBouncer pooler(world.database(), {.size = 1});
  world.manifest.url = pooler.url("session");

  const auto finished = world.apply({}, {"--timeout", "8s"});

  EXPECT_EQ(finished.exit_code, 5) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("second connection"));
  EXPECT_EQ(world.sql("SELECT to_regnamespace('dbm') IS NULL"), "t");
}

}  // namespace
}  // namespace dbm::test
