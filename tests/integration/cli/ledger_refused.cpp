/// What the ledger, the login or the server forbids.

#include "refused.h"
#include "support/pgbouncer.h"
#include "support/tcp_proxy.h"

namespace dbm::test {
namespace {

using Strings = std::vector<std::string>;

/// A World whose first script is applied, and looked at as it is then.
class Applied : public Refused {
 protected:
  void SetUp() override { ASSERT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0); }
  void refused(const Answer& answer, const Strings& more = {}) { expect_refused(world, answer, more); }
};

TEST_F(Applied, ChangedScript) {
  world.script("0001_step.sql", witness_lines("0001") + "SELECT 2;");

  refused(
      {1, "Stalled/ChangedScript", "ChecksumDiffers",
       "dbm: 0001_step.sql:3:1 was changed after it was applied: the ledger has "
       "sha256:d1b111025524566933e3e624fcf4320174c301c11d12c26238cc43da63c58ec1, the source "
       "sha256:93347c3f5cb7c3670e9214c2a8d50dcb07699d7cec3828d848c4bbf2c769285c; all from statement 3 on is "
       "new [ChecksumDiffers]; move what was added into a new script, or set changedScript: Warn",
       "made"});
}

TEST_F(Applied, ChangedScriptInTheMiddle) {
  world.script("0001_step.sql", "SELECT 2;" + witness_lines("0001"));

  refused({1, "Stalled/ChangedScript", "ChecksumDiffers",
           "dbm: 0001_step.sql was changed after it was applied: the ledger has "
           "sha256:d1b111025524566933e3e624fcf4320174c301c11d12c26238cc43da63c58ec1, the source "
           "sha256:a9b37e56de7ebd0e7d93dfcf875337a5b97aeb7cc906c75c168d433ca23539e3; it had 2 statements, "
           "now 3 [ChecksumDiffers]; undo "
           "the change and write a new script instead, or set changedScript: Warn",
           "made"});
}

TEST_F(Applied, MissingScript) {
  std::filesystem::remove(world.folder() / "scripts/0001_step.sql");
  world.add_script("0002");

  refused({1, "Stalled/ChangedScript", "ScriptMissing",
           "dbm: script 0001 (step) is applied, but the source has no such file [ScriptMissing]; put the "
           "file back, or set changedScript: Warn",
           "made"});
}

TEST_F(Applied, OutOfOrderScript) {
  world.add_script("0000");

  refused({1, "Stalled/OutOfOrder", "OutOfOrder",
           "dbm: 0000_step.sql is new, but older than 0001, which is applied [OutOfOrder]; give it a version "
           "after 0001",
           "made"});
}

TEST_F(Applied, TargetBelowWhatIsApplied) {
  world.add_script("0002");
  ASSERT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0);
  world.manifest.more = "  targetVersion: \"0001\"\n";

  refused({2, "Stalled/InvalidSpec", "InvalidValue",
           "dbm: spec.targetVersion 0001 must not be older than 0002, which is applied [InvalidValue]; "
           "correct the field named; crds/README.md says what it may hold",
           "made"});
}

TEST_F(Refused, TargetThatIsNoScript) {
  world.manifest.more = "  targetVersion: \"0009\"\n";

  expect_refused(world, {2, "Stalled/InvalidSpec", "InvalidValue",
                         "dbm: spec.targetVersion must be a version of the source; there is no 0009 "
                         "[InvalidValue]; correct the field named; crds/README.md says what it may hold"});
}

TEST_F(Applied, LedgerOfAnotherOwner) {
  world.manifest.name = "billing";
  world.add_script("0002");

  refused({1, "Stalled/DatabaseOwnedElsewhere", "OtherOwner",
           "dbm: the ledger belongs to shop/orders of cluster local (ledger <id>) [OtherOwner]; use another "
           "ledgerSchema, or take it over: dbm apply --take-over",
           "made"});
}

TEST_F(Applied, IdentityThatChanged) {
  auto& server = world.database().server();
  const std::string copy = "copied";
  server.sql("CREATE DATABASE " + copy + " OWNER app TEMPLATE " + world.database().name());
  const Database database(server, copy);
  world.manifest.url = database.url();
  world.add_script("0002");

  const auto finished = world.run_dbm(quiet_apply(world));

  expect_answer(world, finished,
                {1, "Stalled/IdentityChanged", "IdentityChanged",
                 "dbm: the ledger was made in database \"<db>\", this one is \"copied\" (a copy, or renamed) "
                 "[IdentityChanged]; if this is the database you mean (upgraded, restored, renamed), "
                 "accept it: dbm apply --take-over; a copy needs a manifest of another name"});
  EXPECT_EQ(sql(database, "SELECT v FROM canary"), canary_after(1));
}

TEST_F(Applied, LedgerThatIsNewer) {
  world.sql(
      "INSERT INTO dbm.ledger_version SELECT (jsonb_populate_record(v, '{\"version\": 99}')).* FROM "
      "dbm.ledger_version v WHERE version = 1");
  world.add_script("0002");

  refused({1, "Stalled/LedgerNewer", "LedgerNewer",
           "dbm: the ledger in schema \"dbm\" is of version 99; this program knows 4 [LedgerNewer]; use the "
           "newer version of dbm that wrote this ledger",
           "made"});
}

TEST_F(Refused, SchemaOfAnotherOwner) {
  world.sql("CREATE SCHEMA dbm");

  expect_refused(world, {1, "Stalled/DatabaseOwnedElsewhere", "ForeignSchema",
                         "dbm: schema \"dbm\" is owned by \"postgres\", not by the login [ForeignSchema]; "
                         "choose another ledgerSchema, or remove the schema that is not ours"});
}

TEST_F(Refused, SchemaWithTablesThatAreNotOurs) {
  world.sql("CREATE SCHEMA dbm AUTHORIZATION app; SET ROLE app; CREATE TABLE dbm.notes ()");

  expect_refused(world, {1, "Stalled/DatabaseOwnedElsewhere", "ForeignSchema",
                         "dbm: schema \"dbm\" is not empty and holds no ledger [ForeignSchema]; choose "
                         "another ledgerSchema, or remove the schema that is not ours"});
}

TEST_F(Refused, SuperuserLogin) {
  world.manifest.url = world.database().url({}, "postgres");

  expect_refused(
      world,
      {1, "Stalled/PermissionDenied", "SuperuserLogin",
       "dbm: the login \"postgres\" is a superuser [SuperuserLogin]; connect as a role without SUPERUSER and "
       "BYPASSRLS that owns the objects, or set allowSuperuser in the operator's configuration"});
}

/// A login of its own, dropped with what it has in the World's database.
struct Login {
  Login(const World& of, std::string called, const std::string& attributes)
      : world(of), name(std::move(called)) {
    world.sql("CREATE ROLE " + name + " LOGIN " + attributes + " PASSWORD '" + std::string(kPassword) + "'");
  }
  ~Login() { world.sql("DROP OWNED BY " + name + " CASCADE; DROP ROLE " + name); }
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;
  const World& world;
  std::string name;
};

TEST_F(Refused, LoginThatBypassesRowSecurity) {
  const Login login(world, "bypasser", "BYPASSRLS");
  world.manifest.url = world.database().url({}, login.name);

  expect_refused(
      world,
      {1, "Stalled/PermissionDenied", "SuperuserLogin",
       "dbm: the login \"bypasser\" has BYPASSRLS [SuperuserLogin]; connect as a role without SUPERUSER and "
       "BYPASSRLS that owns the objects, or set allowSuperuser in the operator's configuration"});
}

TEST_F(Refused, LoginWithoutCreate) {
  const Login login(world, "stranger", "");
  world.manifest.url = world.database().url({}, login.name);

  expect_refused(world, {1, "Stalled/PermissionDenied", "InsufficientPrivilege",
                         "dbm: the login \"stranger\" may not create schema \"dbm\" in database \"<db>\" "
                         "[InsufficientPrivilege]; GRANT CREATE ON DATABASE \"<db>\" TO \"stranger\", or "
                         "CREATE SCHEMA \"dbm\" AUTHORIZATION \"stranger\""});
}

TEST_F(Refused, RoleThatTheLoginMayNotTake) {
  world.manifest.more = "  role: postgres\n";

  expect_refused(
      world,
      {1, "Stalled/PermissionDenied", "InsufficientPrivilege",
       "dbm: login app may not SET ROLE postgres [InsufficientPrivilege]; GRANT \"postgres\" TO \"app\"",
       "made"});
}

TEST_F(Refused, TableOfAnotherOwner) {
  world.sql("CREATE TABLE audit (id int)");
  world.script("0001_step.sql", "ALTER TABLE audit ADD note text;");

  expect_refused(world,
                 {1, "Stalled/PermissionDenied", "InsufficientPrivilege",
                  "dbm: 0001_step.sql:1:1: must be owner of table audit (42501) [InsufficientPrivilege]; "
                  "GRANT the login (or spec.role) the right the message names, or set spec.role to the owner",
                  "any"});
}

TEST_F(Refused, TableThatMayNotBeRead) {
  world.sql("CREATE TABLE audit (id int)");
  world.manifest.backup = "{method: Logical}";

  expect_refused(
      world,
      {1, "Stalled/PermissionDenied", "InsufficientPrivilege",
       "dbm: a whole backup needs to read every table; the login may not read public.audit "
       "[InsufficientPrivilege]; GRANT SELECT on them to the login, or make it a member of pg_read_all_data",
       "any"});
}

TEST_F(Refused, TableThatMayNotBeWritten) {
  world.sql("CREATE TABLE audit (id int)");
  world.script("0001_step.sql", "SELECT 1;\nINSERT INTO audit VALUES (1);");
  world.manifest.dry_run = "{mode: Disabled}";

  expect_refused(
      world, {1, "Stalled/PermissionDenied", "InsufficientPrivilege",
              "dbm: 0001_step.sql:2:1: permission denied for table audit (42501) [InsufficientPrivilege]; "
              "GRANT the login (or spec.role) the right the message names, or set spec.role to the owner",
              "made"});
}

TEST_F(Refused, PoolerInTransactionMode) {
  const PgBouncer pooler(world.database());
  world.manifest.url = pooler.url("transaction");

  expect_refused(world, {1, "Stalled/PoolerDetected", "TransactionPooling",
                         "dbm: a pooler in transaction mode stands between us and the server "
                         "[TransactionPooling]; connect to the server itself, or to a pool in session mode"});
}

/// There is no such server here: one in front of ours says that it is older.
TEST_F(Refused, ServerThatIsTooOld) {
  PostgresServer& server = world.database().server();
  const auto number = server.sql("SHOW server_version_num");
  const auto version = server.sql("SELECT split_part(version(), ' ', 2)");
  TcpProxy proxy(server.port());
  proxy.rewrite(number, "13" + number.substr(2));
  proxy.rewrite(version, "13" + version.substr(2));
  world.manifest.url = world.database().url(proxy.port());

  expect_refused(world, {2, "Stalled/InvalidSpec", "ServerTooOld",
                         "dbm: the server is PostgreSQL 13" + version.substr(2) +
                             "; 14 or newer is needed [ServerTooOld]; upgrade the server to PostgreSQL 14 or "
                             "newer"});
}

TEST_F(Refused, Standby) {
  PostgresServer primary;
  World on_standby(primary, {"0001"});
  const auto standby = primary.make_standby("s1");
  ASSERT_TRUE(eventually([&] {
    return primary.sql("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()") ==
           "1";
  }));
  on_standby.manifest.url = on_standby.database().url(standby->port());

  const auto finished = on_standby.run_dbm(quiet_apply(on_standby, {"--timeout", "4s"}));

  expect_answer(on_standby, finished,
                {5, "Reconciling/ProgressingWithRetry", "ReadOnly",
                 "dbm: connect to 127.0.0.1:<port>/<db>: the server is read-only (a standby?) [ReadOnly]; "
                 "connect to the primary, not to a standby"});
}

}  // namespace
}  // namespace dbm::test
