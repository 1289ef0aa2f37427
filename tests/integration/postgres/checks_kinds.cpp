// Each kind of check: passes, fails with its exact message, times out, cannot be asked.

#include "integration/postgres/checks_fixture.h"

namespace dbm::test {
namespace {

using migration::Check;
using migration::Gate;

class CheckKinds : public ChecksTest {
 protected:
  void SetUp() override {
    as_login(
        "CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);"
        "CREATE TABLE tickets (id int PRIMARY KEY, priority varchar(64) DEFAULT 'low' NOT NULL, note text, "
        "done percent, price numeric(10, 2));"
        "CREATE UNIQUE INDEX tickets_open ON tickets USING btree (priority, lower(note)) WHERE done < 100;"
        "INSERT INTO tickets SELECT i, 'canary-row-value' FROM generate_series(1, 3) i");
  }
  static Check column(const std::string& name) {
    Check check;
    check.name = "asked";
    check.column = migration::ColumnCheck{"tickets", name, "", {}, {}, false};
    return check;
  }
  static Check index(const std::string& name) {
    Check check;
    check.name = "asked";
    check.index = migration::IndexCheck{};
    check.index->name = name;
    return check;
  }
  static Check table(const std::string& name, bool absent = false) {
    Check check;
    check.name = "asked";
    check.table = migration::TableCheck{name, absent};
    return check;
  }
};

TEST_F(CheckKinds, SqlCountsRowsAsViolations) {
  EXPECT_EQ(ask_one(sql_check("SELECT id FROM tickets WHERE id > 3")), "Passed: 0 violations");
  EXPECT_EQ(ask_one(sql_check("SELECT id FROM tickets WHERE id = 3;")), "Failed: 1 violation");
  EXPECT_EQ(ask_one(sql_check("SELECT * FROM tickets -- all of them")), "Failed: 3 violations");
  EXPECT_EQ(ask_one(sql_check("WITH t AS (TABLE tickets) SELECT 1, 1 FROM t")), "Failed: 3 violations");
  EXPECT_EQ(ask_one(sql_check("SELECT generate_series(1, 1000000)")), "Failed: more than 100000 violations");
}

TEST_F(CheckKinds, SqlIsLoadedStrictly) {
  EXPECT_EQ(ask_one(sql_check("SELECT 1; SELECT 2")),
            "Failed: cannot be asked: it holds more than one statement (42601)");
  EXPECT_EQ(ask_one(sql_check("UPDATE tickets SET id = 1")),
            "Failed: cannot be asked: it must be one SELECT, WITH, VALUES or TABLE");
  EXPECT_EQ(ask_one(sql_check("COMMIT")),
            "Failed: cannot be asked: it must be one SELECT, WITH, VALUES or TABLE");
  EXPECT_EQ(ask_one(sql_check("")), "Failed: cannot be asked: it must be one SELECT, WITH, VALUES or TABLE");
  EXPECT_EQ(ask_one(sql_check("WITH gone AS (DELETE FROM tickets RETURNING 1) SELECT * FROM gone")),
            "Failed: cannot be asked: it would write (0A000)");
  EXPECT_EQ(ask_one(sql_check("SELECT absent FROM tickets")),
            "Failed: cannot be asked: column \"absent\" does not exist (42703) at character 8");
  EXPECT_EQ(ask_one(sql_check("SELECT FROM WHERE")),
            "Failed: cannot be asked: syntax error (42601) at character 13");
  EXPECT_EQ(ask_one(sql_check("SELECT nextval('s') FROM tickets")),
            "Failed: cannot be asked: the statement does not fit the schema (42P01) at character 16");
}

TEST_F(CheckKinds, SqlCannotWriteThroughAFunction) {
  as_login(
      "CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM tickets; RETURN 1; END "
      "$$");

  EXPECT_EQ(ask_one(sql_check("SELECT sneak()")),
            "Failed: cannot be asked: it would write: wrong state of the transaction (25006)");
  EXPECT_EQ(
      ask_one(sql_check("SELECT set_config('transaction_read_only', 'off', false), sneak()")).substr(0, 25),
      "Failed: cannot be asked: ");
  EXPECT_EQ(ask("SELECT count(*) FROM tickets"), "3");
}

TEST_F(CheckKinds, SqlErrorsHoldNoValueOfARow) {
  for (const char* query : {"SELECT priority::int FROM tickets", "SELECT 1 / (id - id) FROM tickets",
                            "SELECT ('{' || priority)::json FROM tickets"})
    EXPECT_THAT(ask_one(sql_check(query)), ::testing::Not(::testing::HasSubstr("canary-row"))) << query;
  EXPECT_EQ(ask_one(sql_check("SELECT priority::int FROM tickets")),
            "Failed: cannot be asked: a text does not read as its type (22P02)");
}

TEST_F(CheckKinds, SqlTimesOut) {
  timeout_ = std::chrono::milliseconds{50};

  EXPECT_EQ(ask_one(sql_check("SELECT pg_sleep(30)")), "Failed: timed out after 50 ms");
}

TEST_F(CheckKinds, SqlRunsUnderTheRoleAndRefusesToSeeOnlySomeRows) {
  sql(database_,
      "DO $$ BEGIN CREATE ROLE checker; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT checker TO "
      "app; GRANT USAGE ON SCHEMA public TO checker");
  spec_.role = "checker";

  EXPECT_EQ(ask_one(sql_check("SELECT 1 FROM tickets")),
            "Failed: cannot be asked: permission denied for table tickets (42501)");

  as_login("GRANT SELECT ON tickets TO checker; ALTER TABLE tickets ENABLE ROW LEVEL SECURITY");
  EXPECT_EQ(ask_one(sql_check("SELECT 1 FROM tickets")),
            "Failed: cannot be asked: query would be affected by row-level security policy for table "
            "\"tickets\" (42501)");
}

TEST_F(CheckKinds, TableIsThereOrNot) {
  EXPECT_EQ(ask_one(table("tickets")), "Passed: table tickets is there");
  EXPECT_EQ(ask_one(table("public.orders")), "Failed: table public.orders is not there");
  EXPECT_EQ(ask_one(table("orders", true)), "Passed: table orders is not there, as expected");
  EXPECT_EQ(ask_one(table("tickets", true)), "Failed: table tickets is there, expected none");
}

TEST_F(CheckKinds, ColumnShowsExpectedAndActual) {
  auto check = column("priority");
  check.column->type = "varchar(64)";
  check.column->nullable = false;
  check.column->default_ = "'low'";
  EXPECT_EQ(ask_one(check), "Passed: column tickets.priority is as expected");

  check.column->type = "text";
  check.column->nullable = true;
  check.column->default_ = "";
  EXPECT_EQ(ask_one(check),
            "Failed: column tickets.priority: expected type text, is character varying(64); expected "
            "nullable, is NOT NULL; "
            "expected default none, is 'low'::character varying");

  check = column("done");
  check.column->type = "percent";
  EXPECT_EQ(ask_one(check), "Passed: column tickets.done is as expected");
  check.column->type = "integer";
  EXPECT_EQ(ask_one(check), "Failed: column tickets.done: expected type integer, is percent");
  check = column("price");
  check.column->type = "decimal(10,2)";
  EXPECT_EQ(ask_one(check), "Passed: column tickets.price is as expected");
  check.column->type = "nosuch(1)";
  EXPECT_EQ(ask_one(check), "Failed: cannot be asked: type \"nosuch\" does not exist (42704)");
  EXPECT_EQ(ask_one(column("gone")), "Failed: column tickets.gone is not there");
  check = column("gone");
  check.column->absent = true;
  EXPECT_EQ(ask_one(check), "Passed: column tickets.gone is not there, as expected");
}

TEST_F(CheckKinds, IndexShowsExpectedAndActual) {
  auto check = index("tickets_open");
  check.index->table = "tickets";
  check.index->columns = {"priority", "lower(note)"};
  check.index->unique = true;
  check.index->method = "btree";
  check.index->where = "done < 100";
  EXPECT_EQ(ask_one(check), "Passed: index tickets_open is as expected");

  check.index->columns = {"note"};
  check.index->unique = false;
  check.index->method = "hash";
  check.index->where = "done < 50";
  EXPECT_EQ(ask_one(check),
            "Failed: index tickets_open: expected columns (note), is (priority, lower(note)); expected "
            "method hash, is btree; "
            "expected not unique, is unique; expected where done < 50, is ((done)::integer < 100)");
  EXPECT_EQ(ask_one(index("nosuch")), "Failed: index nosuch is not there");
  sql(database_, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tickets_open'::regclass");
  EXPECT_EQ(ask_one(index("tickets_open")), "Failed: index tickets_open: expected valid, is INVALID");
}

TEST_F(CheckKinds, AWarningNeverFails) {
  auto check = sql_check("SELECT 1");
  check.severity = migration::Severity::Warning;

  EXPECT_EQ(ask_one(check), "Warned: 1 violation");
  EXPECT_EQ(ask_one(check, Gate::Before), "Warned: 1 violation");
}

TEST_F(CheckKinds, ALockThatDoesNotComeIsTriedAgainLaterNotAFailure) {
  Session blocker(database_.address());
  blocker("BEGIN; LOCK TABLE tickets");
  spec_.apply.lock_timeout = Milliseconds{20};

  EXPECT_THAT(ask_one(sql_check("SELECT 1 FROM tickets")), ::testing::StartsWith("error WaitingForLock"));
}

}  // namespace
}  // namespace dbm::test
