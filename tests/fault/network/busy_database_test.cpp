// Others work while a run waits: no deadlock beside an index build, and readers behind DDL wait no longer
// than the schedule lets them (docs/locks.md#schedule).

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>

#include "desk.h"

namespace dbm::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

TEST(EightWaiters, BesideAnIndexBuildDoNotDeadlock) {
  PostgresServer& server = PostgresServer::shared();
  World world(server);
  world.script("0001_index.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                     "CREATE INDEX CONCURRENTLY witness_version ON witness (version);\n");
  Session writer(world.database().address());
  writer("BEGIN; INSERT INTO witness SELECT WHERE false");
  const auto log_before = server.log().size();
  std::vector<Child> runners;
  runners.push_back(start_apply(world));
  ASSERT_TRUE(eventually([&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()") ==
           "1";
  })) << runners.front().err_so_far();
  world.keep_manifest = true;
  for (int i = 0; i < 8; ++i) {
    const auto statuses = world.folder() / ("machine" + std::to_string(i));
    std::filesystem::create_directories(statuses);
    runners.push_back(start_apply(world, {"--status-dir", statuses.string()}));
  }
  const auto waiting = [&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = "
               "'idle' AND query LIKE '%pg_try_advisory_lock%'") == "8";
  };
  ASSERT_TRUE(eventually(waiting));
  EXPECT_EQ(world.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                      "application_name LIKE 'dbmigration/%' AND state LIKE 'idle in transaction%'"),
            "0");

  writer("COMMIT");

  for (auto& runner : runners) {
    const auto finished = runner.wait(std::chrono::seconds{60});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
  }
  world.check({.exit_code = 0, .out = {}, .err = {}});
  expect_once(world, {"0001"});
  EXPECT_EQ(world.sql("SELECT string_agg(indisvalid::text, ',') FROM pg_index WHERE indrelid = "
                      "'witness'::regclass"),
            "true");
  EXPECT_EQ(server.log().substr(log_before).find("deadlock detected"), std::string::npos);
}

std::size_t times_in(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(LongReader, MakesReadersBehindTheDdlWaitShortly) {
  PostgresServer server;
  World world(server);
  Session(world.database().address(), kLogin)("CREATE TABLE orders (id integer)");
  world.add_script("0001", "ALTER TABLE orders ADD note text;\n");
  world.manifest.apply = "{lockTimeout: 300ms}";
  world.manifest.dry_run = "{mode: Plan}";
  Session long_reader(world.database().address()), reader(world.database().address());
  long_reader("BEGIN; SELECT count(*) FROM orders");
  auto child = start_apply(world);

  milliseconds worst{0};
  const auto tries = [&] { return times_in(server.log(), "canceling statement due to lock timeout"); };
  ASSERT_TRUE(eventually([&] {
    const auto begin = Clock::now();
    reader("SELECT count(*) FROM orders");
    worst = std::max(worst, std::chrono::duration_cast<milliseconds>(Clock::now() - begin));
    return tries() >= 3;
  })) << child.err_so_far();
  const auto pid = std::to_string(long_reader.backend_pid());
  EXPECT_TRUE(eventually([&] { return child.err_so_far().find(pid) != std::string::npos; }))
      << "the blocker " << pid << " is not named: " << child.err_so_far();
  EXPECT_EQ(world.sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE "
                      "a.application_name LIKE 'dbmigration/%' AND a.state LIKE 'idle%' AND l.relation = "
                      "'orders'::regclass"),
            "0")
      << "something is held while it sleeps";
  long_reader("COMMIT");

  EXPECT_EQ(finish(world, child).exit_code, 0);
  world.expect_exactly_once({"0001"});
  std::printf("worst wait of a reader behind the DDL: %lld ms\n", static_cast<long long>(worst.count()));
  // lockTimeout, and what a busy machine adds; behind the long reader it would be for as long as that reads.
  EXPECT_LT(worst.count(), 1500);
}

}  // namespace
}  // namespace dbm::test
