// A runner that is stopped (SIGSTOP) for longer than any time-out, and goes on when another has taken over:
// it must write nothing (docs/exactly-once.md#sessions).

#include <gmock/gmock.h>

#include <csignal>

#include "desk.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

/// All of what a paused runner could still write.
std::string everything(const World& world) {
  return world.sql(
      "SELECT (SELECT string_agg(h::text, E'\\n' ORDER BY h.id) FROM dbm.history h) || (SELECT "
      "string_agg(w::text, "
      "E'\\n' ORDER BY version) FROM witness w)");
}

class PausedRunner : public ::testing::Test {
 protected:
  PausedRunner() : world_(PostgresServer::shared(), {"0001"}) {
    prepare_gate(world_);
    world_.add_script("0002", gate());
    world_.add_script("0003");
  }

  /// A runner that stands still while its script is in the server.
  Child paused() {
    auto child = start_apply(world_);
    EXPECT_TRUE(wait_at_gate(world_)) << child.err_so_far();
    child.signal(SIGSTOP);
    world_.keep_manifest = true;
    return child;
  }

  void takes_over() {
    const auto other = world_.apply();
    EXPECT_EQ(other.exit_code, 0) << other.err;
    world_.expect_exactly_once({"0001", "0002", "0003"});
  }

  void writes_nothing(Child& child) {
    const auto before = everything(world_);
    child.signal(SIGCONT);
    const auto finished = finish(world_, child);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;  // its next pass finds everything applied
    EXPECT_EQ(everything(world_), before);
    world_.expect_exactly_once({"0001", "0002", "0003"});
  }

  World world_;
};

TEST_F(PausedRunner, WhoseBackendWasTerminated) {
  auto child = paused();
  ASSERT_TRUE(terminate_work(world_));
  ASSERT_TRUE(eventually([&] { return work_backend(world_).empty(); }));
  open_gate(world_);

  takes_over();
  writes_nothing(child);
}

// Nobody helps: its transaction is idle once the statement is done, and the server ends it after 10 s.
TEST_F(PausedRunner, IsEndedByTheServersTimeOutAlone) {
  auto child = paused();
  open_gate(world_);

  takes_over();  // waits for the lock until then
  writes_nothing(child);
}

// The session lives and holds the lock, but the fence is another's: whatever it sends is refused.
TEST(FencedRunner, IsRefusedByTheServerAndGoesOnUnderANewEpoch) {
  World world(PostgresServer::shared(), {"0001"});
  world.manifest.dry_run = "{mode: Disabled}";
  world.script("0002_index.sql", "-- dbm:transaction none\n" + witness_lines("0002") +
                                     "CREATE INDEX CONCURRENTLY witness_version ON witness (version);\n"
                                     "CREATE TABLE behind (id integer);\n");
  Session writer(world.database().address());
  // Its snapshot and its lock keep the build waiting; the witness row of 0002 is none of its.
  writer("BEGIN; INSERT INTO witness SELECT WHERE false");
  auto child = start_apply(world);
  ASSERT_TRUE(eventually([&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE "
               "'CREATE INDEX CONCURRENTLY witness_version%' AND wait_event_type = 'Lock'") == "1";
  })) << child.err_so_far();

  world.sql("UPDATE dbm.fence SET epoch = epoch + 1, run = gen_random_uuid()");
  writer("COMMIT");
  const auto finished = finish(world, child);

  EXPECT_THAT(finished.err, HasSubstr("another run has taken over"));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  expect_once(world, {"0001", "0002"});
  EXPECT_EQ(world.sql("SELECT count(*) FROM pg_index WHERE indrelid = 'witness'::regclass AND indisvalid"),
            "1");
  EXPECT_EQ(world.sql("SELECT count(DISTINCT epoch) >= 2 FROM dbm.history"), "t");
}

}  // namespace
}  // namespace dbm::test
