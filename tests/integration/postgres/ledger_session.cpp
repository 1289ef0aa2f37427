// What a session promises: every wait ends, nothing reconnects, a run's session is never silent.
#include <pqxx/connection_base>
#include <thread>

#include "integration/postgres/ledger_fixture.h"
#include "postgres/keep_alive.h"
#include "postgres/pqxx_query.h"
#include "support/tcp_proxy.h"
#include "support/wait.h"

namespace dbm::test {
namespace {

using namespace std::chrono_literals;

class LedgerSession : public LedgerTest {
 protected:
  postgres::Session session_ = connect_to(database_);
};

TEST_F(LedgerSession, CancelsAtTheDeadlineAndStaysUsable) {
  const auto slept = session_.exec("SELECT pg_sleep(60)", Deadline::after(200ms));

  EXPECT_EQ(error_of(slept).cause, "Timeout");
  EXPECT_TRUE(session_.exec("SELECT 1"));
}

TEST_F(LedgerSession, CancelsWhenAskedToStop) {
  std::stop_source stop;
  std::jthread asker{[&] {
    (void)eventually([&] {
      return ask("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)' AND state = "
                 "'active' AND pid <> pg_backend_pid()") == "1";
    });
    stop.request_stop();
  }};

  const auto slept = session_.exec("SELECT pg_sleep(61)", Deadline::never(), stop.get_token());

  EXPECT_EQ(error_of(slept).kind, ErrorKind::Cancelled);
  EXPECT_TRUE(session_.exec("SELECT 1"));
}

TEST_F(LedgerSession, StaysLostOnceLost) {
  const int before = session_.backend_pid();
  as_superuser("SELECT pg_terminate_backend(" + std::to_string(before) + ")");

  EXPECT_EQ(error_of(session_.exec("SELECT 1")).cause, "ConnectionLost");
  EXPECT_EQ(error_of(session_.exec("SELECT 1")).cause, "ConnectionLost");
  EXPECT_TRUE(session_.lost());
}

TEST_F(LedgerSession, LibpqxxUsesTheSameConnectionAndNeverReconnects) {
  const auto pid = postgres::query_with_pqxx(session_, "SELECT pg_backend_pid()");
  ASSERT_TRUE(pid);
  EXPECT_EQ((*pid)[0][0].as<int>(), session_.backend_pid());
  ASSERT_TRUE(session_.exec("SELECT 1")) << "still ours";
  as_superuser("SELECT pg_terminate_backend(" + std::to_string(session_.backend_pid()) + ")");

  for (int use = 0; use < 4; ++use) EXPECT_FALSE(postgres::query_with_pqxx(session_, "SELECT 1"));
  EXPECT_EQ(
      ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app'"),
      "0");
}

TEST_F(LedgerSession, ErrorsOfLibpqxxAreTranslated) {
  const auto error = error_of(postgres::query_with_pqxx(session_, "SELECT 'canary'::int"));

  EXPECT_EQ(words(error), "Terminal ApplyFailed/StatementFailed: a text does not read as its type (22P02)");
  EXPECT_TRUE(session_.exec("SELECT 1"));
}

TEST_F(LedgerSession, APipelineIsOneTransactionAndEndsAtItsFirstError) {
  const std::string steps[] = {"CREATE TABLE t (id int)", "SELECT 1/0", "INSERT INTO t VALUES (1)"};

  const auto answer = session_.pipeline(steps);

  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->sqlstate, "22012");
  EXPECT_EQ(answer.rows.size(), 1U);
  EXPECT_EQ(ask("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
  EXPECT_TRUE(session_.exec("SELECT 1"));
}

TEST_F(LedgerSession, CopyWhereNoneBelongsIsRefused) {
  as_login("CREATE TABLE t (id int)");

  EXPECT_EQ(error_of(session_.exec("COPY t FROM stdin")).message, "COPY is not possible here");
  EXPECT_TRUE(session_.exec("SELECT 1"));
}

TEST_F(LedgerSession, KeepsALargeAnswerAndALargeQuestion) {
  const std::string big(3 << 20, 'x');

  const auto rows = session_.exec("SELECT length($1), repeat('y', 3000000)",
                                  std::vector<postgres::Param>{big}, Deadline::after(20s), {});

  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->number(0, 0), 3 << 20);
  EXPECT_EQ(rows->text(0, 1).size(), 3'000'000U);
}

TEST_F(LedgerSession, NoticesAreKept) {
  ASSERT_TRUE(session_.exec("DO $$ BEGIN RAISE WARNING 'look'; END $$"));

  const auto notices = session_.take_notices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].severity + " " + notices[0].message, "WARNING look");
}

TEST_F(LedgerSession, ARunsSessionHasTheSettingsOfTheProtocol) {
  const auto run = hold();
  ASSERT_TRUE(run) << run.error().message;
  const auto use = (*run)->use_work();
  ASSERT_TRUE((*run)->context().work->exec("RESET ALL"));

  const auto shown = (*run)->context().work->exec(
      "SELECT current_setting('idle_session_timeout'), "
      "current_setting('idle_in_transaction_session_timeout'), "
      "current_setting('client_connection_check_interval'), current_setting('tcp_user_timeout'), "
      "current_setting('statement_timeout')");

  ASSERT_TRUE(shown);
  const std::string all = std::string(shown->text(0, 0)) + " " + std::string(shown->text(0, 1)) + " " +
                          std::string(shown->text(0, 2)) + " " + std::string(shown->text(0, 3)) + " " +
                          std::string(shown->text(0, 4));
  EXPECT_EQ(all, "1min 10s 2s 30000 0");
  EXPECT_EQ((*run)->context().after_reset, "");
}

TEST_F(LedgerSession, TheKeepAlivePingsASilentSession) {
  const int pid = session_.backend_pid();
  ASSERT_TRUE(session_.exec("SET idle_session_timeout = '25s'"));
  const postgres::KeepAlive keep_alive{session_};

  const bool pinged = eventually(
      [&] {
        return ask("SELECT query FROM pg_stat_activity WHERE pid = " + std::to_string(pid)) == "SELECT 1";
      },
      25s);

  EXPECT_TRUE(pinged);
}

TEST_F(LedgerSession, InspectingTenThousandRowsIsOneRoundTrip) {
  make_ledger();
  as_login(
      "INSERT INTO dbm.history (version, version_key, name, batch, status, checksum, checksum_normalised, "
      "statements, statements_done, finished, run, epoch) "
      "SELECT lpad(i::text, 6, '0'), i::text, 'script_' || i, 1, 'applied', 'sha256:' || "
      "sha256(i::text::bytea), 'dbm1-sha256:' || sha256(i::text::bytea), 1, 1, now(), "
      "gen_random_uuid(), 1 FROM generate_series(1, 10000) i");
  TcpProxy proxy{PostgresServer::shared().port()};
  target_.keywords["port"] = std::to_string(proxy.port());
  target_.keywords["sslmode"] = "disable";
  // Open to the end of the test: its good-bye would be counted with what follows.
  const auto connected = postgres::Session::connect(target_, {"dbm-test", {}}, Deadline::after(20s), {});
  ASSERT_TRUE(connected);
  const auto connecting = proxy.traffic().round_trips;
  proxy.reset_counts();

  const auto seen = inspect();

  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->rows.size(), 10'000U);
  EXPECT_EQ(seen->newest.size(), 20U);
  EXPECT_LE(proxy.traffic().round_trips, connecting + 2) << "one question, and a good-bye";
}

}  // namespace
}  // namespace dbm::test
