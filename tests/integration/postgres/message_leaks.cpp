/// What a row holds is in no message, whatever the server says about it (docs/status.md#words): the words
/// that carry values are ours, and the server's names are published only where the statement itself names
/// them.
#include "apply_fixture.h"

namespace dbm::test {
namespace {

constexpr const char* kCanary = "canary_7f3a91";

struct Leak {
  const char* name;
  const char* sql;
  const char* sqlstate;
};

class MessageLeak : public ApplyTest, public ::testing::WithParamInterface<Leak> {
 protected:
  MessageLeak() {
    as_login("CREATE TABLE secrets (value text, n bigint); INSERT INTO secrets VALUES ('" +
             std::string(kCanary) +
             "', 471147114711); CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (a int UNIQUE, b text NOT "
             "NULL, c "
             "text UNIQUE CHECK (c <> '" +
             kCanary + "x'), e text); INSERT INTO t VALUES (1, '" + kCanary + "', '" + kCanary + "')");
  }
};

TEST_P(MessageLeak, HoldsNoValueOfARow) {
  for (const char* mode : {"", "-- dbm:transaction none\n"}) {
    ASSERT_TRUE(begin());

    const auto done = apply({{"0001_a.sql", mode + std::string(GetParam().sql) + ";\n"}});

    ASSERT_FALSE(done);
    const Error& error = done.error();
    EXPECT_EQ(error.sqlstate, GetParam().sqlstate) << error.message;
    for (const std::string& text : {error.message, error.remedy, error.cause, error.reason}) {
      EXPECT_EQ(text.find("canary"), std::string::npos) << text;
      EXPECT_EQ(text.find("4711"), std::string::npos) << text;
    }
    EXPECT_EQ(ask("SELECT count(*) FROM dbm.history WHERE error_text ~ 'canary|4711'"), "0");
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, MessageLeak,
    ::testing::Values(
        Leak{"Regclass", "SELECT value::regclass FROM secrets", "42P01"},
        Leak{"RegclassOfASchema", "SELECT (value || '.x')::regclass FROM secrets", "3F000"},
        Leak{"RegclassInAnInsert", "INSERT INTO t (a, b) SELECT value::regclass::oid::int, '' FROM secrets",
             "42P01"},
        Leak{"RegclassInAType", "ALTER TABLE secrets ALTER value TYPE regclass USING value::regclass",
             "42P01"},
        Leak{"RegclassInATable", "CREATE TABLE made AS SELECT value::regclass FROM secrets", "42P01"},
        Leak{"Regtype", "SELECT value::regtype FROM secrets", "42704"},
        Leak{"Regproc", "SELECT value::regproc FROM secrets", "42883"},
        Leak{"Regprocedure", "SELECT (value || '()')::regprocedure FROM secrets", "42883"},
        Leak{"Regoper", "SELECT ('#' || n)::regoper FROM secrets", "42883"},
        Leak{"Regoperator",
             "SELECT ('###(int4,int4)')::regoperator, n FROM secrets WHERE n = 1 OR (value || "
             "'(int4,int4)')::regoperator IS NOT NULL",
             "42883"},
        Leak{"Regrole", "SELECT value::regrole FROM secrets", "42704"},
        Leak{"Regnamespace", "SELECT value::regnamespace FROM secrets", "3F000"},
        Leak{"Regconfig", "SELECT value::regconfig FROM secrets", "42704"},
        Leak{"Sequence", "SELECT nextval(value) FROM secrets", "42P01"},
        Leak{"SerialSequence", "SELECT pg_get_serial_sequence('t', value) FROM secrets", "42703"},
        Leak{"Setting", "SELECT current_setting(value) FROM secrets", "42704"},
        Leak{"SettingSet", "SELECT set_config(value, 'x', true) FROM secrets", "42704"},
        Leak{"RoleSet", "SELECT set_config('role', value, true) FROM secrets", "22023"},
        Leak{"Database", "SELECT pg_database_size(value) FROM secrets", "3D000"},
        Leak{"Privilege", "SELECT has_table_privilege(value, 'SELECT') FROM secrets", "42P01"},
        Leak{"PrivilegeWord", "SELECT has_table_privilege('t', value) FROM secrets", "22023"},
        Leak{"LargeObject", "SELECT lo_open((n % 1000000)::oid, 131072) FROM secrets", "42704"},
        Leak{"Integer", "SELECT value::int FROM secrets", "22P02"},
        Leak{"OutOfRange", "SELECT n::int FROM secrets", "22003"},
        Leak{"Enum", "SELECT value::mood FROM secrets", "22P02"},
        Leak{"Json", "SELECT value::json FROM secrets", "22P02"},
        Leak{"Date", "SELECT value::date FROM secrets", "22007"},
        Leak{"TimeZone", "SELECT now() AT TIME ZONE value FROM secrets", "22023"},
        Leak{"Field", "SELECT date_part(value, now()) FROM secrets", "22023"},
        Leak{"Encoding", "SELECT convert_to('x', value) FROM secrets", "22023"},
        Leak{"Pattern", "SELECT 'x' ~ (value || '(') FROM secrets", "2201B"},
        Leak{"TooLong",
             "SELECT value::varchar(3), (value || 'x')::name FROM secrets; INSERT INTO t (a, b) VALUES (2, "
             "NULL)",
             "23502"},
        Leak{"Unique", "INSERT INTO t (a, b, c) SELECT 2, 'x', value FROM secrets", "23505"},
        Leak{"UniqueIndex",
             "INSERT INTO secrets SELECT * FROM secrets; CREATE UNIQUE INDEX u ON secrets (value)", "23505"},
        Leak{"Check", "INSERT INTO t (a, b, c) SELECT 3, 'x', value || 'x' FROM secrets", "23514"},
        Leak{"NotNull", "INSERT INTO t (a, b, c, e) SELECT 4, NULL, 'q', value FROM secrets", "23502"},
        Leak{"ForeignKey",
             "CREATE TABLE f (c text REFERENCES t (c)); INSERT INTO f SELECT value || 'z' FROM secrets",
             "23503"},
        Leak{"Raise",
             "DO $$BEGIN RAISE EXCEPTION '%', (SELECT value FROM secrets) USING ERRCODE = '42P01'; END$$",
             "42P01"},
        Leak{"QueryOfAValue", "SELECT query_to_xml('SELECT ' || value || '()', true, true, '') FROM secrets",
             "42883"},
        Leak{"TableOfAValue", "SELECT query_to_xml('TABLE ' || value, true, true, '') FROM secrets", "42P01"},
        Leak{"Literal", "SELECT 'canary_7f3a91'::regclass", "42P01"},
        Leak{"LiteralWithEscapes", "SELECT E'can\\141ry_7f3a91'::regclass", "42P01"},
        Leak{"LiteralOfUnicode", "SELECT U&'c\\0061nary_7f3a91'::regclass", "42P01"},
        Leak{"LiteralOfAnOperator", "SELECT 'canary_7f3a91(int4,int4)'::regoperator", "42883"},
        Leak{"WrongQuotes", "INSERT INTO t VALUES (1, \"canary_7f3a91\")", "42703"},
        Leak{"QuotesForgotten", "INSERT INTO t (a, b) VALUES (7, 'x'), (1, canary_7f3a91)", "42703"},
        Leak{"QuotesForgottenInACall", "CREATE PROCEDURE p(a text) LANGUAGE sql AS ''; CALL p(canary_7f3a91)",
             "42703"},
        Leak{"FunctionInACall", "CREATE PROCEDURE p(a text) LANGUAGE sql AS ''; CALL p(canary_7f3a91())",
             "42883"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace dbm::test
