// A standby that counts: COMMIT that waits for it, and promotion with and without the last commit. Only
// the ledger tells what happened (docs/exactly-once.md#lost-replies).

#include <gmock/gmock.h>

#include "desk.h"

namespace dbm::test {
namespace {

class Failover : public ::testing::Test {
 protected:
  Failover() : primary_({.durable = true}), standby_(primary_.make_standby("s1")), desk_(primary_) {
    desk_.world.add_script("0001");
    prepare_gate(desk_.world);
  }

  /// Runs 0001, then stands at the gate in 0002.
  Child at_gate(const std::vector<std::string>& more) {
    desk_.world.add_script("0002", gate());
    auto child = start_apply(desk_.world, more);
    EXPECT_TRUE(wait_at_gate(desk_.world)) << child.err_so_far();
    return child;
  }

  /// 0002 is committed here and the reply lost; nobody answers until the end.
  void lose_commit() {
    auto child = at_gate({"--timeout", "3s"});
    if (!with_last_commit_) standby_->stop();
    desk_.proxy.drop_reply_to("COMMIT");
    desk_.proxy.refuse(true);
    open_gate(desk_.world);
    EXPECT_EQ(finish(desk_.world, child).exit_code, 5);
    desk_.world.expect_exactly_once({"0001", "0002"});  // so it is on the old primary
  }

  void fail_over() {
    if (with_last_commit_) {
      const auto caught_up =
          "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn) <= 0 FROM "
          "pg_stat_replication";
      ASSERT_TRUE(eventually([&] { return primary_.sql(caught_up) == "t"; }));
    }
    primary_.stop_immediate();
    if (!with_last_commit_) standby_->start();
    standby_->promote();
  }

  void go_on_and_expect_once() {
    auto& world = desk_.world;
    const Database promoted(*standby_, world.database().name());
    EXPECT_EQ(sql(promoted, "SELECT string_agg(version, ',') FROM dbm.history WHERE status = 'applied'"),
              with_last_commit_ ? "0001,0002" : "0001");
    if (!with_last_commit_) sql(promoted, "INSERT INTO gate VALUES (true)");
    world.manifest.url = promoted.url();
    const auto finished = world.apply();
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(sql(promoted,
                  "SELECT string_agg(version, ',' ORDER BY version_key) FROM dbm.history WHERE "
                  "status = 'applied' AND finished IS NOT NULL"),
              "0001,0002");
    EXPECT_EQ(sql(promoted, "SELECT string_agg(version, ',' ORDER BY version) FROM witness"), "0001,0002");
    EXPECT_EQ(sql(promoted, "SELECT v FROM canary"), canary_after(2));
    EXPECT_EQ(sql(promoted,
                  "SELECT count(*) FROM witness w JOIN dbm.history h USING (version) WHERE "
                  "w.xid::text::numeric % 4294967296 = h.xmin::text::numeric"),
              "2");
  }

  PostgresServer primary_;
  std::unique_ptr<PostgresServer> standby_;
  Desk desk_;
  bool with_last_commit_ = true;
};

TEST_F(Failover, WithTheLastCommitDoesNotRepeatIt) {
  lose_commit();
  fail_over();
  go_on_and_expect_once();
}

TEST_F(Failover, WithoutTheLastCommitDoesItAgain) {
  with_last_commit_ = false;
  lose_commit();
  fail_over();
  go_on_and_expect_once();
}

class SynchronousStandby : public Failover {
 protected:
  bool commit_waits() {
    return eventually([&] {
      return desk_.world.sql(
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                 "wait_event = 'SyncRep' AND query = 'COMMIT'") == "1";
    });
  }

  /// 0002 hangs in COMMIT; its connection is cut; the next pass asks for the lock.
  Child lose_waiting_commit() {
    primary_.set("synchronous_standby_names", "s1");
    auto child = at_gate({});
    standby_->stop();
    open_gate(desk_.world);
    EXPECT_TRUE(commit_waits()) << child.err_so_far();
    desk_.proxy.cut_all();
    EXPECT_TRUE(eventually([&] { return asks_for_lock(); })) << child.err_so_far();
    return child;
  }

  bool asks_for_lock() {
    return desk_.world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "state = 'idle' AND query LIKE '%pg_try_advisory_lock%'") == "1";
  }
};

TEST_F(SynchronousStandby, KeepsTheNextRunWaitingUntilItIsBack) {
  auto child = lose_waiting_commit();

  // Its row is invisible, but nobody has said that it is absent: the old backend has the lock.
  desk_.world.expect_exactly_once({"0001"});
  EXPECT_EQ(desk_.world.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"), "1");
  EXPECT_TRUE(child.running());
  standby_->start();

  const auto finished = finish(desk_.world, child);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  desk_.world.expect_exactly_once({"0001", "0002"});
}

TEST_F(SynchronousStandby, WhoseWaitIsTerminatedHasCommittedAllTheSame) {
  auto child = lose_waiting_commit();

  desk_.world.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
      "AND wait_event = 'SyncRep' AND query = 'COMMIT'");
  primary_.set("synchronous_standby_names", "");

  const auto finished = finish(desk_.world, child);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  desk_.world.expect_exactly_once({"0001", "0002"});
}

class StandbyAsTarget : public Failover {
 protected:
  bool is_on_the_standby() {
    const auto there = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '" +
                       primary_.sql("SELECT pg_current_wal_flush_lsn()") + "'";
    return eventually([&] { return primary_.sql(there) == "1"; });
  }
};

TEST_F(StandbyAsTarget, IsReadOnlyUntilTheTimeout) {
  auto& world = desk_.world;
  ASSERT_TRUE(is_on_the_standby());
  world.manifest.url = world.database().url(standby_->port());

  const auto finished = world.apply({}, {"--timeout", "2s"});

  EXPECT_EQ(finished.exit_code, 5) << finished.err;
  EXPECT_EQ(world.condition("Reconciling"), "True/ProgressingWithRetry");
  EXPECT_THAT(read_file(world.folder() / "orders.status.yaml"), ::testing::HasSubstr("ReadOnly"));
  EXPECT_EQ(world.sql("SELECT to_regclass('dbm.fence') IS NULL"), "t");
}

TEST_F(StandbyAsTarget, IsWaitedForUntilItIsPromoted) {
  auto& world = desk_.world;
  ASSERT_TRUE(is_on_the_standby());
  world.manifest.url = world.database().url(standby_->port());
  auto child = start_apply(world);
  ASSERT_TRUE(eventually([&] { return condition_now(world, "Reconciling") == "True/ProgressingWithRetry"; }));

  primary_.stop_immediate();
  standby_->promote();

  EXPECT_EQ(finish(world, child).exit_code, 0);
  const Database promoted(*standby_, world.database().name());
  EXPECT_EQ(sql(promoted, "SELECT v FROM canary"), canary_after(1));
}

}  // namespace
}  // namespace dbm::test
