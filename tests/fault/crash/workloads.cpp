#include "workloads.h"

#include <gtest/gtest.h>

#include "support/folder.h"

namespace dbm::test {
namespace {

using Versions = std::vector<std::string>;

std::function<void(World&)> exactly_once(const Versions& versions) {
  return [versions](World& world) { world.expect_exactly_once(versions); };
}

/// Statement by statement: ledger row and effect are not one transaction, all else holds.
std::function<void(World&)> once_outside(const Versions& versions, const std::string& query,
                                         const std::string& answer) {
  return [=](World& world) {
    EXPECT_EQ(world.applied_versions(), versions);
    EXPECT_EQ(world.witness(), versions);
    EXPECT_EQ(world.canary(), canary_after(static_cast<int>(versions.size())));
    EXPECT_EQ(world.sql("SELECT count(*) FROM dbm.history WHERE status = 'running' OR finished IS NULL"),
              "0");
    EXPECT_EQ(world.sql(query), answer);
  };
}

const Versions kFour{"0001", "0002", "0003", "0004"};

/// A table of its own makes a script fail that runs twice.
std::string table_of(const std::string& version) { return "CREATE TABLE t" + version + " (id integer);\n"; }

void four(World& world) {
  for (const auto& version : kFour) world.add_script(version, table_of(version));
}

/// Scripts that go out in one pipeline: no UPDATE, whose time nobody knows, so the canary stays out of it.
std::string link(const std::string& version) {
  return "INSERT INTO witness (version, xid, pid) VALUES ('" + version +
         "', pg_current_xact_id(), pg_backend_pid());\n" + table_of(version);
}

void chain(World& world) {
  for (const auto& version : kFour) world.script(version + "_step.sql", link(version));
}

void all_links(World& world) {
  EXPECT_EQ(world.applied_versions(), kFour);
  EXPECT_EQ(world.witness(), kFour);
  EXPECT_EQ(
      world.sql("SELECT count(*) FROM witness w JOIN dbm.history h ON h.version = w.version AND h.status = "
                "'applied' WHERE w.xid::text::numeric % 4294967296 = h.xmin::text::numeric"),
      "4");
  EXPECT_EQ(world.sql("SELECT count(*) FROM dbm.history WHERE status = 'running' OR finished IS NULL"), "0");
}

void transactions(World& world) {
  world.add_script("0001", "DO $$ BEGIN CREATE TABLE made (id integer); END $$;\n");
  world.add_script("0002", "COPY made FROM stdin;\n1\n2\n3\n\\.\nSET LOCAL work_mem = '8MB';\n");
}

void all_pending(World& world) {
  world.manifest.apply = "{transaction: AllPending}";
  four(world);
}

/// A script that runs statement by statement, one of each kind of the journal.
void journal(World& world) {
  world.script("0001_step.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                    "CREATE TABLE made (id integer, note text);\n"
                                    "SET work_mem = '8MB';\n"
                                    "CREATE INDEX CONCURRENTLY made_id ON made (id);\n"
                                    "VACUUM made;\n"
                                    "DROP INDEX CONCURRENTLY made_id;\n"
                                    "CREATE INDEX CONCURRENTLY made_note ON made (note);\n");
  world.add_script("0002");
}

void every_phase(World& world) {
  world.manifest.backup = "{method: Logical, retention: {keepLast: 1}}";
  world.manifest.dry_run = "{mode: Rehearse}";
  world.manifest.checks = "[{name: made, at: [After], table: {table: made}}]";
  world.add_script("0001", "CREATE TABLE made (id integer);\n");
}

void baseline(World& world) {
  world.manifest.more = "  baselineVersion: \"0002\"\n";
  world.script("0001_old.sql", "CREATE TABLE never (id integer);\n");
  world.script("0002_old.sql", "CREATE TABLE neither (id integer);\n");
  world.add_script("0003");
}

/// The ledger of `world` is left as a death in the middle of a journalled script leaves it.
void die_in(World& world, const std::string& injection) {
  EXPECT_EQ(world.apply({{"DBM_INJECT", injection}}).exit_code, kCrashStatus) << injection;
}

void crashed_before(World& world) {
  journal(world);
  die_in(world, "journal.statement:3:crash-after");
}

/// All of it is in effect, and only its row was not closed any more.
void crashed_behind(World& world) {
  journal(world);
  die_in(world, "journal.close:1:crash-before");
}

void unknown_outcome(World& world) {
  world.script("0001_step.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                    "CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\n"
                                    "CALL twice();\n");
  die_in(world,
         "journal.statement:1:crash-after");  // the CALL: what stands before it is transactions of their own
}

// ---- failures and what a person does about them
// ---------------------------------------------------------------------

void failing_chain(World& world) {
  world.manifest.dry_run = "{mode: Plan}";  // a rehearsal would find it first
  chain(world);
  world.script("0003_step.sql", link("0003") + table_of("0002"));  // exists already
}

void mend_chain(World& world) { world.script("0003_step.sql", link("0003")); }

void failing_transaction(World& world) {
  world.manifest.dry_run = "{mode: Disabled}";
  world.add_script("0001", "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$;\n");
}

/// The lock is taken again, so that the failure can be recorded.
void giving_the_lock_away(World& world) {
  world.manifest.dry_run = "{mode: Disabled}";
  world.add_script("0001", "DO $$ BEGIN EXECUTE 'SELECT pg_advisory_' || 'unlock_all()'; END $$;\n");
}

void failing_index(World& world) {
  world.script("0001_step.sql", "-- dbm:transaction none\n" + witness_lines("0001") +
                                    "CREATE TABLE made AS SELECT 1 AS id UNION ALL SELECT 1;\n"
                                    "CREATE UNIQUE INDEX CONCURRENTLY made_id ON made (id);\n");
}

/// The person deletes the double row; the script goes on behind what has taken effect.
void remove_double(World& world) {
  world.sql("DELETE FROM made WHERE ctid = (SELECT min(ctid) FROM made) AND (SELECT count(*) FROM made) = 2");
}

/// A third backup makes the first one go.
void many_backups(World& world) {
  every_phase(world);
  EXPECT_EQ(world.apply().exit_code, 0);
  world.add_script("0002");
  EXPECT_EQ(world.apply().exit_code, 0);
  world.add_script("0003");
}

std::string copy_name(const World& world) { return world.database().name() + "_copy"; }

void drop_copy(World& world) { world.database().server().sql("DROP DATABASE IF EXISTS " + copy_name(world)); }

void backed_up(World& world) {
  every_phase(world);
  world.database().server().sql("ALTER ROLE " + std::string(kLogin) + " CREATEDB");
  EXPECT_EQ(world.apply().exit_code, 0);
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all{
      {"Transactions", transactions, {{{"apply"}}}, exactly_once({"0001", "0002"})},
      {"Chain", chain, {{{"apply"}}}, all_links},
      {"AllPending", all_pending, {{{"apply"}}}, exactly_once(kFour)},
      {"Retention", many_backups, {{{"apply"}}}, exactly_once({"0001", "0002", "0003"}), "store.remove"},
      {"Journal",
       journal,
       {{{"apply"}}},
       once_outside({"0001", "0002"},
                    "SELECT count(*) FROM pg_index WHERE indrelid = 'made'::regclass AND indisvalid", "1")},
      {"EveryPhase", every_phase, {{{"apply"}}, {{"backup", "verify"}}}, exactly_once({"0001"})},
      {"Baseline", baseline, {{{"apply"}}}, exactly_once({"0003"})},
      {"CrashedBefore",
       crashed_before,
       {{{"apply"}}},
       once_outside({"0001", "0002"},
                    "SELECT count(*) FROM pg_index WHERE indrelid = 'made'::regclass AND indisvalid", "1")},
      {"CrashedBehind",
       crashed_behind,
       {{{"apply"}}},
       once_outside({"0001", "0002"},
                    "SELECT count(*) FROM pg_index WHERE indrelid = 'made'::regclass AND indisvalid", "1"),
       "settle.close"},
      {"UnknownOutcome",
       unknown_outcome,
       {{{"apply"}, 3}, {{"resolve", "0001=applied"}}, {{"apply"}}},
       once_outside({"0001"}, "SELECT count(*) FROM pg_proc WHERE proname = 'twice'", "1")},
      {"FailingChain", failing_chain, {{{"apply"}, 1}, {{"apply"}, 0, mend_chain}}, all_links},
      {"FailingTransaction",
       failing_transaction,
       {{{"apply"}, 1}, {{"apply"}, 0, [](World& world) { world.add_script("0001"); }}},
       exactly_once({"0001"})},
      {"GivingTheLockAway",
       giving_the_lock_away,
       {{{"apply"}, 1}, {{"apply"}, 0, [](World& world) { world.add_script("0001"); }}},
       exactly_once({"0001"}),
       "run.lock-again"},
      {"FailingIndex",
       failing_index,
       {{{"apply"}, 1}, {{"apply"}, 0, remove_double}},
       once_outside({"0001"},
                    "SELECT count(*) FROM pg_index WHERE indrelid = 'made'::regclass AND indisvalid", "1")},
      {"Restore",
       backed_up,
       {{{"restore", "--into", "@copy"}, 0, drop_copy}},
       [](World& world) {
         world.expect_exactly_once({"0001"});
         const Database copy{world.database().server(), copy_name(world)};  // dropped at the end
         EXPECT_EQ(sql(copy, "SELECT v FROM canary"), "1");
       }},
  };
  return all;
}

}  // namespace dbm::test
