// Servers, logins, owners and poolers a run is refused on; and what a failed connection says.
#include "integration/postgres/ledger_fixture.h"
#include "postgres/connect.h"
#include "support/pgbouncer.h"
#include "support/tcp_proxy.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class LedgerRefused : public LedgerTest {
 protected:
  /// What connecting says; it never shows the password.
  std::string refusal() {
    const auto error = error_of(
        engine_->inspect(target_, {20, owner_, false}, Deadline::after(std::chrono::seconds{20}), {}));
    EXPECT_THAT(error.message + error.server_message, Not(HasSubstr(std::string(kPassword))));
    return words(error);
  }
  std::string where() { return "connect to " + postgres::describe(target_) + ": "; }
};

TEST_F(LedgerRefused, AnotherOwnerUntilHandedOver) {
  make_ledger();
  auto other = request();
  other.owner = {"c-1", "shop", "billing"};

  EXPECT_THAT(
      words(error_of(hold(other))),
      StartsWith(
          "Terminal DatabaseOwnedElsewhere/OtherOwner: the ledger belongs to shop/orders of cluster local"));
  EXPECT_EQ(ask("SELECT epoch FROM dbm.fence"), "1");
  other.take_over = true;
  EXPECT_TRUE(hold(other));
  EXPECT_EQ(ask("SELECT owner_cluster, owner_name, epoch FROM dbm.fence"), "c-1|billing|2");
}

TEST_F(LedgerRefused, AClusterInheritsFromLocalButNotBack) {
  make_ledger();
  auto cluster = request();
  cluster.owner.cluster_id = "c-1";

  EXPECT_TRUE(hold(cluster));
  EXPECT_EQ(ask("SELECT owner_cluster FROM dbm.fence"), "c-1");
  EXPECT_EQ(error_of(hold()).cause, "OtherOwner");
}

TEST_F(LedgerRefused, ACopyOfTheDatabaseUntilTakenOver) {
  make_ledger();
  const auto copy = PostgresServer::shared().fresh_database(database_.name());
  target_ = target_of(copy);

  EXPECT_THAT(
      words(error_of(hold())),
      StartsWith("Terminal IdentityChanged: the ledger was made in database \"" + database_.name() + "\""));
  EXPECT_EQ(inspect()->ledger, migration::LedgerState::IdentityChanged);
  auto accepted = request();
  accepted.take_over = true;
  EXPECT_TRUE(hold(accepted));
  EXPECT_TRUE(hold());
}

TEST_F(LedgerRefused, ALedgerFromAnotherServer) {
  make_ledger();
  as_login("UPDATE dbm.fence SET system_identifier = '1'");

  EXPECT_THAT(words(error_of(hold())), StartsWith("Terminal IdentityChanged: the ledger was made on the "
                                                  "server with system identifier 1, this one has "));
}

TEST_F(LedgerRefused, ASuperuserUnlessAllowed) {
  target_.keywords["user"] = "postgres";

  EXPECT_EQ(words(error_of(hold())),
            "Terminal PermissionDenied/SuperuserLogin: the login \"postgres\" is a superuser");
  EXPECT_EQ(ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'dbm'"), "0");
  target_.allow_superuser = true;
  EXPECT_TRUE(hold());
}

TEST_F(LedgerRefused, AStandbyForNow) {
  const auto standby = PostgresServer::shared().make_standby("refused");
  target_.keywords["port"] = std::to_string(standby->port());

  EXPECT_EQ(words(error_of(hold())),
            "Transient ProgressingWithRetry/ReadOnly: " + where() + "the server is read-only (a standby?)");
}

TEST_F(LedgerRefused, WrongPasswordDatabaseHostAndTls) {
  const auto right = target_;
  target_.keywords["password"] = "wrong-canary";
  EXPECT_EQ(refusal(), "Waiting WaitingForReference/AuthenticationFailed: " + where() +
                           "the server refused the password of user \"app\" (28P01)");
  target_ = right;
  target_.keywords["dbname"] = "nowhere";
  EXPECT_EQ(refusal(),
            "Waiting WaitingForReference/NotFound: " + where() + "there is no such database (3D000)");
  target_ = right;
  target_.keywords["sslmode"] = "require";
  EXPECT_EQ(refusal(), "Waiting WaitingForReference/TLSFailed: " + where() +
                           "TLS failed: server does not support SSL, but SSL was required");
  target_ = right;
  target_.keywords["host"] = "no-such-host.invalid";
  EXPECT_THAT(refusal(), StartsWith("Transient ProgressingWithRetry/ConnectionFailed: " + where()));
  target_ = right;
  target_.keywords["port"] = "1";
  EXPECT_THAT(refusal(), StartsWith("Transient ProgressingWithRetry/ConnectionFailed: " + where()));
}

TEST_F(LedgerRefused, ACertificateThatCannotBeTrusted) {
  PostgresServer server{{.tls = true}};
  const auto database = server.fresh_database();
  target_ = target_of(database);
  target_.keywords["host"] = "localhost";
  target_.keywords["sslmode"] = "verify-full";
  target_.keywords["sslrootcert"] = server.ca_file().string();
  EXPECT_EQ(refusal(), "Terminal Succeeded: it succeeded");

  target_.keywords["sslrootcert"] = "/nowhere/ca.crt";
  EXPECT_THAT(refusal(), StartsWith("Waiting WaitingForReference/TLSFailed: " + where() +
                                    "TLS failed: root certificate file"));
  const PostgresServer other{{.tls = true}};
  target_.keywords["sslrootcert"] = other.ca_file().string();
  EXPECT_THAT(refusal(), StartsWith("Waiting WaitingForReference/TLSFailed: " + where() +
                                    "TLS failed: SSL error: certificate verify failed"));
}

TEST_F(LedgerRefused, ASettingTheServerDoesNotKnow) {
  target_.keywords["options"] = "-c no_such_setting=1";

  EXPECT_EQ(words(error_of(hold())),
            "Terminal InvalidSpec/InvalidValue: " + where() +
                "the server knows no such setting (connection.parameters.options) (42704)");
}

TEST_F(LedgerRefused, AServerThatDoesNotAnswerInTime) {
  TcpProxy proxy{PostgresServer::shared().port()};
  proxy.stall(true);
  target_.keywords["port"] = std::to_string(proxy.port());

  const auto error =
      error_of(engine_->inspect(target_, {}, Deadline::after(std::chrono::milliseconds{300}), {}));

  EXPECT_EQ(words(error), "Transient ProgressingWithRetry/Timeout: " + where() + "no answer in time");
}

TEST_F(LedgerRefused, APoolerInTransactionModeIsForNobodysRuns) {
  const PgBouncer pooler{database_};
  target_.keywords["port"] = std::to_string(pooler.port());
  target_.keywords["dbname"] = "transaction";

  EXPECT_EQ(words(error_of(hold())),
            "Terminal PoolerDetected/TransactionPooling: a pooler in transaction mode stands between us and "
            "the server");
  EXPECT_TRUE(inspect()) << "looking needs no session of its own";
  EXPECT_EQ(ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'dbm'"), "0");
}

TEST_F(LedgerRefused, APoolerInSessionModeIsFineEvenWithoutOptions) {
  const PgBouncer pooler{database_};
  target_.keywords["port"] = std::to_string(pooler.port());
  target_.keywords["dbname"] = "session";

  auto run = hold();

  ASSERT_TRUE(run) << run.error().message;
  EXPECT_THAT((*run)->context().after_reset, HasSubstr("idle_session_timeout"));
  const auto shown = (*run)->context().work->exec("SHOW idle_in_transaction_session_timeout");
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->text(0, 0), "10s");
  EXPECT_TRUE((*run)->release());
}

}  // namespace
}  // namespace dbm::test
