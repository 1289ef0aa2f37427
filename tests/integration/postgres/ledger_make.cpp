// The ledger is created by the first run, and refused, never adopted, when somebody else has laid hands on
// it.
#include "integration/postgres/ledger_fixture.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LedgerMake : public LedgerTest {};

TEST_F(LedgerMake, LookingCreatesNothing) {
  const auto seen = inspect();

  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->ledger, migration::LedgerState::Absent);
  EXPECT_EQ(seen->database.name, database_.name());
  EXPECT_THAT(seen->database.server_version, StartsWith("15."));
  EXPECT_EQ(ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'dbm'"), "0");
}

TEST_F(LedgerMake, TheFirstRunCreatesItAndTheNextTakesANewEpoch) {
  make_ledger();
  const auto first = inspect();
  make_ledger();
  const auto second = inspect();

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->ledger, migration::LedgerState::Ours) << first->ledger_trouble;
  EXPECT_EQ(first->epoch, 1);
  EXPECT_EQ(second->epoch, 2);
  EXPECT_EQ(second->database.ledger_id, first->database.ledger_id);
  EXPECT_EQ(second->owner, owner_);
  EXPECT_EQ(ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
                "pg_database WHERE datname = current_database())"),
            "0");
}

TEST_F(LedgerMake, AnEmptySchemaOfTheLoginIsAcceptedWithoutTheRightToCreate) {
  as_login("CREATE SCHEMA dbm");
  as_superuser("REVOKE CREATE ON DATABASE \"" + database_.name() + "\" FROM public, app; ALTER DATABASE \"" +
               database_.name() + "\" OWNER TO postgres");

  make_ledger();

  EXPECT_EQ(inspect()->ledger, migration::LedgerState::Ours);
}

TEST_F(LedgerMake, WithoutTheRightToCreateItSaysWhichGrantIsMissing) {
  as_superuser("ALTER DATABASE \"" + database_.name() + "\" OWNER TO postgres");

  const auto error = error_of(hold());

  EXPECT_EQ(words(error),
            "Terminal PermissionDenied/InsufficientPrivilege: the login \"app\" may not create schema "
            "\"dbm\" in database \"" +
                database_.name() + "\"");
  EXPECT_THAT(error.remedy, StartsWith("GRANT CREATE ON DATABASE"));
}

TEST_F(LedgerMake, NothingIsForPublic) {
  make_ledger();

  EXPECT_EQ(ask("SELECT count(*) FROM pg_proc p WHERE pronamespace = 'dbm'::regnamespace AND "
                "(has_function_privilege('public', p.oid, 'EXECUTE') OR p.proconfig::text <> "
                "'{\"search_path=pg_catalog, pg_temp\"}')"),
            "0");
}

TEST_F(LedgerMake, ANewerLedgerIsRefused) {
  make_ledger();
  as_login(
      "INSERT INTO dbm.ledger_version (version) VALUES (999); ALTER TABLE dbm.history RENAME COLUMN name TO "
      "title");

  EXPECT_THAT(
      words(error_of(hold())),
      StartsWith(
          "Terminal LedgerNewer: the ledger in schema \"dbm\" is of version 999; this program knows "));
  EXPECT_EQ(inspect()->ledger, migration::LedgerState::Newer);
}

TEST_F(LedgerMake, AnOlderLedgerIsUpgradedByTheNextRun) {
  make_ledger();
  // Version 1 had no steps of its own.
  as_login(
      "DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = "
      "'dbm'::regnamespace LOOP EXECUTE 'DROP FUNCTION ' || f; END LOOP; END $$; "
      "DELETE FROM dbm.ledger_version WHERE version > 1");
  EXPECT_EQ(inspect()->ledger, migration::LedgerState::Ours);
  EXPECT_EQ(ask("SELECT max(version) FROM dbm.ledger_version"), "1") << "looking upgrades nothing";

  const auto run = hold();

  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(ask("SELECT string_agg(version::text, ' ' ORDER BY version) FROM dbm.ledger_version"), "1 2 3 4");
  EXPECT_TRUE((*run)->context().work->exec(postgres::enter_sql((*run)->context().fence)));
}

struct Altered {
  const char* name;
  const char* by;  // app or postgres
  const char* sql;
  const char* trouble;
};
void PrintTo(const Altered& altered, std::ostream* out) { *out << altered.name; }

class ForeignHands : public LedgerTest, public ::testing::WithParamInterface<Altered> {};

TEST_P(ForeignHands, AreRefusedAndNothingIsChanged) {
  make_ledger();
  const auto& altered = GetParam();
  Session(database_.address(), altered.by)(altered.sql);

  const auto error = error_of(hold());

  EXPECT_EQ(error.reason + "/" + error.cause, "DatabaseOwnedElsewhere/ForeignSchema");
  EXPECT_THAT(error.message, HasSubstr(altered.trouble));
  EXPECT_EQ(inspect()->ledger, migration::LedgerState::ForeignSchema);
  EXPECT_EQ(ask("SELECT epoch FROM dbm.fence"), "1");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ForeignHands,
    ::testing::Values(
        Altered{"owner", "postgres", "ALTER SCHEMA dbm OWNER TO postgres; GRANT ALL ON SCHEMA dbm TO app",
                "is owned by \"postgres\", not by the login"},
        Altered{"table owner", "postgres",
                "ALTER TABLE dbm.statement OWNER TO postgres; GRANT ALL ON ALL TABLES IN SCHEMA dbm TO app",
                "relation statement is owned by postgres"},
        Altered{"trigger", "app",
                "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
                "CREATE TRIGGER spy BEFORE INSERT ON dbm.history FOR EACH ROW EXECUTE FUNCTION public.f()",
                "trigger spy on history"},
        Altered{"strict", "app", "ALTER FUNCTION dbm.leave STRICT", "function leave is strict"},
        Altered{"inherits", "app", "CREATE TABLE public.more () INHERITS (dbm.history)",
                "more inherits from history"},
        Altered{"index", "app", "DROP INDEX dbm.history_one_applied", "index history_one_applied is missing"},
        Altered{"security", "app", "ALTER TABLE dbm.run ENABLE ROW LEVEL SECURITY", "row security on run"},
        Altered{"rule", "app", "CREATE RULE quiet AS ON DELETE TO dbm.fence DO INSTEAD NOTHING",
                "rule quiet on fence"},
        Altered{"policy", "app",
                "ALTER TABLE dbm.history ENABLE ROW LEVEL SECURITY; CREATE POLICY hide ON dbm.history USING "
                "(true)",
                "policy hide on history"},
        Altered{"view", "app", "CREATE VIEW public.peek AS SELECT * FROM dbm.history",
                "view public.peek on history"},
        Altered{"function", "app",
                "CREATE OR REPLACE FUNCTION dbm.enter(p_key bigint, p_epoch bigint, p_run uuid) RETURNS void "
                "LANGUAGE plpgsql "
                "SET search_path = pg_catalog, pg_temp AS 'BEGIN END'",
                "function enter is not the ledger's own"},
        Altered{"overload", "app",
                "CREATE FUNCTION dbm.enter(text, text, text) RETURNS void LANGUAGE sql AS 'SELECT'",
                "function enter is not the ledger's own"},
        Altered{"search path", "app", "ALTER FUNCTION dbm.leave SET search_path = public",
                "function leave is not the ledger's own"},
        Altered{"fence row", "app",
                "DELETE FROM dbm.fence; UPDATE dbm.fence SET epoch = 1; INSERT INTO dbm.fence (ledger_id, "
                "epoch, owner_cluster, "
                "owner_namespace, owner_name, system_identifier, database) SELECT gen_random_uuid(), 1, '', "
                "'', '', '', '' WHERE false;"
                "CREATE TRIGGER t BEFORE UPDATE ON dbm.fence FOR EACH ROW EXECUTE FUNCTION "
                "suppress_redundant_updates_trigger();"
                "INSERT INTO dbm.fence (ledger_id, epoch, owner_cluster, owner_namespace, owner_name, "
                "system_identifier, database) "
                "VALUES (gen_random_uuid(), 1, 'local', 'shop', 'orders', '', 'x')",
                "trigger t on fence"}));

TEST_F(LedgerMake, ASchemaWithOtherThingsInItIsRefused) {
  as_login("CREATE SCHEMA dbm; CREATE TABLE dbm.mine (id int)");

  EXPECT_EQ(words(error_of(hold())),
            "Terminal DatabaseOwnedElsewhere/ForeignSchema: schema \"dbm\" is not empty and holds no ledger");
  EXPECT_EQ(ask("SELECT count(*) FROM pg_class WHERE relnamespace = 'dbm'::regnamespace"), "1");
}

TEST_F(LedgerMake, AnyNameIsQuoted) {
  target_.ledger_schema = "My \"ledger\\";

  make_ledger();

  EXPECT_EQ(inspect()->ledger, migration::LedgerState::Ours);
}

}  // namespace
}  // namespace dbm::test
