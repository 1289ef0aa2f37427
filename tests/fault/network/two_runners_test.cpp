// Several programs on one ledger at once: exactly once, by whichever gets the lock, and nobody in the dark.

#include <gmock/gmock.h>

#include "desk.h"

namespace dbm::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

/// So many at the same moment, as from machines of their own: each with its own status.
std::vector<Child> start_together(World& world, int count) {
  world.write_manifest();
  world.keep_manifest = true;
  std::vector<Child> runners;
  for (int i = 0; i < count; ++i) {
    const auto statuses = world.folder() / ("machine" + std::to_string(i));
    std::filesystem::create_directories(statuses);
    runners.push_back(start_apply(world, {"--status-dir", statuses.string()}));
  }
  return runners;
}

class Together : public ::testing::TestWithParam<int> {};

TEST_P(Together, AllEndWellAndEachScriptRanOnce) {
  for (int round = 0; round < 3; ++round) {
    for (const Job& job : jobs()) {
      SCOPED_TRACE(job.name + ", round " + std::to_string(round));
      World world(PostgresServer::shared());
      job.prepare(world);
      auto runners = start_together(world, GetParam());
      for (auto& runner : runners) {
        const auto finished = runner.wait();
        EXPECT_EQ(finished.exit_code, 0) << finished.err;
        EXPECT_THAT(finished.out, HasSubstr("Succeeded"));
      }
      world.check({.exit_code = 0, .out = {}, .err = {}});
      job.expect(world);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Runners, Together, ::testing::Values(2, 4));

TEST(TwoRunners, InOneFolderShareTheStatusToo) {
  World world(PostgresServer::shared(), {"0001", "0002", "0003"});
  world.write_manifest();
  world.keep_manifest = true;
  std::vector<Child> runners;
  for (int i = 0; i < 4; ++i) runners.push_back(start_apply(world));

  for (auto& runner : runners) {
    const auto finished = runner.wait();
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
  }

  world.check({.exit_code = 0, .out = {}, .err = {}});
  world.expect_exactly_once({"0001", "0002", "0003"});
  EXPECT_EQ(world.condition("Ready"), "True/Succeeded");
}

TEST(TwoRunners, TheOneThatWaitsNamesWhoHoldsTheLock) {
  World world(PostgresServer::shared(), {"0001"});
  prepare_gate(world);
  world.add_script("0002", gate());
  auto holder = start_apply(world);
  ASSERT_TRUE(wait_at_gate(world));
  const auto pid = work_backend(world);
  world.keep_manifest = true;
  const auto statuses = world.folder() / "other";
  std::filesystem::create_directories(statuses);

  // Not held against the status of the other, which runs.
  const auto waiting = start_apply(world, {"--timeout", "2s", "--status-dir", statuses.string()}).wait();

  EXPECT_EQ(waiting.exit_code, 5) << waiting.err;
  EXPECT_THAT(waiting.out + waiting.err,
              ContainsRegex("user app, application \"dbmigration/.*\", pid " + pid));
  EXPECT_THAT(waiting.out + waiting.err, HasSubstr("WaitingForLock"));
  open_gate(world);
  EXPECT_EQ(finish(world, holder).exit_code, 0);
  world.expect_exactly_once({"0001", "0002"});
}

TEST(TwoRunners, TakeOverWhenTheOtherDies) {
  World world(PostgresServer::shared(), {"0001"});
  prepare_gate(world);
  world.add_script("0002", gate());
  world.add_script("0003");
  auto first = start_apply(world);
  ASSERT_TRUE(wait_at_gate(world));
  world.keep_manifest = true;
  auto second = start_apply(world);
  ASSERT_TRUE(eventually([&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE "
               "'%pg_try_advisory_lock%' AND application_name LIKE 'dbmigration/%'") == "1";
  }));

  first.kill();  // its statement goes on in the server for a while, and the lock with it
  open_gate(world);

  const auto finished = finish(world, second);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  world.expect_exactly_once({"0001", "0002", "0003"});
}

}  // namespace
}  // namespace dbm::test
