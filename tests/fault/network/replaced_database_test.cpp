// The database goes while a run is at work, and another one stands in its place.

#include <gtest/gtest.h>

#include "desk.h"

namespace dbm::test {
namespace {

TEST(ReplacedDatabase, GetsItsScriptsOnceAsANewOneDoes) {
  World world(PostgresServer::shared(), {"0001", "0002"});
  world.manifest.dry_run = "{mode: Disabled}";
  PostgresServer& server = world.database().server();
  auto holder = std::make_optional<Session>(world.database().address());
  (*holder)("BEGIN; LOCK TABLE witness");
  auto child = start_apply(world);
  ASSERT_TRUE(eventually([&] { return child.err_so_far().find("WaitingForLock") != std::string::npos; }))
      << child.err_so_far();

  const auto ledger = world.sql("SELECT ledger_id FROM dbm.fence");
  server.sql("DROP DATABASE " + world.database().name() + " WITH (FORCE)");
  server.sql("CREATE DATABASE " + world.database().name() + " OWNER app TEMPLATE " +
             witness_template(server));
  const auto finished = finish(world, child);

  // Between the two there was none, which ends an apply that happened to look then.
  EXPECT_TRUE(finished.exit_code == 0 ||
              (finished.exit_code == 1 && finished.err.find("[NotFound]") != std::string::npos))
      << finished.exit_code << finished.err;
  const auto again = world.apply();
  EXPECT_EQ(again.exit_code, 0) << again.err;
  world.expect_exactly_once({"0001", "0002"});
  EXPECT_NE(world.sql("SELECT ledger_id FROM dbm.fence"), ledger);
}

}  // namespace
}  // namespace dbm::test
