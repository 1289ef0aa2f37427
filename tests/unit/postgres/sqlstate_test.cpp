#include "postgres/sqlstate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dbm::postgres {
namespace {

ServerError report(const std::string& sqlstate, const std::string& message) {
  ServerError error;
  error.sqlstate = sqlstate;
  error.server_message = message;
  return error;
}

struct KindCase {
  const char* sqlstate;
  ErrorKind kind;
};
class SqlstateKind : public ::testing::TestWithParam<KindCase> {};

TEST_P(SqlstateKind, SaysWhatHappensNext) { EXPECT_EQ(kind_of(GetParam().sqlstate), GetParam().kind); }

INSTANTIATE_TEST_SUITE_P(
    Table, SqlstateKind,
    ::testing::Values(KindCase{"08006", ErrorKind::Transient},  // connection
                      KindCase{"40001", ErrorKind::Transient}, KindCase{"40P01", ErrorKind::Transient},
                      KindCase{"53100", ErrorKind::Transient}, KindCase{"53300", ErrorKind::Transient},
                      KindCase{"55P03", ErrorKind::Transient}, KindCase{"57P01", ErrorKind::Transient},
                      KindCase{"57P03", ErrorKind::Transient}, KindCase{"25006", ErrorKind::Transient},
                      KindCase{"40003", ErrorKind::InDoubt}, KindCase{"57014", ErrorKind::Terminal},
                      KindCase{"42601", ErrorKind::Terminal}, KindCase{"42501", ErrorKind::Terminal},
                      KindCase{"23505", ErrorKind::Terminal}, KindCase{"22012", ErrorKind::Terminal},
                      KindCase{"25001", ErrorKind::Terminal}, KindCase{"55P04", ErrorKind::Terminal},
                      KindCase{"P0001", ErrorKind::Terminal}, KindCase{"XX000", ErrorKind::Terminal},
                      KindCase{"MG001", ErrorKind::Terminal}));

TEST(Translate, PublishesTheServersWordsOnlyWhereTheyCannotHoldValues) {
  const Error listed = translate(report("42P07", "relation \"orders\" already exists"), "ApplyFailed",
                                 "CREATE TABLE orders ()");
  const Error values =
      translate(report("22P02", "invalid input syntax for type integer: \"canary\""), "ApplyFailed");
  const Error syntax = translate(report("42601", "syntax error at or near \"canary\""), "ApplyFailed");

  EXPECT_EQ(listed.message, "relation \"orders\" already exists (42P07)");
  EXPECT_EQ(values.message, "a text does not read as its type (22P02)");
  EXPECT_EQ(values.server_message, "invalid input syntax for type integer: \"canary\"");
  EXPECT_EQ(syntax.message, "syntax error (42601)");
  EXPECT_EQ(syntax.cause, "SyntaxError");
}

struct NamesCase {
  const char *sqlstate, *message, *statement;
  int position;
  bool published;
};
class PublishedNames : public ::testing::TestWithParam<NamesCase> {};
TEST_P(PublishedNames, ComeFromTheStatementOrTheSchema) {
  auto said = report(GetParam().sqlstate, GetParam().message);
  said.position = GetParam().position;

  const std::string message = translate(said, "ApplyFailed", GetParam().statement).message;

  const std::string whole = std::string(GetParam().message) + " (" + GetParam().sqlstate + ")";
  EXPECT_EQ(message == whole, GetParam().published) << message;
  if (!GetParam().published) {
    EXPECT_EQ(message.find("canary"), std::string::npos);
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, PublishedNames,
    ::testing::Values(
        NamesCase{"42P01", "relation \"canary\" does not exist", "SELECT v::regclass FROM t", 0, false},
        NamesCase{"42P01", "relation \"canary\" does not exist", "SELECT 'canary'::regclass", 8, false},
        NamesCase{"42P01", "relation \"orders\" does not exist", "SELECT * FROM Orders", 15, true},
        NamesCase{"42P01", "relation \"public.orders\" does not exist", "ALTER TABLE public.orders ADD a int",
                  0, true},
        NamesCase{"42804", "column \"a\" is of type integer but expression is of type text",
                  "INSERT INTO t SELECT b FROM u", 22, true},
        NamesCase{"42883", "operator does not exist: canary", "SELECT v::regoperator FROM t", 0, false},
        NamesCase{"42883", "operator does not exist: text = integer", "SELECT a = b FROM t", 10, true},
        NamesCase{"42704", "large object 4711 does not exist", "SELECT lo_open(v, 1) FROM t", 0, false},
        NamesCase{"42704", "Typ \u201Ecanary\u201C existiert nicht", "SELECT v::regtype FROM t", 0, false},
        NamesCase{"42501", "permission denied for table orders", "SELECT f()", 0, true},
        NamesCase{"42701", "column \"Odd name\" of relation \"t\" already exists",
                  "ALTER TABLE t ADD \"Odd name\" int", 0, true},
        NamesCase{"42703", "column \"canary\" of relation \"t\" does not exist",
                  "SELECT pg_get_serial_sequence('t', v) FROM t", 0, false},
        // Nothing in quotation marks, and made of a row or a literal all the same.
        NamesCase{"42883", "function canary() does not exist",
                  "SELECT query_to_xml(t, true, true, '') FROM w WHERE n = 2", 0, false},
        NamesCase{"42883", "operator does not exist: canary", "SELECT 'canary(int4,int4)'::regoperator", 8,
                  false},
        NamesCase{"42883", "function f(integer) does not exist", "SELECT f(1, 'x')", 8, true},
        NamesCase{"42704", "large object 4711 does not exist", "SELECT lo_open(4711, 1)", 0, false},
        // A literal's escapes are not in the text.
        NamesCase{"42P01", "relation \"canary\" does not exist", "SELECT E'can\\141ry'::regclass", 8, false},
        NamesCase{"42P01", "relation \"canary\" does not exist", "SELECT U&'c\\0061nary'::regclass", 8,
                  false},
        NamesCase{"42703", "column \"canary\" does not exist", "INSERT INTO w VALUES (1, U&\"c\\0061nary\")",
                  26, false},
        NamesCase{"42P01", "relation \"orders\" does not exist", "INSERT INTO orders VALUES (1, 'x')", 13,
                  true},
        // Quotes forgotten, or the wrong ones.
        NamesCase{"42703", "column \"canary\" does not exist", "INSERT INTO w VALUES (1, \"canary\")", 26,
                  false},
        NamesCase{"42703", "column \"canary\" does not exist", "INSERT INTO w VALUES (1), (f(canary))", 29,
                  false},
        NamesCase{"42703", "column \"canary\" does not exist", "INSERT INTO w SELECT f(canary)", 24, false},
        NamesCase{"42703", "column \"canary\" does not exist", "CALL p(canary)", 8, false},
        NamesCase{"42883", "function canary() does not exist", "CALL p(canary())", 8, false},
        NamesCase{"42P01", "missing FROM-clause entry for table \"canary\"", "EXECUTE p(canary.a)", 11,
                  false},
        NamesCase{"42703", "column \"nam\" of relation \"b\" does not exist",
                  "INSERT INTO b (id, nam) VALUES (1, 'x')", 20, true},
        NamesCase{"42703", "column excluded.nam does not exist",
                  "INSERT INTO b VALUES (1) ON CONFLICT (id) DO UPDATE SET id = excluded.nam", 62, true},
        NamesCase{"42703", "column \"nam\" does not exist", "SELECT lower(nam) FROM b", 14, true},
        NamesCase{"25006", "cannot execute INSERT in a read-only transaction", "INSERT INTO b VALUES (1)", 0,
                  true},
        NamesCase{"55P03", "canceling statement due to lock timeout", "INSERT INTO b VALUES (1)", 0, true},
        NamesCase{"42501", "permission denied for large object 4711", "SELECT f()", 0, false}));

TEST(Translate, KeepsWordsFromInsideAFunctionToTheLedger) {
  auto inside = report("42P01", "relation \"canary\" does not exist");  // EXECUTE format('… %I', value)
  inside.has_context = true;

  EXPECT_EQ(translate(inside, "ApplyFailed").message, "the statement does not fit the schema (42P01)");
}

TEST(Translate, NamesTableAndConstraintButNoDetail) {
  auto duplicate = report("23505", "duplicate key value violates unique constraint \"orders_pkey\"");
  duplicate.detail = "Key (id)=(canary) already exists.";
  duplicate.schema = "public";
  duplicate.table = "orders";
  duplicate.constraint = "orders_pkey";

  const Error error = translate(duplicate, "ApplyFailed");

  EXPECT_EQ(
      error.message,
      "a value that must be unique is there already (23505) (table public.orders, constraint orders_pkey)");
  EXPECT_EQ(error.reason, "ApplyFailed");
  EXPECT_EQ(error.sqlstate, "23505");
}

/// The same SQLSTATE of a row that is written and of a rule that is made asks for different things.
TEST(Translate, SaysWhatToDoAboutTheRowsOfAStatement) {
  const auto remedy = [](const char* sqlstate, const char* statement) {
    return translate(report(sqlstate, "words"), "ApplyFailed", statement).remedy;
  };
  for (const char* writer : {"INSERT INTO t VALUES (1)", "insert\ninto t select 1", "COPY t FROM stdin"})
    EXPECT_THAT(remedy("23505", writer), ::testing::HasSubstr("is there already")) << writer;
  EXPECT_THAT(remedy("23503", "DELETE FROM t"), ::testing::HasSubstr("refer"));
  EXPECT_THAT(remedy("23502", "UPDATE t SET a = NULL"), ::testing::HasSubstr("give the column a value"));
  EXPECT_THAT(remedy("23514", "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE"),
              ::testing::HasSubstr("condition"));
  EXPECT_EQ(remedy("23505", "CREATE UNIQUE INDEX i ON t (a)"), "") << "migration/remedy.h knows";
  EXPECT_EQ(remedy("23505", "ALTER TABLE t ADD UNIQUE (a)"), "");
  EXPECT_EQ(remedy("23505", ""), "");
  EXPECT_EQ(remedy("42P01", "INSERT INTO t VALUES (1)"), "");
}

TEST(Translate, TakesNoNamesFromRaise) {
  auto raised = report("23505", "canary");
  raised.source_file = "pl_exec.c";
  raised.schema = raised.table = raised.column = raised.constraint = raised.data_type = "canary";

  EXPECT_EQ(translate(raised, "ApplyFailed").message, "a value that must be unique is there already (23505)");
}

TEST(Translate, TakesNamesFromACopyButNoneFromInsideAFunction) {
  auto check = report("23514", "canary");  // EXECUTE format('… ADD CONSTRAINT %I …', value)
  check.constraint = "canary";
  check.has_context = true;

  EXPECT_EQ(translate(check, "ApplyFailed").message.find("canary"), std::string::npos);

  check.constraint = "orders_check";
  check.in_copy = true;
  EXPECT_NE(translate(check, "ApplyFailed").message.find("constraint orders_check"), std::string::npos);
}

TEST(Translate, GivesTransientAndPrivilegeErrorsTheirOwnReasons) {
  EXPECT_EQ(translate(report("55P03", "canceling statement due to lock timeout"), "ApplyFailed").reason,
            "WaitingForLock");
  EXPECT_EQ(translate(report("42501", "permission denied for table orders"), "ApplyFailed").reason,
            "PermissionDenied");
  EXPECT_EQ(translate(report("25006", "cannot execute"), "ApplyFailed").cause, "ReadOnly");
  EXPECT_EQ(translate(report("57P01", "terminating"), "ApplyFailed").reason, "ProgressingWithRetry");
}

TEST(AtOwnStep, CountsClassMgOnlyThere) {
  const Error scripts_own = translate(report("MG001", "raised by a script"), "ApplyFailed");

  EXPECT_EQ(scripts_own.kind, ErrorKind::Terminal);
  EXPECT_EQ(at_own_step(scripts_own).kind, ErrorKind::Cancelled);
  EXPECT_EQ(at_own_step(translate(report("MG003", ""), "x")).reason, "ManualInterventionRequired");
}

TEST(Translate, StaysOnOneLine) {
  EXPECT_EQ(translate(report("42704", "type \"a\nb\" does not exist"), "x", "DROP TYPE \"a\nb\"").message,
            "type \"a b\" does not exist (42704)");
}

}  // namespace
}  // namespace dbm::postgres
