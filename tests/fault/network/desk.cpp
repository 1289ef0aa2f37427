#include "desk.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dbm::test {
namespace {

constexpr const char* kWork = "application_name ~ '^dbmigration/[0-9a-f-]{36}$'";

std::function<void(const World&)> exactly_once(const Versions& versions) {
  return [versions](const World& world) { world.expect_exactly_once(versions); };
}

void transactions(World& world) {
  world.add_script("0001", "DO $$ BEGIN CREATE TABLE made (id integer); END $$;\n");
  world.add_script("0002", "COPY made FROM stdin;\n1\n2\n3\n\\.\nSET LOCAL work_mem = '8MB';\n");
  world.add_script("0003", "DO $$ BEGIN ALTER TABLE made ADD note text; END $$;\n");
}

void chain(World& world) {
  for (const char* version : {"0001", "0002", "0003", "0004", "0005"})
    world.add_script(version, std::string("CREATE TABLE t") + version + " (id integer);\n");
}

void journal(World& world) {
  world.script("0001_step.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                    "CREATE TABLE made (id integer, note text);\n"
                                    "CREATE INDEX CONCURRENTLY made_id ON made (id);\n"
                                    "VACUUM made;\n"
                                    "DROP INDEX CONCURRENTLY made_id;\n"
                                    "CREATE INDEX CONCURRENTLY made_note ON made (note);\n");
  world.add_script("0002");
}

void expect_journal(const World& world) {
  expect_once(world, {"0001", "0002"});
  EXPECT_EQ(world.sql("SELECT string_agg(indexrelid::regclass::text || ' ' || indisvalid, ',') FROM pg_index "
                      "WHERE indrelid = 'made'::regclass"),
            "made_note true");
}

}  // namespace

const std::vector<Job>& jobs() {
  static const std::vector<Job> all{
      {"Transactions", transactions, exactly_once({"0001", "0002", "0003"})},
      {"Chain", chain, exactly_once({"0001", "0002", "0003", "0004", "0005"})},
      {"Journal", journal, expect_journal},
  };
  return all;
}

Desk::Desk(PostgresServer& server) : world(server), proxy(server.port()) {
  world.manifest.url = world.database().url(proxy.port());
}

void expect_once(const World& world, const Versions& versions) {
  auto applied = world.applied_versions();
  std::sort(applied.begin(), applied.end());  // its keys are texts: 1, 10, 2
  EXPECT_EQ(applied, versions);
  EXPECT_EQ(world.witness(), versions);
  EXPECT_EQ(world.canary(), canary_after(static_cast<int>(versions.size())));
  EXPECT_EQ(world.sql("SELECT count(*) FROM dbm.history WHERE status = 'running' OR finished IS NULL"), "0")
      << "a row was left open";
}

void prepare_gate(World& world) {
  Session(world.database().address(), kLogin)("CREATE TABLE gate (open boolean)");
  world.manifest.dry_run = "{mode: Disabled}";  // it would be stopped there too
}

std::string gate() {
  return "DO $$ BEGIN FOR i IN 1..6000 LOOP EXIT WHEN EXISTS (SELECT FROM gate); PERFORM pg_sleep(0.01); "
         "END LOOP; END $$;\n";
}

void open_gate(const World& world) {
  world.sql("SET synchronous_commit = local; INSERT INTO gate VALUES (true)");
}

bool wait_at_gate(const World& world) {
  return eventually([&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = "
               "'active' AND query LIKE 'DO $$%gate%' AND " +
               std::string(kWork)) == "1";
  });
}

std::string work_backend(const World& world) {
  return world.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND " +
                   std::string(kWork));
}

bool terminate_work(const World& world, const std::string& wait_event_type) {
  std::string which =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND ";
  which += kWork;
  if (!wait_event_type.empty()) which += " AND wait_event_type = '" + wait_event_type + "'";
  return world.sql(which) == "t";
}

Child start_apply(World& world, const std::vector<std::string>& more) {
  std::vector<std::string> args{"apply", "-f", world.manifest_file().filename()};
  args.insert(args.end(), more.begin(), more.end());
  return world.start_dbm(args);
}

Finished finish(World& world, Child& child) {
  auto finished = child.wait(std::chrono::seconds{60});
  world.check(finished);
  return finished;
}

std::string condition_now(const World& world, const std::string& type) {
  try {
    return world.condition(type);
  } catch (const std::exception&) {
    return {};  // not written yet
  }
}

}  // namespace dbm::test
