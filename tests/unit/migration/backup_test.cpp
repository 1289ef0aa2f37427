/// The phase Backup: nothing is changed before a backup is there that was proven.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifact/directory_store.h"
#include "migration/reconcile.h"
#include "support/temp_dir.h"
#include "unit/migration/fakes.h"

namespace dbm::migration {
namespace {

const kubernetes::ObjectKey kKey{"DatabaseMigration", "shop", "orders"};

class BackupPhase : public testing::Test {
 protected:
  BackupPhase() {
    objects_.all[kKey] =
        object_of({{"connection", {{"host", "db"}, {"dbname", "orders"}, {"username", "app"}}},
                   {"source", {{"directory", {{"path", "scripts"}}}}}});
    sources_.files = {{"0001_a.sql", "CREATE TABLE a (id int);"}, {"0002_b.sql", "CREATE TABLE b (id int);"}};
    engine_.database.dump_bytes = std::string(10'000, 'd');
    surroundings_.objects = &objects_;
    surroundings_.engine = &engine_;
    surroundings_.sources = &sources_;
    const std::string key(32, 'k');
    surroundings_.stores["default"] = {
        std::make_shared<artifact::DirectoryStore>(folder_->path().string()), key, {key}, ""};
  }

  Reconciled pass(bool requested = false) { return reconciler_.pass(kKey, requested, Deadline::never(), {}); }
  std::size_t complete_sets() {
    const auto sets = reconciler_.backups(kKey, Deadline::never(), {});
    EXPECT_TRUE(sets) << sets.error().message;
    return sets ? sets->sets.size() : 0;
  }

  Result<TempDir> folder_ = TempDir::make("dbm-test-");
  FakeObjects objects_;
  FakeSources sources_;
  FakeEngine engine_;
  Surroundings surroundings_;
  Reconciler reconciler_{surroundings_, {}};
};

TEST_F(BackupPhase, IsProvenAndInTheStatusBeforeAnythingIsApplied) {
  const auto end = pass();

  ASSERT_EQ(end.exit_code, 0) << end.failure->message;
  EXPECT_EQ(end.status.backup->verified, "Structure");
  EXPECT_EQ(end.status.backup->id.rfind("0001-pre-", 0), 0u);
  EXPECT_EQ(complete_sets(), 1u);
  for (const Json& status : objects_.written) {
    if (status["conditions"][0]["reason"] == "Applying") {
      EXPECT_EQ(status["backup"]["id"], end.status.backup->id);
    }
  }
  EXPECT_EQ(objects_.events, (std::vector<std::string>{"BackupCompleted", "MigrationApplied"}));
}

TEST_F(BackupPhase, ADamagedOneIsPutAsideAndTakenOnceMore) {
  engine_.database.damaged_archives = 1;

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(engine_.database.dumps, 4);  // dump and schema, twice
  EXPECT_EQ(complete_sets(), 1u);
}

TEST_F(BackupPhase, TwoDamagedInARowStallAndNothingIsTouched) {
  engine_.database.damaged_archives = 2;

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.status.failure->reason, "BackupCorrupt");
  EXPECT_EQ(end.status.failure->phase, "Backup");
  EXPECT_TRUE(engine_.database.now.rows.empty());
  EXPECT_EQ(complete_sets(), 0u);
}

TEST_F(BackupPhase, IsNotTakenAgainWithinAnHourForTheSamePlan) {
  engine_.database.apply_fails =
      Error{ErrorKind::Transient, "ProgressingWithRetry", "connection lost", "ConnectionLost"};
  (void)pass();
  const auto dumps = engine_.database.dumps;
  engine_.database.apply_fails.reset();

  EXPECT_EQ(pass().exit_code, 0);

  EXPECT_EQ(engine_.database.dumps, dumps);
  EXPECT_EQ(complete_sets(), 1u);
}

/// A copy that was taken over has the run's row too, and the backup in it is that of the original.
TEST_F(BackupPhase, IsTakenAnewInACopyOfTheDatabase) {
  engine_.database.apply_fails =
      Error{ErrorKind::Transient, "ProgressingWithRetry", "connection lost", "ConnectionLost"};
  (void)pass();
  const auto of_original = engine_.database.now.last_run->backup->id;
  const auto dumps = engine_.database.dumps;
  engine_.database.apply_fails.reset();
  engine_.database.now.database.name = "orders_copy";

  const auto end = pass();

  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(engine_.database.dumps, dumps + 2);
  EXPECT_NE(end.status.backup->id, of_original);
}

TEST_F(BackupPhase, OfAnotherDatabaseStaysListedAndIsNotCounted) {
  objects_.all[kKey] = object_of({{"connection", {{"host", "db"}, {"dbname", "orders"}, {"username", "app"}}},
                                  {"source", {{"directory", {{"path", "scripts"}}}}},
                                  {"backup", {{"retention", {{"keepLast", 1}}}}}});
  const auto of_old_server = pass().status.backup->id;
  engine_.database.now.database.system_identifier = "7711";  // dumped and restored on another server
  std::string newest;
  for (const std::string version : {"0003", "0004", "0005"}) {
    sources_.files.emplace_back(version + "_c.sql", "CREATE TABLE c" + version + " (id int);");
    const auto end = pass(true);
    ASSERT_EQ(end.exit_code, 0);
    newest = end.status.backup->id;
  }

  const auto sets = reconciler_.backups(kKey, Deadline::never(), {});

  ASSERT_TRUE(sets);
  ASSERT_EQ(sets->sets.size(), 1u);
  EXPECT_EQ(sets->sets[0].manifest.id, newest);
  ASSERT_EQ(sets->elsewhere.size(), 1u);
  EXPECT_EQ(sets->elsewhere[0].manifest.id, of_old_server);
  EXPECT_TRUE(reconciler_.restore(kKey, of_old_server, "orders_copy", Deadline::never(), {}));
}

/// A store that is made on demand is made by the backup, and by nothing else.
TEST_F(BackupPhase, MakesTheStore) {
  int made = 0;
  const ConfiguredStore real = surroundings_.stores.at("default");
  surroundings_.stores.clear();
  surroundings_.stores_on_demand["default"] = [&](IfMissing missing) -> Result<ConfiguredStore> {
    if (missing == IfMissing::Make) ++made;
    return real;
  };

  EXPECT_TRUE(reconciler_.plan(kKey, Deadline::never(), {}));
  EXPECT_EQ(complete_sets(), 0u);
  EXPECT_EQ(made, 0);
  EXPECT_EQ(pass().exit_code, 0);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(complete_sets(), 1u);
}

TEST_F(BackupPhase, IsVerifiedAndRestoredOnRequest) {
  const auto id = pass().status.backup->id;

  EXPECT_TRUE(reconciler_.verify_backup(kKey, id, artifact::Level::Structure, Deadline::never(), {}));
  EXPECT_TRUE(reconciler_.restore(kKey, id, "orders_copy", Deadline::never(), {}));
  EXPECT_EQ(reconciler_.restore(kKey, "0009-pre-x", "orders_copy", Deadline::never(), {}).error().cause,
            "NotFound");
}

}  // namespace
}  // namespace dbm::migration
