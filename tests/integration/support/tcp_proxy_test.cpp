#include "support/tcp_proxy.h"

#include <gmock/gmock.h>

#include "support/postgres_server.h"
#include "support/wait.h"

namespace dbm::test {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

class TcpProxyTest : public ::testing::Test {
 protected:
  [[nodiscard]] Address address() const { return {"127.0.0.1", proxy_.port(), database_.name()}; }
  [[nodiscard]] std::string rows() const { return sql(database_, "SELECT count(*) FROM t"); }
  [[nodiscard]] bool count_becomes(const std::string& expected) const {
    return eventually([&] { return rows() == expected; });
  }
  [[nodiscard]] Connection connect() const {
    return {PQconnectdb(database_.url(proxy_.port()).c_str()), &PQfinish};
  }

  PostgresServer& server_ = PostgresServer::shared();
  Database database_ = server_.fresh_database();
  TcpProxy proxy_{server_.port()};

  void SetUp() override { Session(database_.address(), kLogin)("CREATE TABLE t (i int)"); }
};

TEST_F(TcpProxyTest, DropsTheReplyToACommitThatHappened) {
  Session session(address(), kLogin);
  session("BEGIN; INSERT INTO t VALUES (1)");
  proxy_.drop_reply_to("COMMIT");

  EXPECT_THROW(session("COMMIT"), std::runtime_error);

  EXPECT_EQ(rows(), "1");
  EXPECT_EQ(proxy_.count("commit"), 1);
  EXPECT_EQ(proxy_.cuts(), 1);
}

TEST_F(TcpProxyTest, KeepsACommitFromTheServer) {
  Session session(address(), kLogin);
  session("BEGIN; INSERT INTO t VALUES (1)");
  proxy_.cut_at("COMMIT", Cut::BeforeSend);

  EXPECT_THROW(session("COMMIT"), std::runtime_error);

  EXPECT_EQ(rows(), "0");
}

TEST_F(TcpProxyTest, CutsAfterACommitWasSent) {
  Session session(address(), kLogin);
  session("BEGIN; INSERT INTO t VALUES (1)");
  proxy_.cut_at("COMMIT", Cut::AfterSend);

  EXPECT_THROW(session("COMMIT"), std::runtime_error);

  EXPECT_TRUE(count_becomes("1"));
}

TEST_F(TcpProxyTest, FindsACommitInAPipeline) {
  const auto connection = connect();
  ASSERT_EQ(PQstatus(connection.get()), CONNECTION_OK);
  proxy_.cut_at("COMMIT", Cut::AfterSend);

  ASSERT_EQ(PQenterPipelineMode(connection.get()), 1);
  for (const char* text : {"BEGIN", "INSERT INTO t VALUES (1)", "COMMIT"}) {
    ASSERT_EQ(PQsendQueryParams(connection.get(), text, 0, nullptr, nullptr, nullptr, nullptr, 0), 1);
  }
  PQpipelineSync(connection.get());
  while (PQstatus(connection.get()) == CONNECTION_OK) PQclear(PQgetResult(connection.get()));

  EXPECT_TRUE(count_becomes("1"));
  EXPECT_EQ(proxy_.count("COMMIT"), 1);
}

TEST_F(TcpProxyTest, StrikesTheNthTimeOnly) {
  Session session(address(), kLogin);
  proxy_.drop_reply_to("INSERT 0", 2);

  session("INSERT INTO t VALUES (1)");
  EXPECT_THROW(session("INSERT INTO t VALUES (2)"), std::runtime_error);

  EXPECT_TRUE(count_becomes("2"));
}

TEST_F(TcpProxyTest, CountsRoundTripsAndMessages) {
  Session session(address(), kLogin);
  proxy_.reset_counts();

  for (int i = 0; i < 5; ++i) session("SELECT 1");

  EXPECT_EQ(proxy_.traffic().round_trips, 5);
  EXPECT_EQ(proxy_.traffic().messages, 5);
}

TEST_F(TcpProxyTest, DelaysEachWay) {
  Session session(address(), kLogin);
  proxy_.delay(std::chrono::milliseconds{20});

  const auto start = std::chrono::steady_clock::now();
  session("SELECT 1");

  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds{40});
}

TEST_F(TcpProxyTest, CutsInTheMiddleOfAStream) {
  Session session(address(), kLogin);
  proxy_.cut_after_bytes_to_client(100'000);

  EXPECT_THROW(session("SELECT repeat('x', 1000) FROM generate_series(1, 1000)"), std::runtime_error);
}

TEST_F(TcpProxyTest, RefusesAndAdmitsAgain) {
  proxy_.refuse(true);
  EXPECT_THROW(Session(address(), kLogin), std::runtime_error);

  proxy_.refuse(false);
  EXPECT_EQ(Session(address(), kLogin)("SELECT 1"), "1");
}

TEST_F(TcpProxyTest, IsABlackHoleWhileStalled) {
  Session session(address(), kLogin);
  proxy_.stall(true);
  session.send("INSERT INTO t VALUES (1)");
  EXPECT_EQ(rows(), "0");

  proxy_.stall(false);
  session.finish();
  EXPECT_EQ(rows(), "1");
}

TEST_F(TcpProxyTest, CutsEveryConnection) {
  Session one(address(), kLogin), two(address(), kLogin);

  proxy_.cut_all();

  EXPECT_THROW(one("SELECT 1"), std::runtime_error);
  EXPECT_THROW(two("SELECT 1"), std::runtime_error);
  EXPECT_EQ(Session(address(), kLogin)("SELECT 1"), "1");
}

}  // namespace
}  // namespace dbm::test
