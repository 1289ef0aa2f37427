// A backup into a new database: equal, or said to differ.

#include <thread>

#include "integration/postgres/dump_fixture.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RestoreNewDatabase : public DumpTest {
 protected:
  void SetUp() override {
    as_login(
        "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE >= 0);"
        "CREATE TABLE orders (id serial PRIMARY KEY, note varchar(40) NOT NULL DEFAULT 'x' CHECK (note IN "
        "('x', 'canary-row-value')), m mood, p percent, at timestamptz, "
        "data bytea, doc jsonb, f float8, gone int);"
        "ALTER TABLE orders DROP COLUMN gone; CREATE INDEX orders_note ON orders (lower(note)) WHERE note <> "
        "'z';"
        "CREATE VIEW notes AS SELECT id, note FROM orders WHERE note IN ('x', 'y'); COMMENT ON COLUMN "
        "orders.note IS 'words';"
        "CREATE TABLE lines (order_id int REFERENCES orders, n int, UNIQUE (order_id, n)); GRANT SELECT ON "
        "lines TO PUBLIC;"
        "CREATE TABLE p (a int NOT NULL, b text) PARTITION BY RANGE (a); CREATE INDEX p_b ON p (b); CREATE "
        "TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);"
        "CREATE FUNCTION f(a int, b text DEFAULT 'q') RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE POLICY "
        "mine ON lines USING (n > 1);"
        "CREATE TRIGGER tidy BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger();"
        "INSERT INTO orders (note, m, p, at, data, doc, f) SELECT 'canary-row-value', 'a', i, now(), "
        "'\\x00ff', '{\"k\": 1}', 'NaN' FROM generate_series(1, 500) i;"
        "INSERT INTO lines SELECT i, i FROM generate_series(1, 500) i; INSERT INTO p VALUES (1, 'b'); CREATE "
        "SCHEMA dbm; CREATE TABLE dbm.fence (id int)");
  }
};

TEST_F(RestoreNewDatabase, EqualsTheBackup) {
  const auto made = dump();
  ASSERT_TRUE(made) << made.error().message;
  const auto name = fresh_name();

  const auto restored = restore(*made, name);

  ASSERT_TRUE(restored) << restored.error().message;
  Session copy(PostgresServer::shared().address(name));
  EXPECT_EQ(copy("SELECT count(*) FROM orders"), "500");
  EXPECT_EQ(copy("SELECT has_database_privilege('public', current_database(), 'CONNECT')"), "f");
}

TEST_F(RestoreNewDatabase, IsTheMomentOfTheSnapshotUnderConcurrentWriters) {
  for (int round = 0; round < 3; ++round) {
    std::jthread writer([this](const std::stop_token& stop) {
      Session session(database_.address(), kLogin);
      while (!stop.stop_requested())
        session(
            "INSERT INTO orders DEFAULT VALUES; INSERT INTO lines SELECT max(id), max(id) FROM orders; "
            "DELETE FROM lines WHERE n % 7 = 0");
    });
    const auto made = dump();
    writer.request_stop();
    writer.join();
    ASSERT_TRUE(made) << made.error().message;

    const auto restored = restore(*made, fresh_name());

    EXPECT_TRUE(restored) << restored.error().message;
  }
}

TEST_F(RestoreNewDatabase, RefusesADatabaseThatExists) {
  const auto made = dump();
  ASSERT_TRUE(made);

  const auto restored = postgres::restore_database(target_, database_.name(), made->facts.json,
                                                   reader_of(made->bytes), Deadline::never(), {}, {});

  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().message,
            "database " + database_.name() + " exists already; a backup is restored into a new one only");
  EXPECT_EQ(ask("SELECT count(*) FROM orders"), "500");
}

TEST_F(RestoreNewDatabase, SaysWhatDiffersAndKeepsIt) {
  auto made = dump();
  ASSERT_TRUE(made);
  auto facts = nlohmann::json::parse(made->facts.json);
  for (auto& table : facts["tables"]) {
    if (table["name"] == "public.orders") table["contentSum"] = "1";
    if (table["name"] == "public.lines") table["rows"] = 7;
  }
  facts["schema"]["fingerprint"] = "sha256:other";
  facts["schema"]["objects"]["indexes"] = 1;
  made->facts.json = facts.dump();
  const auto name = fresh_name();

  const auto restored = restore(*made, name);

  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().reason, "ValidationFailed");
  EXPECT_THAT(restored.error().message, HasSubstr("public.orders differs in content"));
  EXPECT_THAT(restored.error().message, HasSubstr("public.lines has 500 rows, the backup 7"));
  EXPECT_THAT(restored.error().message, HasSubstr("the schema differs, "));
  EXPECT_THAT(restored.error().message, Not(HasSubstr("canary-row")));
  EXPECT_EQ(Session(PostgresServer::shared().address(name))("SELECT count(*) FROM orders"), "500");
}

TEST_F(RestoreNewDatabase, LeavesNoHalfDatabaseOfADamagedArchive) {
  auto made = dump();
  ASSERT_TRUE(made);
  made->bytes.resize(made->bytes.size() * 2 / 3);
  const auto name = fresh_name();

  const auto restored = restore(*made, name);

  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().reason, "RestoreFailed");
  EXPECT_EQ(ask("SELECT count(*) FROM pg_database WHERE datname = '" + name + "'"), "0");
}

TEST_F(RestoreNewDatabase, ReplacesWhatAnInterruptedRestoreLeft) {
  as_login("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  const auto made = dump();
  ASSERT_TRUE(made);
  const auto name = fresh_name();
  as_login("CREATE DATABASE " + name);
  as_login("COMMENT ON DATABASE " + name + " IS 'dbmigration.dev: a restore is under way'");
  {
    Session looking({"127.0.0.1", database_.server().port(), name});
    const auto refused = restore(*made, name);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "InvalidSpec");
    EXPECT_NE(refused.error().remedy.find("under way"), std::string::npos);
  }

  auto restored = restore(*made, name);
  for (int tries = 0; !restored && tries < 50; ++tries) restored = restore(*made, name);  // its session ends

  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(sql(database_, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '" +
                               name + "'"),
            "dbmigration.dev: restored from a backup");
  EXPECT_FALSE(restore(*made, name)) << "finished, it is not replaced";
}

TEST_F(RestoreNewDatabase, SaysWhatToDropWhereTheCrashCameFirst) {
  const auto made = dump();
  ASSERT_TRUE(made);
  const auto name = fresh_name();
  as_login("CREATE DATABASE " + name + " ALLOW_CONNECTIONS false");

  const auto refused = restore(*made, name);

  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().remedy.find("DROP DATABASE " + postgres::quote_ident(name)), std::string::npos);
}

TEST_F(RestoreNewDatabase, NeverRunsAsSuperuser) {
  const auto made = dump();
  ASSERT_TRUE(made);
  auto target = target_;
  target.keywords["user"] = "postgres";

  const auto restored = postgres::restore_database(target, fresh_name(), made->facts.json,
                                                   reader_of(made->bytes), Deadline::never(), {}, {});

  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().failure_reason(), "SuperuserLogin");
}

}  // namespace
}  // namespace dbm::test
