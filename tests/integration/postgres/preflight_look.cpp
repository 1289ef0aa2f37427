// What stands in the way is found by looking, and said with what to do about it.

#include "integration/postgres/database_fixture.h"
#include "postgres/client_tools.h"
#include "postgres/preflight.h"
#include "script/analysis.h"

namespace dbm::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class PreflightLook : public DatabaseTest {
 protected:
  ~PreflightLook() override { postgres::set_client_pattern("/usr/lib/postgresql/%/bin"); }
  Result<migration::Preflight> look() {
    auto session = connect_to(database_);
    return postgres::look_first(session, target_, spec_, plan_, Deadline::after(std::chrono::seconds{30}),
                                {});
  }
  void pending(const std::string& file, const std::string& text) {
    auto set = script::read_set({script::text_of(file, text)}, {});
    ASSERT_TRUE(set);
    auto analysis = script::analyse(set->scripts.at(0));
    ASSERT_TRUE(analysis) << analysis.error().message;
    plan_.pending.push_back({set->scripts[0], *analysis, "new", 0});
  }
  Result<> parse() {
    auto session = connect_to(database_);
    return postgres::parse_pending(session, plan_, Deadline::after(std::chrono::seconds{30}), {});
  }
  migration::Spec spec_;
  migration::Plan plan_;
};

TEST_F(PreflightLook, IsContentWithAnOrdinaryDatabase) {
  const auto found = look();

  ASSERT_TRUE(found) << found.error().message;
  EXPECT_GT(found->database_bytes, 1'000'000U);
  EXPECT_TRUE(found->blockers.empty());
}

TEST_F(PreflightLook, ASuperuserIsRefusedUnlessAllowed) {
  target_.keywords["user"] = "postgres";
  auto session =
      postgres::Session::connect(target_, {"dbm-test", {}}, Deadline::after(std::chrono::seconds{20}), {});
  ASSERT_TRUE(session);

  const auto refused = postgres::look_first(*session, target_, spec_, plan_, Deadline::never(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure_reason(), "SuperuserLogin");

  target_.allow_superuser = true;
  EXPECT_TRUE(postgres::look_first(*session, target_, spec_, plan_, Deadline::never(), {}));
}

TEST_F(PreflightLook, AMissingRightComesWithItsGrant) {
  ask("ALTER DATABASE " + database_.name() + " OWNER TO postgres");
  const auto no_create = look();
  ASSERT_FALSE(no_create);
  EXPECT_EQ(no_create.error().message, "login app may not create schema dbm in database " + database_.name());
  EXPECT_EQ(no_create.error().remedy, "GRANT CREATE ON DATABASE \"" + database_.name() + "\" TO \"app\"");

  ask("ALTER DATABASE " + database_.name() + " OWNER TO app");
  target_.role = "nobody_of_this_name";
  EXPECT_EQ(look().error().message, "role nobody_of_this_name (spec.role) does not exist");
  target_.role = "postgres";
  EXPECT_EQ(look().error().remedy, "GRANT \"postgres\" TO \"app\"");
}

TEST_F(PreflightLook, ATableOfAnotherOwnerIsNamed) {
  ask("CREATE TABLE theirs (id int); GRANT SELECT ON theirs TO app; CREATE INDEX theirs_id ON theirs (id)");
  pending("0001_drop.sql", "CREATE INDEX CONCURRENTLY theirs_again ON theirs (id);");

  const auto found = look();

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message,
            "0001_drop.sql changes table theirs, which belongs to postgres: app is no member of it");
  EXPECT_EQ(found.error().reason, "PermissionDenied");
}

TEST_F(PreflightLook, ClientProgramsAreNeededForABackupOnly) {
  postgres::set_client_pattern("/nowhere/%/bin");
  const auto found = look();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().failure_reason(), "ClientTooOld");

  spec_.backup.method = migration::BackupMethod::None;
  EXPECT_TRUE(look());
}

TEST_F(PreflightLook, BlockersAreReportedWithoutTheirStatements) {
  // A server of its own: prepared transactions are off by default.
  PostgresServer server{ServerOptions{.settings = {{"max_prepared_transactions", "2"}}}};
  auto database = server.fresh_database();
  Session session(database.address());
  session("CREATE TABLE t (id int)");
  session("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'waits'");
  auto own = connect_to(database);

  const auto found = postgres::look_first(own, target_of(database), spec_, plan_, Deadline::never(), {});

  // The table belongs to the superuser: what counts here is that looking goes on to the blockers once it may
  // be read.
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().failure_reason(), "InsufficientPrivilege");
  session("GRANT SELECT ON t TO app");
  const auto again = postgres::look_first(own, target_of(database), spec_, plan_, Deadline::never(), {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(again->blockers, Contains(StartsWith("prepared transaction 'waits' of postgres is open for")));
  session("ROLLBACK PREPARED 'waits'");
}

TEST_F(PreflightLook, OneTransactionThatTakesMoreLocksThanThereIsRoomForIsRefused) {
  PostgresServer server{
      ServerOptions{.settings = {{"max_locks_per_transaction", "10"}, {"max_connections", "20"}}}};
  auto database = server.fresh_database();
  auto own = connect_to(database);
  std::string tables;
  for (int i = 0; i < 80; ++i)
    tables += "CREATE TABLE t" + std::to_string(i) + " (id int PRIMARY KEY, note text);\n";
  pending("0001_many.sql", tables);
  const auto look = [&] {
    return postgres::look_first(own, target_of(database), spec_, plan_, Deadline::never(), {});
  };
  EXPECT_TRUE(look());
  spec_.apply.transaction = migration::ApplyTransaction::AllPending;

  const auto found = look();

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason, "InvalidSpec");
  EXPECT_EQ(
      found.error().message,
      "apply.transaction AllPending: what is pending takes at least 320 locks in one transaction, and the "
      "server has room for 280 (max_locks_per_transaction × (max_connections + "
      "max_prepared_transactions))");
}

TEST_F(PreflightLook, TheServerJudgesWhatOurGrammarDoesNotKnow) {
  pending("0001_new.sql", "CREATE TABLE t (a int);\nSELECT 1 FROM (SELECT 1);\nSELEC 2;");

  const auto parsed = parse();

  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().reason, "SourceInvalid");
  EXPECT_EQ(parsed.error().failure_reason(), "SyntaxError");
  EXPECT_THAT(to_string(parsed.error().at), StartsWith("0001_new.sql:"));
}

TEST_F(PreflightLook, WhatOnlyTheSchemaMakesWrongIsNoFinding) {
  pending("0001_ok.sql", "INSERT INTO not_there_yet VALUES (1);\nALTER TABLE not_there_yet ADD b int;");

  EXPECT_TRUE(parse());
}

}  // namespace
}  // namespace dbm::test
