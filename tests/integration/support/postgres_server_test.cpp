#include "support/postgres_server.h"

#include <gmock/gmock.h>

#include <csignal>

#include "support/wait.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

class EachMajor : public ::testing::TestWithParam<int> {};

TEST_P(EachMajor, StartsAndServesADatabaseOwnedByTheLogin) {
  auto& server = PostgresServer::shared(GetParam());
  const auto database = server.fresh_database();

  EXPECT_THAT(sql(database, "SHOW server_version"), StartsWith(std::to_string(GetParam())));
  EXPECT_EQ(Session(database.address(),
                    kLogin)("CREATE TABLE t (i int); INSERT INTO t VALUES (1), (2); SELECT i, 'x' FROM t"),
            "1|x\n2|x");
  EXPECT_EQ(sql(database, "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'"), "f");
}

INSTANTIATE_TEST_SUITE_P(PostgreSQL, EachMajor, ::testing::Values(15, 16, 17, 18));

TEST(PostgresServerTest, RefusesAWrongPassword) {
  auto& server = PostgresServer::shared();
  const auto database = server.fresh_database();

  const std::string url =
      "postgres://app:wrong@127.0.0.1:" + std::to_string(server.port()) + "/" + database.name();
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), &PQfinish);

  EXPECT_EQ(PQstatus(connection.get()), CONNECTION_BAD);
  EXPECT_THAT(PQerrorMessage(connection.get()), HasSubstr("password authentication failed"));
}

TEST(PostgresServerTest, DropsADatabaseAtTheEndOfItsTest) {
  auto& server = PostgresServer::shared();
  std::string name;
  {
    const auto database = server.fresh_database();
    name = database.name();
    EXPECT_EQ(server.sql("SELECT count(*) FROM pg_database WHERE datname = '" + name + "'"), "1");
  }
  EXPECT_EQ(server.sql("SELECT count(*) FROM pg_database WHERE datname = '" + name + "'"), "0");
}

TEST(PostgresServerTest, KeepsWhatWasCommittedOverAnImmediateStop) {
  PostgresServer server({.durable = true});
  const auto database = server.fresh_database();
  sql(database, "CREATE TABLE t (i int); INSERT INTO t VALUES (7)");

  server.stop_immediate();
  server.start();

  EXPECT_EQ(sql(database, "SELECT i FROM t"), "7");
}

TEST(PostgresServerTest, CanHoldABackendStill) {
  auto& server = PostgresServer::shared();
  const auto database = server.fresh_database();
  Session session(database.address());

  ASSERT_EQ(::kill(session.backend_pid(), SIGSTOP), 0);
  session.send("CREATE TABLE t ()");
  EXPECT_EQ(sql(database, "SELECT to_regclass('t')"), "");
  ::kill(session.backend_pid(), SIGCONT);
  session.finish();

  EXPECT_EQ(sql(database, "SELECT to_regclass('t')"), "t");
}

TEST(PostgresServerTest, ASynchronousStandbyHoldsCommitsBack) {
  PostgresServer server({.durable = true});
  const auto standby = server.make_standby("s1");
  server.set("synchronous_standby_names", "s1");
  const auto database = server.fresh_database();
  sql(database, "CREATE TABLE t (i int)");
  ASSERT_TRUE(eventually([&] {
    return standby->sql("SELECT count(*) FROM pg_database WHERE datname = '" + database.name() + "'") == "1";
  }));
  EXPECT_EQ(standby->sql("SELECT pg_is_in_recovery()"), "t");

  standby->stop_immediate();
  Session session(database.address());
  session.send("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(eventually([&] {
    return server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
  }));

  standby->start();
  session.finish();
  EXPECT_EQ(sql(database, "SELECT i FROM t"), "1");
}

TEST(PostgresServerTest, SpeaksTlsWhenAsked) {
  PostgresServer server({.tls = true});

  const std::string text =
      "host=localhost hostaddr=127.0.0.1 port=" + std::to_string(server.port()) +
      " user=postgres dbname=postgres sslmode=verify-full sslrootcert=" + server.ca_file().string();
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(text.c_str()), &PQfinish);

  EXPECT_EQ(PQstatus(connection.get()), CONNECTION_OK) << PQerrorMessage(connection.get());
}

TEST(SessionTest, ThrowsTheServersWords) {
  const auto database = PostgresServer::shared().fresh_database();
  EXPECT_THAT([&] { sql(database, "SELECT nothing"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("does not exist")));
}

}  // namespace
}  // namespace dbm::test
