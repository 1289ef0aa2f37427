// SIGKILL at random moments: of a long plan, and of a backup.

#include <gmock/gmock.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "desk.h"

namespace dbm::test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kSeed = 20261125;

/// Chains, single transactions and scripts statement by statement, in turn.
Versions long_plan(World& world) {
  Versions versions;
  for (int i = 1; i <= 16; ++i) {
    char version[16];
    std::snprintf(version, sizeof version, "%04d", i);
    versions.emplace_back(version);
    const std::string table = std::string("t") + version;
    if (i % 8 == 0) {
      world.script(std::string(version) + "_step.sql",
                   "-- dbm:transaction none\n" + witness_lines(version) + "CREATE TABLE " + table +
                       " (id integer);\nCREATE INDEX CONCURRENTLY " + table + "_id ON " + table + " (id);\n");
    } else if (i % 4 == 0) {
      world.add_script(version, "DO $$ BEGIN CREATE TABLE " + table + " (id integer); END $$;\n");
    } else {
      world.add_script(version, "CREATE TABLE " + table + " (id integer);\n");
    }
  }
  return versions;
}

/// Lets it run so long, then SIGKILL. Whether it had ended by itself.
bool kill_after(World& world, Child child, milliseconds span) {
  auto finished = child.wait(span);
  const bool ended = finished.exit_code != -1;
  if (!ended) finished.exit_code = 137;
  world.check(finished);
  EXPECT_EQ(finished.exit_code, ended ? 0 : 137) << finished.err;
  return ended;
}

TEST(Killed, AtRandomTimesInALongPlan) {
  std::printf("seed %u\n", kSeed);
  std::minstd_rand random(kSeed);
  World measured(PostgresServer::shared());
  long_plan(measured);
  const auto whole = measured.apply();
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  std::uniform_int_distribution<std::int64_t> span(1, whole.duration.count());

  int kills = 0;
  for (int round = 0; round < 30; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    World world(PostgresServer::shared());
    const auto versions = long_plan(world);
    for (int time = 0; time < 2; ++time)
      if (!kill_after(world, start_apply(world), milliseconds{span(random)})) ++kills;
    const auto finished = world.apply();
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    expect_once(world, versions);
    EXPECT_EQ(world.sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    EXPECT_EQ(world.condition("Ready"), "True/Succeeded");
    if (HasFailure()) break;
  }
  std::printf("%d kills\n", kills);
  EXPECT_GE(kills, 20);
}

/// Folders of the store that hold a COMPLETE.
std::size_t complete_sets(const World& world) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world.state()))
    if (entry.path().filename() == "COMPLETE") ++count;
  return count;
}

std::size_t listed_sets(World& world) {
  // The status is still that of the run that was killed.
  const auto listed = world.start_dbm({"backup", "list", "-f", "orders.yaml", "-o", "json"}).wait();
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  return nlohmann::json::parse(listed.out).at("items").size();
}

/// Until its backup has begun; the status of the run before does not count.
Child start_backup(World& world) {
  std::filesystem::remove(world.folder() / "orders.status.yaml");
  auto child = start_apply(world);
  EXPECT_TRUE(eventually([&] { return condition_now(world, "Reconciling") == "True/BackingUp"; }))
      << child.err_so_far();
  return child;
}

TEST(Killed, DuringABackupLeavesNoSetWithoutComplete) {
  std::minstd_rand random(kSeed);
  std::uniform_int_distribution<std::int64_t> span(0, 300);
  World world(PostgresServer::shared());
  world.manifest.backup = "{method: Logical}";
  Session(world.database().address(), kLogin)(
      "CREATE TABLE big AS SELECT n AS id, md5(n::text) || md5((n + 1)::text) AS note FROM "
      "generate_series(1, "
      "150000) AS n");

  Versions versions;
  int kills = 0;
  for (int round = 1; round <= 9; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    versions.push_back("000" + std::to_string(round));
    world.add_script(versions.back());
    const bool ended = kill_after(world, start_backup(world), milliseconds{span(random)});
    if (!ended) ++kills;
    EXPECT_EQ(listed_sets(world), complete_sets(world));
    EXPECT_TRUE(world.witness().empty() || complete_sets(world) > 0)
        << "applied without a whole backup before it";
  }
  std::printf("%d kills\n", kills);
  EXPECT_GE(kills, 4);
  EXPECT_EQ(world.apply().exit_code, 0);
  world.expect_exactly_once(versions);
  EXPECT_EQ(listed_sets(world), complete_sets(world));
  EXPECT_EQ(world.run_dbm({"backup", "verify", "-f", "orders.yaml"}).exit_code, 0);
}

}  // namespace
}  // namespace dbm::test
