/// What a manifest refers to is not there, or not to be had.

#include "refused.h"
#include "support/tcp_proxy.h"

namespace dbm::test {
namespace {

/// The manifest with another Secret, source or connection, written by hand.
void write_with(World& world, const std::string& from, const std::string& to) {
  auto text = manifest(world.manifest);
  const auto at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  world.keep_manifest = true;
  write_file(world.manifest_file(), text);
}

TEST_F(Refused, SecretThatIsMissing) {
  write_with(world, "secretRef: {name: orders-db}", "secretRef: {name: orders-login}");

  expect_refused(world, {1, "Reconciling/WaitingForReference", "NotFound",
                         "dbm: Secret shop/orders-login was not found [NotFound]; give it with --secret "
                         "orders-login=KEY:env:VARIABLE or =KEY:@FILE, or put the Secret into the manifest's "
                         "folder"});
}

TEST_F(Refused, SecretWithoutTheKey) {
  write_with(world, "secretRef: {name: orders-db}",
             "{secretRef: {name: orders-db}, secretFormat: URL, secretKeys: {url: uri}}");

  expect_refused(world, {1, "Reconciling/WaitingForReference", "NotFound",
                         "dbm: Secret orders-db has no key 'uri'; keys seen: url [NotFound]; create what is "
                         "missing, or correct its name"});
}

TEST_F(Refused, SecretWithOtherKeysListsTheirNames) {
  write_with(world, "  url: ", "  dsn: ");

  expect_refused(world, {1, "Reconciling/WaitingForReference", "NotFound",
                         "dbm: Secret orders-db has neither 'url' nor host, username and password; keys "
                         "seen: dsn [NotFound]; create what is missing, or correct its name"});
}

TEST_F(Refused, ConfigMapThatIsMissing) {
  world.manifest.source = "{configMaps: [{name: orders-migrations}]}";

  expect_refused(world, {1, "Reconciling/WaitingForReference", "NotFound",
                         "dbm: orders.yaml:14:25: ConfigMap shop/orders-migrations does not exist "
                         "[NotFound]; create what is missing, or correct its name"});
}

TEST_F(Refused, KeyOfAConfigMapThatIsMissing) {
  world.manifest.source =
      "{configMaps: [{name: orders-migrations, items: [{key: b.sql, path: 0002_b.sql}]}]}";
  write_file(world.folder() / "maps.yaml",
             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: orders-migrations, namespace: shop}\n"
             "data: {0001_a.sql: SELECT 1}\n");

  expect_refused(world,
                 {1, "Reconciling/WaitingForReference", "NotFound",
                  "dbm: orders.yaml:14:59: ConfigMap shop/orders-migrations has no key 'b.sql' [NotFound]; "
                  "create what is missing, or correct its name"},
                 {"-f", "maps.yaml"});
}

TEST_F(Refused, FolderThatIsMissing) {
  world.manifest.source = "{directory: {path: script}}";

  expect_refused(world, {1, "Reconciling/WaitingForReference", "NotFound",
                         "dbm: orders.yaml:14:30: folder script below <desk> does not exist [NotFound]; "
                         "create what is missing, or correct its name"});
}

TEST_F(Refused, DatabaseThatIsMissing) {
  world.manifest.url = "postgres://app:" + std::string(kPassword) +
                       "@127.0.0.1:" + std::to_string(world.database().server().port()) + "/no_such_database";

  expect_refused(world,
                 {1, "Reconciling/WaitingForReference", "NotFound",
                  "dbm: connect to 127.0.0.1:<port>/no_such_database: there is no such database (3D000) "
                  "[NotFound]; create the database, or correct spec.connection.dbname"});
}

TEST_F(Refused, PasswordThatIsWrong) {
  world.manifest.url =
      "postgres://app:canary-5b1d-row-value@127.0.0.1:" + std::to_string(world.database().server().port()) +
      "/" + world.database().name();

  expect_refused(world, {1, "Reconciling/WaitingForReference", "AuthenticationFailed",
                         "dbm: connect to 127.0.0.1:<port>/<db>: the server refused the password of user "
                         "\"app\" (28P01) [AuthenticationFailed]; correct the password in the Secret"});
}

TEST_F(Refused, LoginThatIsUnknown) {
  world.manifest.url = world.database().url({}, "nobody_here");

  expect_refused(world,
                 {1, "Reconciling/WaitingForReference", "AuthenticationFailed",
                  "dbm: connect to 127.0.0.1:<port>/<db>: the server refused the password of user "
                  "\"nobody_here\" (28P01) [AuthenticationFailed]; correct the password in the Secret"});
}

TEST_F(Refused, TlsThatTheServerDoesNotOffer) {
  world.manifest.url += "?sslmode=require";

  expect_refused(
      world,
      {1, "Reconciling/WaitingForReference", "TLSFailed",
       "dbm: connect to 127.0.0.1:<port>/<db>: TLS failed: server does not support SSL, but SSL was required "
       "[TLSFailed]; check sslmode, the certificate authority and the host's name in the certificate"});
}

TEST_F(Refused, ServerThatIsDown) {
  world.manifest.url = world.database().url(free_port());

  expect_refused(world,
                 {5, "Reconciling/ProgressingWithRetry", "ConnectionFailed",
                  "dbm: connect to 127.0.0.1:<port>/<db>: Connection refused [ConnectionFailed]; check host, "
                  "port and that the server runs; it is tried again"},
                 {"--timeout", "1s"});
}

TEST_F(Refused, ServerThatNeverAnswers) {
  TcpProxy proxy(world.database().server().port());
  proxy.stall(true);
  world.manifest.url = world.database().url(proxy.port());

  expect_refused(world,
                 {5, "Reconciling/ProgressingWithRetry", "Timeout",
                  "dbm: connect to 127.0.0.1:<port>/<db>: no answer in time [Timeout]; give it more time, or "
                  "find out what it waited for"},
                 {"--timeout", "1s"});
}

TEST_F(Refused, CertificateThatIsNoPem) {
  write_with(world, "secretRef: {name: orders-db}",
             "{secretRef: {name: orders-db}, tls: {caRef: {kind: Secret, name: orders-db, key: url}}}");

  expect_refused(world, {2, "Stalled/InvalidSpec", "InvalidValue",
                         "dbm: Secret orders-db, key url: must be PEM [InvalidValue]; correct the field "
                         "named; crds/README.md says what it may hold"});
}

}  // namespace
}  // namespace dbm::test
