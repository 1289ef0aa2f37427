// The server's disk is full: in the middle of a script, of a statement outside a transaction, of the ledger's
// own writes, and of the log that keeps the server alive. Each waits and ends once when there is space again.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "desk.h"
#include "support/small_disk.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

/// A database that lies on a small disk, the server's log and all else elsewhere.
class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto folder = disk.path() / "space";
    std::filesystem::create_directory(folder);
    give_to_postgres(folder);
    server.sql("CREATE TABLESPACE small LOCATION '" + folder.string() + "'");
    world.emplace(server);
    world->manifest.dry_run = "{mode: Disabled}";
    server.sql("ALTER DATABASE " + world->database().name() + " SET TABLESPACE small");
  }

  /// What one sees who does not wait: exit code 5, the cause, where, and what to do.
  void expect_disk_full(const std::string& where) {
    const auto finished = world->apply({}, {"-q", "--timeout", "2s"});
    EXPECT_EQ(finished.exit_code, 5) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("the server's disk is full (53100)"));
    EXPECT_THAT(finished.err,
                HasSubstr("[DiskFull]; free space on the database server, then run dbm apply again"));
    EXPECT_THAT(finished.err, HasSubstr(where));
    EXPECT_EQ(world->condition("Reconciling"), "True/ProgressingWithRetry");
    EXPECT_EQ(world->status().at("status").at("failure").at("reason"), "DiskFull");
    EXPECT_EQ(world->status().at("status").at("failure").at("sqlstate"), "53100");
  }
  /// What one sees who waits: the same run goes on by itself once there is space.
  void expect_to_end_with_space() {
    auto child = start_apply(*world, {"--timeout", "60s"});
    EXPECT_TRUE(eventually([&] {
      return condition_now(*world, "Reconciling") == "True/ProgressingWithRetry";
    })) << child.err_so_far();
    disk.relieve();
    const auto finished = finish(*world, child);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(world->condition("Ready"), "True/Succeeded");
  }

  SmallDisk disk{32 * kMiB};
  PostgresServer server;
  std::optional<World> world;
};

TEST_F(FullDisk, InTheMiddleOfAScript) {
  world->add_script("0001", "CREATE TABLE big AS SELECT n FROM generate_series(1, 200000) AS n;\n");
  disk.fill(2 * kMiB);

  expect_disk_full("0001_step.sql:3:1");
  EXPECT_TRUE(world->witness().empty());
  expect_to_end_with_space();

  world->expect_exactly_once({"0001"});
  EXPECT_EQ(world->sql("SELECT count(*) FROM big"), "200000");
}

TEST_F(FullDisk, InTheMiddleOfAStatementOutsideATransaction) {
  Session(world->database().address(),
          kLogin)("CREATE TABLE big AS SELECT n FROM generate_series(1, 200000) AS n");
  world->script("0001_step.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                     "CREATE INDEX CONCURRENTLY big_n ON big (n);\n");
  disk.fill(kMiB);

  expect_disk_full("0001_step.sql:4:1");
  expect_to_end_with_space();

  expect_once(*world, {"0001"});
  EXPECT_EQ(world->sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'big_n'::regclass"), "t");
  EXPECT_EQ(world->sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

/// The scripts themselves write nothing: whatever finds no space is the ledger.
TEST_F(FullDisk, WhenTheLedgerWrites) {
  world->add_script("0001");
  ASSERT_EQ(world->apply().exit_code, 0);
  for (int version = 1001; version <= 1100; ++version)
    world->script(std::to_string(version) + "_none.sql", "SELECT 1;\n");
  disk.fill();

  expect_disk_full("");
  expect_to_end_with_space();

  EXPECT_EQ(
      world->sql("SELECT count(*), count(DISTINCT version_key) FROM dbm.history WHERE status = 'applied'"),
      "101|101");
  EXPECT_EQ(world->sql("SELECT count(*) FROM dbm.history WHERE status = 'running'"), "0");
  EXPECT_EQ(world->witness(), Versions{"0001"});
}

TEST_F(FullDisk, BeforeThereIsALedger) {
  world->add_script("0001");
  world->sql("SELECT 1");  // the server keeps a file of what every first connection reads
  disk.fill();

  expect_disk_full("");
  EXPECT_EQ(world->sql("SELECT to_regnamespace('dbm') IS NULL"), "t");
  expect_to_end_with_space();

  world->expect_exactly_once({"0001"});
}

bool answers(const PostgresServer& server) {
  try {
    server.sql("SELECT 1");
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

/// PostgreSQL does not live without room for its log: it ends, and stays away until somebody has made room.
TEST(FullDiskOfTheLog, EndsTheServerAndTheRunWaitsForIt) {
  const SmallDisk disk(64 * kMiB);
  PostgresServer server{{.durable = true}};
  World world(server);
  world.manifest.dry_run = "{mode: Disabled}";
  world.add_script("0001");
  world.add_script("0002", "CREATE TABLE big AS SELECT n FROM generate_series(1, 1000000) AS n;\n");
  server.stop();
  const auto log = server.socket_folder().parent_path() / "data/pg_wal";
  std::filesystem::copy(log, disk.path() / "pg_wal", std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(log);
  std::filesystem::create_directory_symlink(disk.path() / "pg_wal", log);
  give_to_postgres(disk.path() / "pg_wal");
  std::filesystem::permissions(disk.path() / "pg_wal", std::filesystem::perms::owner_all);
  server.start();
  disk.fill();

  auto child = start_apply(world, {"--timeout", "120s"});
  EXPECT_TRUE(eventually([&] { return !answers(server); }, std::chrono::seconds{60})) << child.err_so_far();
  EXPECT_TRUE(eventually([&] { return condition_now(world, "Reconciling") == "True/ProgressingWithRetry"; }))
      << child.err_so_far();
  server.stop_immediate();
  disk.relieve();
  server.start();
  const auto finished = finish(world, child);

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  world.expect_exactly_once({"0001", "0002"});
  EXPECT_EQ(world.sql("SELECT count(*) FROM big"), "1000000");
}

}  // namespace
}  // namespace dbm::test
