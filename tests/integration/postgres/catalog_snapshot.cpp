// The schema as a value: what a snapshot holds, and when two of them are the same.

#include <chrono>

#include "integration/postgres/database_fixture.h"
#include "postgres/catalog.h"

namespace dbm::test {
namespace {

using postgres::SchemaSnapshot;

class CatalogSnapshot : public DatabaseTest {
 protected:
  SchemaSnapshot snapshot() {
    auto session = connect_to(database_);
    auto taken = postgres::take_snapshot(session, "dbm", Deadline::never(), {});
    if (!taken) throw std::runtime_error(taken.error().message);
    return std::move(*taken);
  }
  static bool has(const SchemaSnapshot& snapshot, const std::string& kind, const std::string& name) {
    return std::any_of(snapshot.objects.begin(), snapshot.objects.end(),
                       [&](const auto& object) { return object.kind == kind && object.name == name; });
  }
};

TEST_F(CatalogSnapshot, HoldsEveryKindOfObjectUnderItsName) {
  as_login(
      "CREATE TYPE mood AS ENUM ('a', 'b');"
      "CREATE TABLE orders (id serial PRIMARY KEY, note text DEFAULT 'x' NOT NULL CHECK (note <> ''), \"Odd "
      "col\" mood);"
      "CREATE INDEX orders_note ON orders (note); CREATE STATISTICS orders_stats ON id, note FROM orders;"
      "CREATE VIEW open_orders AS SELECT id FROM orders; CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql "
      "AS 'SELECT 1';"
      "CREATE POLICY mine ON orders USING (id > 1); GRANT SELECT ON orders TO PUBLIC; COMMENT ON COLUMN "
      "orders.note IS 'words';"
      "CREATE TRIGGER tidy BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION "
      "suppress_redundant_updates_trigger();"
      "ALTER TABLE orders REPLICA IDENTITY FULL");

  const auto seen = snapshot();

  for (const auto& [kind, name] :
       std::vector<std::pair<std::string, std::string>>{{"table", "public.orders"},
                                                        {"column", "public.orders.\"Odd col\""},
                                                        {"not null", "public.orders.note"},
                                                        {"default", "public.orders.note"},
                                                        {"index", "public.orders_note"},
                                                        {"constraint", "public.orders.orders_pkey"},
                                                        {"constraint", "public.orders.orders_note_check"},
                                                        {"view", "public.open_orders"},
                                                        {"function", "public.f(integer)"},
                                                        {"policy", "public.orders.mine"},
                                                        {"grant", "SELECT on public.orders to PUBLIC"},
                                                        {"comment", "public.orders.note"},
                                                        {"trigger", "public.orders.tidy"},
                                                        {"replica identity", "public.orders"},
                                                        {"statistics", "public.orders_stats"},
                                                        {"sequence", "public.orders_id_seq"},
                                                        {"type", "public.mood"},
                                                        {"owner", "public.orders"}})
    EXPECT_TRUE(has(seen, kind, name)) << kind << " " << name;
}

TEST_F(CatalogSnapshot, LeavesTheLedgerAndTemporaryObjectsOut) {
  const auto before = snapshot();
  as_login("CREATE SCHEMA dbm; CREATE TABLE dbm.fence (id int)");
  auto session = connect_to(database_);
  ASSERT_TRUE(session.exec("CREATE TEMP TABLE passing (id int)"));

  const auto after = postgres::take_snapshot(session, "dbm", Deadline::never(), {});

  ASSERT_TRUE(after);
  EXPECT_EQ(after->fingerprint(), before.fingerprint());
}

TEST_F(CatalogSnapshot, ChangesItsFingerprintWithAnyDefinition) {
  as_login("CREATE TABLE t (a int, b varchar(10) DEFAULT 'x')");
  std::vector<std::string> seen{snapshot().fingerprint()};
  for (const char* change :
       {"ALTER TABLE t ALTER a TYPE bigint", "ALTER TABLE t ALTER b SET DEFAULT 'y'", "CREATE INDEX ON t (a)",
        "ALTER TABLE t ADD CHECK (a > 1)", "COMMENT ON TABLE t IS 'c'", "GRANT SELECT ON t TO PUBLIC"}) {
    as_login(change);
    const auto now = snapshot().fingerprint();
    EXPECT_THAT(seen, ::testing::Not(::testing::Contains(now))) << change;
    seen.push_back(now);
  }
}

TEST_F(CatalogSnapshot, LeavesTransactionSearchPathAndRoleAsTheyWere) {
  auto session = connect_to(database_);
  ASSERT_TRUE(session.exec("BEGIN"));
  ASSERT_TRUE(session.exec("SET LOCAL search_path = elsewhere"));
  ASSERT_TRUE(session.exec("CREATE TABLE public.made_before (id int)"));

  const auto taken = postgres::take_snapshot(session, "dbm", Deadline::never(), {});

  ASSERT_TRUE(taken);
  EXPECT_TRUE(has(*taken, "table", "public.made_before"));
  EXPECT_EQ(session.exec("SHOW search_path")->text(0, 0), "elsewhere");
  EXPECT_TRUE(session.exec("COMMIT"));
  EXPECT_EQ(ask("SELECT count(*) FROM made_before"), "0");
}

TEST_F(CatalogSnapshot, ReadsAThousandTablesQuickly) {
  as_login(
      "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text NOT "
      "NULL, b text DEFAULT %L, c int)', i, 'x');"
      " EXECUTE format('CREATE INDEX ON t%s (a, c)', i); END LOOP; END $$");
  (void)snapshot();  // warms the server's caches

  auto session = connect_to(database_);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(postgres::take_snapshot(session, "dbm", Deadline::never(), {}));
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);

  RecordProperty("millis", static_cast<int>(took.count()));
  EXPECT_LT(took.count(), 3000);  // 300 on a quiet machine; the bound only catches a plan gone wrong
}

}  // namespace
}  // namespace dbm::test
