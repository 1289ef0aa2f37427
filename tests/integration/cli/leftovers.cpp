/// What a run leaves in the machine's folder for temporary files: nothing, however it ends.

#include <gmock/gmock.h>

#include <csignal>

#include "refused.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

class Leftovers : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(home() / "tmp");
    world.manifest.backup = "{method: Logical}";
  }

  [[nodiscard]] fs::path home() const { return world.folder().parent_path(); }
  [[nodiscard]] Environment temporary() const { return {{"TMPDIR", (home() / "tmp").string()}}; }
  [[nodiscard]] std::vector<std::string> in_tmp() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(home() / "tmp")) names.push_back(entry.path());
    return names;
  }

  PostgresServer server{{.tls = true}};
  World world{server, {"0001"}};
};

/// pg_dump reads its password from a file that has no name: there is nothing to be removed by who is killed.
TEST_F(Leftovers, OfABackupThatIsKilledAreNone) {
  write_file(home() / "bin/pg_dump",
             "#!/bin/sh\n"
             "[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 15.2' && exit 0\n"
             "printf PGDMP\n"
             "seen=$(stat -L -c '%F %a' \"$PGPASSFILE\")\n"
             "[ \"$(cat \"$PGPASSFILE\")\" = '*:*:*:*:" +
                 std::string(kPassword) + "' ] && seen=\"$seen password\"\n" + "echo \"$seen\" >> '" +
                 (home() / "seen").string() +
                 "'\n"
                 "while kill -0 $PPID 2>/dev/null; do sleep 0.05; done\n");
  fs::permissions(home() / "bin/pg_dump", fs::perms::owner_all);
  fs::create_symlink("/usr/lib/postgresql/15/bin/pg_restore", home() / "bin/pg_restore");

  auto child = world.start_dbm(quiet_apply(world, {"--pg-binaries", (home() / "bin").string()}), temporary());
  // The schema is dumped once more by itself, at the same time.
  const std::string once = "regular file 600 password\n";
  const auto seen = [&] { return fs::exists(home() / "seen") ? read_file(home() / "seen") : ""; };
  ASSERT_TRUE(eventually([&] { return seen() == once + once; })) << seen() << child.err_so_far();
  EXPECT_THAT(in_tmp(), IsEmpty());
  world.check(child.kill());

  EXPECT_THAT(in_tmp(), IsEmpty());
}

/// Authority, certificate and key reach libpq and the client programs the same way.
TEST_F(Leftovers, OfARunWithCertificatesAreNone) {
  server.sql("ALTER ROLE app CREATEDB");
  auto text = manifest(world.manifest);
  const std::string plain = "secretRef: {name: orders-db}";
  ASSERT_NE(text.find(plain), std::string::npos);
  text.replace(text.find(plain), plain.size(),
               "{secretRef: {name: orders-db}, tls: {caRef: {kind: Secret, name: tls, key: ca.crt}, "
               "certificateSecretRef: {name: tls}}}");
  write_file(world.manifest_file(), text);
  world.keep_manifest = true;
  const std::string folder = server.ca_file().parent_path().string();
  const std::vector<std::string> certificates{"--secret", "tls=ca.crt:@" + folder + "/server.crt",
                                              "--secret", "tls=tls.crt:@" + folder + "/server.crt",
                                              "--secret", "tls=tls.key:@" + folder + "/server.key"};

  const auto applied = world.run_dbm(quiet_apply(world, certificates), temporary());
  std::vector<std::string> restore{
      "restore", "--into", "copy", "-f", "orders.yaml", "--store", "default=" + (home() / "store").string()};
  restore.insert(restore.end(), certificates.begin(), certificates.end());
  const auto restored = world.run_dbm(restore, temporary());

  EXPECT_EQ(applied.exit_code, 0) << applied.err;
  EXPECT_EQ(restored.exit_code, 0) << restored.err;
  world.expect_exactly_once({"0001"});
  EXPECT_THAT(in_tmp(), IsEmpty());
}

/// The files have no name that would help anybody: the field that holds them is named instead.
TEST_F(Leftovers, CertificateThatIsPemAndNoCertificate) {
  world.keep_manifest = true;
  auto text = manifest(world.manifest);
  const std::string plain = "secretRef: {name: orders-db}";
  text.replace(text.find(plain), plain.size(),
               "{secretRef: {name: orders-db}, tls: {caRef: {kind: Secret, name: tls, key: ca.crt}}}");
  write_file(world.manifest_file(), text);
  write_file(home() / "ca.crt", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");

  const auto finished = world.run_dbm(
      quiet_apply(world, {"--secret", "tls=ca.crt:@" + (home() / "ca.crt").string()}), temporary());

  expect_answer(world, finished,
                {1, "Reconciling/WaitingForReference", "TLSFailed",
                 "dbm: connect to 127.0.0.1:<port>/<db>: TLS failed: could not read root certificate file "
                 "tls.caRef: too long [TLSFailed]; check sslmode, the certificate authority and the host's "
                 "name in the certificate"});
}

}  // namespace
}  // namespace dbm::test
