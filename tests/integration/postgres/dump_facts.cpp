// A dump and its facts, of one snapshot; and what a dump that did not succeed says.

#include <fstream>
#include <thread>

#include "integration/postgres/dump_fixture.h"
#include "postgres/client_tools.h"
#include "support/folder.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DumpFacts : public DumpTest {
 protected:
  void SetUp() override {
    as_login(
        "CREATE TABLE orders (id serial PRIMARY KEY, note text); INSERT INTO orders (note) SELECT "
        "'canary-row-value' FROM generate_series(1, 1000);"
        "CREATE TABLE \"Odd name\" (\"user\" int); CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE "
        "TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);"
        "INSERT INTO p VALUES (1); CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x; CREATE SCHEMA dbm; CREATE "
        "TABLE dbm.fence (id int)");
  }
  ~DumpFacts() override { postgres::set_client_pattern("/usr/lib/postgresql/%/bin"); }

  /// Client programs of our own making for this test.
  void use_clients(const std::string& pg_dump) {
    write_file(folder_.path() / "pg_dump", pg_dump);
    std::filesystem::permissions(folder_.path() / "pg_dump", std::filesystem::perms::all);
    postgres::set_client_pattern(folder_.path().string());
  }
  Folder folder_;
};

TEST_F(DumpFacts, NameWhatTheArchiveHoldsWithCountsAndSums) {
  const auto made = dump();

  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->facts.tables,
            (std::vector<std::string>{"dbm.fence", "public.\"Odd name\"", "public.orders", "public.p1"}));
  EXPECT_EQ(table_of(*made, "public.orders")["rows"], 1000);
  EXPECT_EQ(table_of(*made, "public.orders")["algo"], "hashtextextended/1");
  EXPECT_EQ(table_of(*made, "public.\"Odd name\"")["contentSum"], "0");
  const auto facts = nlohmann::json::parse(made->facts.json);
  EXPECT_EQ(facts["schema"]["sequences"]["public.orders_id_seq"], 1000);
  EXPECT_EQ(facts["tool"]["exitCode"], 0);
  EXPECT_EQ(facts["database"]["name"], database_.name());
  EXPECT_GE(facts["serverVersion"], 140000);
  EXPECT_THAT(made->facts.json, Not(HasSubstr("canary-row")));
  EXPECT_THAT(made->facts.json, Not(HasSubstr(std::string(kPassword))));
}

TEST_F(DumpFacts, SumsDifferWhenOneCellDoes) {
  const auto first = dump();
  as_login("UPDATE orders SET note = 'other' WHERE id = 500");
  const auto second = dump();

  ASSERT_TRUE(first && second);
  EXPECT_EQ(table_of(*first, "public.orders")["rows"], table_of(*second, "public.orders")["rows"]);
  EXPECT_NE(table_of(*first, "public.orders")["contentSum"],
            table_of(*second, "public.orders")["contentSum"]);
  EXPECT_EQ(table_of(*first, "public.p1")["contentSum"], table_of(*second, "public.p1")["contentSum"]);
}

TEST_F(DumpFacts, OfTheSchemaAloneHaveNoSums) {
  const auto made = dump(true);

  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(table_of(*made, "public.orders").contains("contentSum"));
  EXPECT_EQ(made->bytes.find("canary-row-value"), std::string::npos);
}

TEST_F(DumpFacts, AreReadBackFromTheArchivesOwnList) {
  const auto made = dump();
  ASSERT_TRUE(made);

  const auto listed = postgres::read_whole_archive(150000, reader_of(made->bytes),
                                                   Deadline::after(std::chrono::seconds{60}), {});

  ASSERT_TRUE(listed) << listed.error().message;
  for (const auto& table : made->facts.tables) EXPECT_THAT(*listed, ::testing::Contains(table));
}

TEST_F(DumpFacts, ADamagedArchiveIsRefused) {
  const auto made = dump();
  ASSERT_TRUE(made);
  for (const std::string& bytes : {made->bytes.substr(0, made->bytes.size() / 2),
                                   std::string("no archive at all, but long enough"), std::string()}) {
    const auto listed =
        postgres::read_whole_archive(150000, reader_of(bytes), Deadline::after(std::chrono::seconds{60}), {});

    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().reason, "BackupFailed");
    EXPECT_EQ(listed.error().failure_reason(), "BackupCorrupt");
    EXPECT_THAT(listed.error().message, Not(HasSubstr("canary-row")));
  }
}

TEST_F(DumpFacts, ATableThatMayNotBeReadIsNamedFirst) {
  ask("CREATE TABLE closed (id int)");

  const auto made = dump();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "a whole backup needs to read every table; the login may not read public.closed");
  EXPECT_EQ(made.error().failure_reason(), "InsufficientPrivilege");
}

TEST_F(DumpFacts, ATableThatRowSecurityHidesIsAnError) {
  ask("CREATE TABLE hidden (id int); GRANT SELECT ON hidden TO app; ALTER TABLE hidden ENABLE ROW LEVEL "
      "SECURITY");

  const auto made = dump();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason, "PermissionDenied");
  EXPECT_THAT(made.error().message, HasSubstr("row-level security"));
}

TEST_F(DumpFacts, AMissingClientIsNamed) {
  postgres::set_client_pattern("/nowhere/%/bin");

  const auto made = dump();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "no pg_dump for server version 15: none in /nowhere/15/bin and none newer");
  EXPECT_EQ(made.error().failure_reason(), "ClientTooOld");
}

TEST_F(DumpFacts, AnOlderClientIsRefused) {
  use_clients("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.9'\n");

  const auto made = dump();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "no pg_dump for server version 15: " + (folder_.path() / "pg_dump").string() + " is 14.9");
  EXPECT_EQ(made.error().failure_reason(), "ClientTooOld");
}

TEST_F(DumpFacts, AClientThatDiesAfterCleanOutputHasFailed) {
  use_clients(
      "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) 15.9'; exit; fi\necho PGDMP; "
      "kill -9 $$\n");

  const auto made = dump();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "pg_dump was ended by signal 9");
  EXPECT_EQ(made.error().failure_reason(), "ProducerFailed");
}

TEST_F(DumpFacts, NothingSecretStandsInItsArgumentsAndItsWordsAreNotRepeated) {
  use_clients(
      "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) 15.9'; exit; fi\necho \"$@\" "
      "> " +
      (folder_.path() / "argv").string() + "\necho canary-row-value >&2; exit 1\n");

  const auto made = dump();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "pg_dump ended with exit code 1");
  EXPECT_THAT(read_file(folder_.path() / "argv"), Not(HasSubstr(std::string(kPassword))));
}

TEST_F(DumpFacts, AStopRequestEndsTheChild) {
  const auto made = dump(false, [this] { stop_.request_stop(); });

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::Cancelled);
  EXPECT_EQ(ask("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbmigration/%' AND state "
                "= 'active' AND datname = current_database()"),
            "0");
}

TEST_F(DumpFacts, WhenItsSnapshotSessionDiesTheDumpIsVoid) {
  const auto made = dump(false, [this] {
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'dbmigration/backup' AND datname = current_database()");
  });

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::Transient);
}

}  // namespace
}  // namespace dbm::test
