// The network fails at any byte, in the middle of COPY, or for a while altogether.

#include <gmock/gmock.h>

#include "desk.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

enum class Direction { ToServer, ToClient };

struct Started {
  std::unique_ptr<Desk> desk;
  Child child;
};

void limit(TcpProxy& proxy, Direction direction, std::int64_t bytes) {
  if (direction == Direction::ToServer) proxy.cut_after_bytes_to_server(bytes);
  if (direction == Direction::ToClient) proxy.cut_after_bytes_to_client(bytes);
}

/// Runs with every connection cut after so many bytes, then without. Whether the first try was disturbed.
bool survives(const Job& job, Direction direction, const std::vector<std::int64_t>& positions) {
  std::vector<Started> started;
  for (const auto bytes : positions) {
    auto desk = std::make_unique<Desk>();
    job.prepare(desk->world);
    limit(desk->proxy, direction, bytes);
    auto child = start_apply(desk->world, {"--timeout", "500ms"});
    started.push_back({std::move(desk), std::move(child)});
  }
  bool disturbed = false;
  std::vector<Child> again;
  for (std::size_t at = 0; at < started.size(); ++at) {
    SCOPED_TRACE(job.name + ": every connection cut after " + std::to_string(positions[at]) + " bytes");
    auto& [desk, child] = started[at];
    const auto first = finish(desk->world, child);
    EXPECT_THAT(first.exit_code, ::testing::AnyOf(0, 5)) << first.err;
    disturbed = disturbed || first.exit_code != 0;
    limit(desk->proxy, direction, -1);
    again.push_back(start_apply(desk->world));
  }
  for (std::size_t at = 0; at < started.size(); ++at) {
    SCOPED_TRACE(job.name + ": every connection was cut after " + std::to_string(positions[at]) + " bytes");
    World& world = started[at].desk->world;
    const auto second = finish(world, again[at]);
    EXPECT_EQ(second.exit_code, 0) << second.err;
    job.expect(world);
  }
  return disturbed;
}

class CutAtAnyByte : public ::testing::TestWithParam<Job> {};

TEST_P(CutAtAnyByte, IsSurvived) {
  for (const Direction direction : {Direction::ToServer, Direction::ToClient}) {
    std::int64_t next = 97;
    bool disturbed = true;
    for (int batch = 0; disturbed && batch < 8 && !HasFailure(); ++batch) {
      std::vector<std::int64_t> positions;
      for (int i = 0; i < 6; ++i, next += next < 2000 ? 331 : next / 3) positions.push_back(next);
      disturbed = survives(GetParam(), direction, positions);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Jobs, CutAtAnyByte, ::testing::ValuesIn(jobs()),
                         [](const auto& info) { return info.param.name; });

std::string many_rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) rows += std::to_string(i) + "\tsome words to make the row longer\n";
  return rows;
}

TEST(ConnectionReset, InTheMiddleOfCopyLeavesNothing) {
  Desk desk;
  desk.world.add_script("0001", "CREATE TABLE made (id integer, note text);\n");
  EXPECT_EQ(desk.world.apply().exit_code, 0);
  desk.world.add_script("0002", "COPY made FROM stdin;\n" + many_rows(30'000) + "\\.\n");

  for (const std::int64_t bytes : {200'000, 600'000, 1'100'000}) {
    desk.proxy.cut_after_bytes_to_server(bytes);
    const auto cut = desk.world.apply({}, {"--timeout", "400ms"});
    EXPECT_EQ(cut.exit_code, 5) << cut.err;
    desk.world.expect_exactly_once({"0001"});
    EXPECT_EQ(desk.world.sql("SELECT count(*) FROM made"), "0");
  }

  desk.proxy.cut_after_bytes_to_server(-1);
  EXPECT_EQ(desk.world.apply().exit_code, 0);
  desk.world.expect_exactly_once({"0001", "0002"});
  EXPECT_EQ(desk.world.sql("SELECT count(*) FROM made"), "30000");
}

TEST(ServerUnreachable, IsTransientAndRetriedInOneApply) {
  Desk desk;
  desk.world.add_script("0001");
  desk.proxy.refuse(true);
  auto child = start_apply(desk.world);

  ASSERT_TRUE(eventually([&] {
    return condition_now(desk.world, "Reconciling") == "True/ProgressingWithRetry";
  })) << child.err_so_far();
  EXPECT_TRUE(child.running());
  EXPECT_THAT(condition_now(desk.world, "Ready"), HasSubstr("False/"));
  desk.proxy.refuse(false);

  EXPECT_EQ(finish(desk.world, child).exit_code, 0);
  desk.world.expect_exactly_once({"0001"});
}

TEST(ServerUnreachable, WhileItIsStoppedAndStartedAgain) {
  PostgresServer server;
  World world(server, {"0001", "0002"});
  server.stop();
  auto child = start_apply(world);

  ASSERT_TRUE(eventually([&] { return condition_now(world, "Reconciling") == "True/ProgressingWithRetry"; }));
  server.start();

  EXPECT_EQ(finish(world, child).exit_code, 0);
  world.expect_exactly_once({"0001", "0002"});
}

TEST(ServerUnreachable, ForLongerThanTheTimeoutEndsWithFive) {
  Desk desk;
  desk.world.add_script("0001");
  desk.proxy.refuse(true);

  const auto finished = desk.world.apply({}, {"--timeout", "1s"});

  EXPECT_EQ(finished.exit_code, 5) << finished.err;
  EXPECT_EQ(desk.world.sql("SELECT to_regclass('dbm.fence') IS NULL"), "t");
}

}  // namespace
}  // namespace dbm::test
