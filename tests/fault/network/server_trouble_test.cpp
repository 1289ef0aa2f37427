// Backends are terminated and the server crashes at the worst moments; then an ordinary retry does the rest.

#include <gmock/gmock.h>

#include "desk.h"

namespace dbm::test {
namespace {

/// A chain whose third script has to wait for a lock that `holder` has.
void prepare_blocked_chain(World& world) {
  Session(world.database().address(), kLogin)("CREATE TABLE busy (id integer)");
  world.manifest.dry_run = "{mode: Disabled}";
  world.manifest.apply = "{lockTimeout: 2s}";
  world.add_script("0001", "CREATE TABLE t0001 (id integer);\n");
  world.add_script("0002", "CREATE TABLE t0002 (id integer);\n");
  world.add_script("0003", "ALTER TABLE busy ADD note text;\n");
  world.add_script("0004", "CREATE TABLE t0004 (id integer);\n");
}

bool waits_for_lock(const World& world) {
  return world.sql(
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
             "wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE busy%'") == "1";
}

TEST(BackendTerminated, InTheMiddleOfAScript) {
  World world(PostgresServer::shared(), {"0001"});
  prepare_gate(world);
  world.add_script("0002", gate());
  world.add_script("0003");
  auto child = start_apply(world);
  for (int time = 0; time < 3; ++time) {
    ASSERT_TRUE(wait_at_gate(world)) << child.err_so_far();
    ASSERT_TRUE(terminate_work(world));
    EXPECT_EQ(world.witness(), Versions{"0001"});
  }
  open_gate(world);

  EXPECT_EQ(finish(world, child).exit_code, 0);
  world.expect_exactly_once({"0001", "0002", "0003"});
}

TEST(BackendTerminated, InTheMiddleOfAChain) {
  World world(PostgresServer::shared());
  prepare_blocked_chain(world);
  Session holder(world.database().address());
  holder("BEGIN; LOCK TABLE busy");
  auto child = start_apply(world);

  ASSERT_TRUE(eventually([&] { return terminate_work(world, "Lock"); })) << child.err_so_far();
  holder("COMMIT");

  EXPECT_EQ(finish(world, child).exit_code, 0);
  world.expect_exactly_once({"0001", "0002", "0003", "0004"});
}

TEST(BackendTerminated, WhileAnIndexIsBuiltConcurrently) {
  World world(PostgresServer::shared());
  jobs().back().prepare(world);
  world.script("0001_step.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                    "CREATE INDEX CONCURRENTLY witness_pid ON witness (pid);\n");
  Session writer(world.database().address());
  writer("BEGIN; INSERT INTO witness SELECT WHERE false");
  auto child = start_apply(world);
  ASSERT_TRUE(eventually([&] { return terminate_work(world, "Lock"); })) << child.err_so_far();
  writer("COMMIT");

  EXPECT_EQ(finish(world, child).exit_code, 0);
  expect_once(world, {"0001", "0002"});
  EXPECT_EQ(world.sql("SELECT string_agg(indisvalid::text, ',') FROM pg_index WHERE indrelid = "
                      "'witness'::regclass"),
            "true");
}

// Every session of a run, watch and lock included, again and again, wherever it happens to be.
TEST(BackendTerminated, AgainAndAgainWhereverItIs) {
  for (const Job& job : jobs()) {
    SCOPED_TRACE(job.name);
    World world(PostgresServer::shared());
    job.prepare(world);
    auto child = start_apply(world);
    int ended = 0;
    ASSERT_TRUE(eventually([&] {
      const auto count = world.sql(
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
          "AND application_name LIKE 'dbmigration/%'");
      ended += std::stoi(count);
      return ended >= 4 || !child.running();
    }));
    EXPECT_EQ(finish(world, child).exit_code, 0);
    job.expect(world);
  }
}

class ServerCrash : public ::testing::Test {
 protected:
  ServerCrash() : server_({.durable = true}), world_(server_) {}

  void crash() {
    server_.stop_immediate();
    server_.start();
  }

  PostgresServer server_;
  World world_;
};

TEST_F(ServerCrash, InTheMiddleOfAScript) {
  world_.add_script("0001");
  prepare_gate(world_);
  world_.add_script("0002", gate());
  auto child = start_apply(world_);
  ASSERT_TRUE(wait_at_gate(world_)) << child.err_so_far();

  crash();

  world_.expect_exactly_once({"0001"});  // what had been reported done is still there
  ASSERT_TRUE(wait_at_gate(world_)) << child.err_so_far();
  open_gate(world_);
  EXPECT_EQ(finish(world_, child).exit_code, 0);
  world_.expect_exactly_once({"0001", "0002"});
}

// The chain's first commits did not wait for the disk: they may be lost, effects and ledger rows together.
TEST_F(ServerCrash, InTheMiddleOfAChain) {
  prepare_blocked_chain(world_);
  auto holder = std::make_unique<Session>(world_.database().address());
  (*holder)("BEGIN; LOCK TABLE busy");
  auto child = start_apply(world_);
  ASSERT_TRUE(eventually([&] { return waits_for_lock(world_); })) << child.err_so_far();

  crash();
  holder.reset();

  EXPECT_EQ(finish(world_, child).exit_code, 0);
  world_.expect_exactly_once({"0001", "0002", "0003", "0004"});
}

TEST_F(ServerCrash, RightAfterALostCommitReply) {
  Desk desk(server_);
  jobs()[1].prepare(desk.world);
  desk.proxy.drop_reply_to("COMMIT", 8);
  auto child = start_apply(desk.world);
  ASSERT_TRUE(eventually([&] { return desk.proxy.cuts() == 1 || !child.running(); }));

  crash();

  EXPECT_EQ(finish(desk.world, child).exit_code, 0);
  jobs()[1].expect(desk.world);
}

}  // namespace
}  // namespace dbm::test
