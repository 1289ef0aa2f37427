/// Sessions that only look are kept for the time of a pass: what may be kept, and what a lost one costs.
#include "postgres/look_sessions.h"

#include "integration/postgres/checks_fixture.h"
#include "integration/postgres/ledger_fixture.h"
#include "support/tcp_proxy.h"
#include "support/wait.h"

namespace dbm::test {
namespace {

using migration::Gate;
using ::testing::HasSubstr;

class LookSessionsTest : public LedgerTest {
 protected:
  /// From now on the engine's connections are counted.
  void go_through_proxy() { target_.keywords["port"] = std::to_string(proxy_.port()); }
  std::string looking() const {
    return ask(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
        "'dbmigration/look'");
  }

  TcpProxy proxy_{database_.server().port()};
};

TEST_F(LookSessionsTest, a_whole_run_opens_three_connections) {
  go_through_proxy();
  const auto kept = engine_->keep_connections();
  ASSERT_TRUE(inspect());
  const auto run = begin();
  ASSERT_TRUE(run) << words(error_of(run));
  ASSERT_TRUE((*run)->inspect());
  const migration::Plan plan;
  ASSERT_TRUE(engine_->preflight(target_, spec_, plan, Deadline::never(), {}));
  ASSERT_TRUE((*run)->open(plan));
  const auto checks = (*run)->check(Gate::After, plan, Deadline::never(), {});
  ASSERT_TRUE(checks) << words(error_of(checks));
  ASSERT_TRUE((*run)->finish(std::nullopt));
  ASSERT_TRUE(inspect());
  EXPECT_EQ(proxy_.traffic().connections, 3) << "one that looks, watch and work";
}

TEST_F(LookSessionsTest, nothing_is_kept_when_nobody_asked_for_it) {
  ASSERT_TRUE(inspect());
  EXPECT_TRUE(eventually([&] { return looking() == "0"; }));
}

TEST_F(LookSessionsTest, closed_with_the_last_keeper) {
  auto kept = engine_->keep_connections();
  ASSERT_TRUE(inspect());
  EXPECT_EQ(looking(), "1");
  kept.reset();
  EXPECT_TRUE(eventually([&] { return looking() == "0"; }));
}

TEST_F(LookSessionsTest, one_that_the_server_ended_is_replaced) {
  const auto kept = engine_->keep_connections();
  ASSERT_TRUE(inspect());
  as_superuser(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
      "application_name = 'dbmigration/look'");
  const auto seen = inspect();
  EXPECT_TRUE(seen) << words(error_of(seen));
}

TEST_F(LookSessionsTest, a_run_begins_though_the_kept_one_was_lost) {
  const auto kept = engine_->keep_connections();
  ASSERT_TRUE(inspect());
  as_superuser(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
      "application_name = 'dbmigration/look'");
  const auto run = begin();
  ASSERT_TRUE(run) << words(error_of(run));
  EXPECT_TRUE((*run)->inspect());
}

TEST_F(LookSessionsTest, another_target_gets_a_session_of_its_own) {
  const auto kept = engine_->keep_connections();
  ASSERT_TRUE(inspect());
  target_.keywords["password"] = "wrong";
  EXPECT_THAT(words(error_of(inspect())), HasSubstr("AuthenticationFailed"));
}

class CheckSessionsTest : public ChecksTest {
 protected:
  std::string ask_kept(const std::string& query) {
    migration::Check check = sql_check(query);
    check.at = {Gate::After};
    spec_.checks = {std::move(check)};
    auto asked = request();
    asked.looks = &looks_;
    const auto status = postgres::check_gate(Gate::After, asked, Deadline::never(), {});
    return status ? verdict_in(*status, "asked") : "error " + status.error().message;
  }
  /// A session is kept that has looked.
  void look() {
    const auto seen = looks_.use(target_, true, Deadline::never(), {}, [](postgres::Session& session) {
      session.heard_backend(session.backend_pid());
      return session.exec("SELECT 1");
    });
    ASSERT_TRUE(seen);
  }

  postgres::LookSessions looks_;
  std::shared_ptr<void> kept_ = looks_.keep();
};

TEST_F(CheckSessionsTest, a_session_that_a_query_ran_on_serves_no_further) {
  look();
  EXPECT_EQ(ask_kept("SELECT 1 WHERE pg_try_advisory_lock(7) IS FALSE"), "Passed: 0 violations");
  EXPECT_FALSE(looks_.take(target_));
  EXPECT_TRUE(eventually([&] {
    return ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
               "pg_database WHERE datname = current_database())") == "0";
  }));
}

TEST_F(CheckSessionsTest, without_a_query_it_is_kept_outside_a_transaction) {
  look();
  spec_.checks = {};
  auto asked = request();
  asked.looks = &looks_;
  ASSERT_TRUE(postgres::check_gate(Gate::After, asked, Deadline::never(), {}));
  auto session = looks_.take(target_);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->exec("SELECT current_setting('application_name')")->text(0, 0), "dbmigration/look");
  EXPECT_EQ(session->exec("SHOW statement_timeout")->text(0, 0), "0");
}

TEST_F(CheckSessionsTest, checks_go_by_their_own_name) {
  look();
  EXPECT_EQ(ask_kept("SELECT 1 WHERE current_setting('application_name') <> 'dbmigration/checks'"),
            "Passed: 0 violations");
}

}  // namespace
}  // namespace dbm::test
