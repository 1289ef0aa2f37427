/// Our own SQL looks nothing up along the session's search_path: the database's setting may put anything
/// before the system's schema.
#include "apply_fixture.h"
#include "postgres/engine.h"

namespace dbm::test {
namespace {

/// Operators, functions and types of the system's names, each of which raises.
constexpr const char* kEvil =
    "CREATE SCHEMA evil;"
    "CREATE FUNCTION evil.raises() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'ours was shadowed'; "
    "END$$;"
    "CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.raises()';"
    "CREATE FUNCTION evil.eq(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT evil.raises()';"
    "CREATE FUNCTION evil.eq(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT evil.raises()';"
    "CREATE FUNCTION evil.eq(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT evil.raises()';"
    "CREATE FUNCTION evil.eq(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT evil.raises()';"
    "CREATE FUNCTION evil.joined(text, text) RETURNS text LANGUAGE sql AS 'SELECT evil.raises()::text';"
    "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.<> (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.eq);"
    "CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.joined);"
    "CREATE FUNCTION evil.more(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT "
    "evil.raises()::int::bigint';"
    "CREATE AGGREGATE evil.max(bigint) (SFUNC = evil.more, STYPE = bigint, INITCOND = '0');"
    "CREATE AGGREGATE evil.bool_or(boolean) (SFUNC = booland_statefunc, STYPE = boolean, INITCOND = 'f');"
    "CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.raises());"
    "CREATE DOMAIN evil.uuid AS pg_catalog.uuid CHECK (evil.raises());"
    "CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.raises());";

class OwnSearchPath : public ApplyTest {
 protected:
  OwnSearchPath() {
    as_login(
        "CREATE TABLE t (a int); CREATE TABLE p (i int) PARTITION BY RANGE (i); CREATE TABLE p1 PARTITION OF "
        "p FOR "
        "VALUES FROM (0) TO (10); CREATE PROCEDURE nothing() LANGUAGE plpgsql AS 'BEGIN NULL; END'");
    as_login(kEvil);
  }
  void poison() {
    change("ALTER ROLE app IN DATABASE \"" + database_.name() +
           "\" SET search_path = evil, public, pg_catalog");
  }
};

TEST_F(OwnSearchPath, IsNotTheSessionsInScriptsOfAnyKind) {
  ASSERT_TRUE(begin());
  poison();
  const auto begun = begin();
  ASSERT_TRUE(begun) << begun.error().message;

  const auto done =
      apply({{"0001_a.sql", "CREATE TABLE a (i int);"},
             {"0002_b.sql", "DO 'BEGIN NULL; END';"},
             {"0003_c.sql",
              "-- dbm:transaction none\nCREATE INDEX CONCURRENTLY t_a ON t (a);\nREINDEX INDEX CONCURRENTLY "
              "t_a;\nALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\nDROP INDEX CONCURRENTLY t_a;\nCREATE "
              "TABLE c (i int);\n"}});

  ASSERT_TRUE(done) << done.error().server_message << done.error().message;
  EXPECT_EQ(ask("SELECT count(*) FROM dbm.history WHERE status = 'applied' AND finished IS NOT NULL"), "3");
}

TEST_F(OwnSearchPath, IsNotTheSessionsWhenACrashIsSettled) {
  TcpProxy proxy(database_.server().port());
  ASSERT_TRUE(begin(proxy.port()));
  const std::vector<NamedScript> scripts{
      {"0001_a.sql",
       "-- dbm:transaction none\nCREATE TABLE c (i int);\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n"}};
  const auto made = plan(scripts);
  proxy.cut_at("CREATE INDEX CONCURRENTLY t_a ON t (a)", Cut::BeforeSend);
  ASSERT_FALSE(apply_plan(made));
  as_login("CREATE INDEX t_a ON t (a)");
  poison();

  const auto next = begin();

  ASSERT_TRUE(next) << next.error().server_message << next.error().message;
  const auto done = apply(scripts);
  ASSERT_TRUE(done) << done.error().server_message << done.error().message;
}

TEST_F(OwnSearchPath, IsNotTheSessionsInTheRunsOwnRow) {
  ASSERT_TRUE(begin());
  poison();
  migration::RunRequest request;
  request.target = target_;
  request.owner = {"local", "default", "test"};
  request.holder = "test";
  request.spec_digest = "sha256:x";
  request.spec = &spec_;
  end();
  const auto engine = postgres::make_engine();
  const auto run = engine->begin_run(request, Deadline::after(std::chrono::seconds{60}), {});
  ASSERT_TRUE(run) << run.error().server_message;

  const auto opened = (*run)->open({});
  ASSERT_TRUE(opened) << opened.error().server_message << opened.error().message;
  const auto recorded = (*run)->record_backup({.id = "b1", .store = "default"});
  ASSERT_TRUE(recorded) << recorded.error().server_message;
  const auto finished = (*run)->finish({});

  EXPECT_TRUE(finished) << finished.error().server_message;
  EXPECT_EQ(ask("SELECT outcome FROM dbm.run WHERE outcome IS NOT NULL"), "Succeeded");
}

}  // namespace
}  // namespace dbm::test
