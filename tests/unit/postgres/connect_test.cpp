#include "postgres/connect.h"

#include <gtest/gtest.h>

namespace dbm::postgres {
namespace {

migration::Target target() {
  migration::Target to;
  to.keywords = {{"host", "db.example"},
                 {"port", "5433"},
                 {"dbname", "orders"},
                 {"user", "app"},
                 {"password", "canary"}};
  return to;
}

struct Refusal {
  const char* libpq;
  ErrorKind kind;
  const char *reason, *cause, *message;
};
class ConnectError : public ::testing::TestWithParam<Refusal> {};

TEST_P(ConnectError, IsOneClearLine) {
  const Error error = connect_error(GetParam().libpq, target());

  EXPECT_EQ(error.kind, GetParam().kind);
  EXPECT_EQ(error.reason, GetParam().reason);
  EXPECT_EQ(error.cause, GetParam().cause);
  EXPECT_EQ(error.message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConnectError,
    ::testing::Values(
        Refusal{"connection to server at \"db.example\", port 5433 failed: FATAL:  28P01\n",
                ErrorKind::Waiting, "WaitingForReference", "AuthenticationFailed",
                "connect to db.example:5433/orders: the server refused the password of user \"app\" (28P01)"},
        Refusal{"connection to server at \"db.example\", port 5433 failed: FATAL:  3D000\n",
                ErrorKind::Waiting, "WaitingForReference", "NotFound",
                "connect to db.example:5433/orders: there is no such database (3D000)"},
        Refusal{"connection to server at \"db.example\", port 5433 failed: FATAL:  57P03\n",
                ErrorKind::Transient, "ProgressingWithRetry", "ServerNotReady",
                "connect to db.example:5433/orders: the server is starting up or shutting down (57P03)"},
        Refusal{"connection to server at \"db.example\", port 5433 failed: session is read-only\n",
                ErrorKind::Transient, "ProgressingWithRetry", "ReadOnly",
                "connect to db.example:5433/orders: the server is read-only (a standby?)"},
        Refusal{"connection to server at \"db.example\", port 5433 failed: server does not support SSL, but "
                "SSL was required\n",
                ErrorKind::Waiting, "WaitingForReference", "TLSFailed",
                "connect to db.example:5433/orders: TLS failed: server does not support SSL, but SSL was "
                "required"},
        Refusal{
            "connection to server at \"db.example\", port 5433 failed: fe_sendauth: no password supplied\n",
            ErrorKind::Waiting, "WaitingForReference", "AuthenticationFailed",
            "connect to db.example:5433/orders: the server wants a password or another way to log in"}));

TEST(ConnectionKeywords, LayTheProtocolsOverTheTargets) {
  auto to = target();
  to.keywords["target_session_attrs"] = "any";
  to.keywords["application_name"] = "shop";
  to.keywords["options"] = "-c work_mem=64MB";

  const auto words =
      connection_keywords(to, {"dbmigration/x", {{"lock_timeout", "30s"}, {"application.name", "a b"}}});

  EXPECT_EQ(words.at("target_session_attrs"), "read-write");
  EXPECT_EQ(words.at("application_name"), "dbmigration/x shop");
  EXPECT_EQ(words.at("options"), "-c work_mem=64MB -c application.name=a\\ b -c lock_timeout=30s");
  EXPECT_EQ(words.at("tcp_user_timeout"), "30000");
}

}  // namespace
}  // namespace dbm::postgres
