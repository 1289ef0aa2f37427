/// No backup, no migration: whatever stands in its way ends the run before anything is touched.

#include "refused.h"
#include "support/small_disk.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;

class Backups : public Refused {
 protected:
  void SetUp() override { world.manifest.backup = "{method: Logical}"; }

  [[nodiscard]] fs::path beside(const std::string& name) const { return world.folder().parent_path() / name; }
  void refused_by_store(const fs::path& store, const std::string& failure, const std::string& line) {
    expect_refused(world, {1, "Stalled/BackupFailed", failure, line, "any"},
                   {"--store", "default=" + store.string()});
  }
  /// A pg_dump that says it is of `version` and does `work`.
  [[nodiscard]] fs::path client(const std::string& version, const std::string& work) const {
    for (const std::string program : {"pg_dump", "pg_restore"}) {
      write_file(beside("bin") / program, "#!/bin/sh\n[ \"$1\" = --version ] && echo '" + program +
                                              " (PostgreSQL) " + version + "' && exit 0\n" + work + "\n");
      fs::permissions(beside("bin") / program, fs::perms::owner_all);
    }
    return beside("bin");
  }
};

TEST_F(Backups, StoreThatIsMissing) {
  refused_by_store(beside("nowhere"), "StoreMissing",
                   "dbm: directory <home>/nowhere: there is no such folder [StoreMissing]; create the "
                   "store's folder, or name a store of the operator's configuration in backup.storeRef");
}

TEST_F(Backups, StoreThatIsAFile) {
  write_file(beside("file"), "");
  refused_by_store(beside("file"), "StoreMissing",
                   "dbm: directory <home>/file: is not a folder [StoreMissing]; create the store's folder, "
                   "or name a store of the operator's configuration in backup.storeRef");
}

TEST_F(Backups, StoreThatIsALink) {
  fs::create_directory(beside("real"));
  fs::create_directory_symlink("real", beside("link"));
  refused_by_store(beside("link"), "StoreDenied",
                   "dbm: directory <home>/link: is a symbolic link; give the folder it points to "
                   "[StoreDenied]; name a folder that the program may write to, not a link to one");
}

TEST_F(Backups, StoreThatNobodyConfigured) {
  world.manifest.backup = "{method: Logical, storeRef: {name: vault}}";
  expect_refused(world,
                 {1, "Stalled/BackupFailed", "StoreMissing",
                  "dbm: there is no store 'vault'; the configuration has default [StoreMissing]; create the "
                  "store's folder, or name a store of the operator's configuration in backup.storeRef",
                  "any"});
}

TEST_F(Backups, StoreKeyThatIsMissing) {
  const auto store = beside("store");
  fs::create_directories(store);
  const auto finished = world.run_dbm(quiet_apply(
      world, {"--store", "default=" + store.string(), "--store-key", "default=@" + beside("key").string()}));
  expect_answer(world, finished,
                {1, "", "", "dbm: store default: key file <home>/key: No such file or directory [NotFound]"});
}

TEST_F(Backups, StoreKeyThatIsTooShort) {
  const auto store = beside("store");
  fs::create_directories(store);
  write_file(beside("key"), "canary-5b1d-row-value");
  const auto finished = world.run_dbm(quiet_apply(
      world, {"--store", "default=" + store.string(), "--store-key", "default=@" + beside("key").string()}));
  expect_answer(world, finished,
                {2, "", "",
                 "dbm: store default: key file <home>/key: must be a key of 32 bytes, raw or in base64; this "
                 "has 21 bytes [InvalidValue]"});
}

TEST_F(Backups, StoreThatIsNotWritable) {
  const SmallDisk disk(1 << 30);
  disk.make_read_only();
  refused_by_store(disk.path(), "StoreDenied",
                   "dbm: directory " + disk.path().string() +
                       ": .incoming/: Read-only file system [StoreDenied]; name a folder that the program "
                       "may write to, not a link to one");
}

TEST_F(Backups, StoreThatIsFull) {
  world.sql(
      "CREATE TABLE noise AS SELECT md5(random()::text) FROM generate_series(1, 20000); "
      "ALTER TABLE noise OWNER TO app");
  const SmallDisk disk(64 << 10);
  refused_by_store(disk.path(), "NoSpace",
                   "dbm: directory " + disk.path().string() +
                       " has 64 KiB free; twice the database's <size> are asked for [NoSpace]; free space "
                       "where the message says, then run dbm apply again");
}

/// There was room enough before the backup began; somebody else took it.
TEST_F(Backups, StoreThatFillsUpMeanwhile) {
  world.sql(
      "CREATE TABLE noise AS SELECT md5(random()::text) FROM generate_series(1, 20000); "
      "ALTER TABLE noise OWNER TO app");
  const SmallDisk disk(64 << 20);
  const auto filling = client("15.2", "cat /dev/zero > '" + (disk.path() / "ballast").string() +
                                          "' 2>/dev/null\nexec /usr/lib/postgresql/15/bin/${0##*/} \"$@\"");

  expect_refused(world,
                 {1, "Stalled/BackupFailed", "NoSpace",
                  "dbm: directory " + disk.path().string() +
                      ": shop/orders/0001-pre-<id>/artifact.dbm: No space left on device [NoSpace]; free "
                      "space where the message says, then run dbm apply again",
                  "any"},
                 {"--store", "default=" + disk.path().string(), "--pg-binaries", filling.string()});
  EXPECT_TRUE(world.witness().empty());
  disk.relieve();
  std::vector<std::string> left;
  for (const auto& entry : fs::recursive_directory_iterator(disk.path()))
    if (entry.is_regular_file()) left.push_back(entry.path());
  EXPECT_TRUE(left.empty()) << left.front();
  const auto again = world.run_dbm(quiet_apply(world, {"--store", "default=" + disk.path().string()}));

  EXPECT_EQ(again.exit_code, 0) << again.err;
  world.expect_exactly_once({"0001"});
}

TEST_F(Backups, ClientProgramsThatAreMissing) {
  expect_refused(world,
                 {1, "Stalled/BackupFailed", "ClientTooOld",
                  "dbm: no pg_dump for server version 15: none in <home>/bin and none newer [ClientTooOld]; "
                  "install the PostgreSQL client programs of version 15 (package postgresql-client-15), or "
                  "say where they are with pgBinaries",
                  "any"},
                 {"--pg-binaries", beside("bin").string()});
}

TEST_F(Backups, ClientProgramsThatAreOlder) {
  expect_refused(world,
                 {1, "Stalled/BackupFailed", "ClientTooOld",
                  "dbm: no pg_dump for server version 15: <home>/bin/pg_dump is 14.9 [ClientTooOld]; install "
                  "the PostgreSQL client programs of version 15 (package postgresql-client-15), or say where "
                  "they are with pgBinaries",
                  "any"},
                 {"--pg-binaries", client("14.9", "exit 0").string()});
}

TEST_F(Backups, ClientProgramThatIsKilled) {
  expect_refused(world,
                 {1, "Stalled/BackupFailed", "ProducerFailed",
                  "dbm: pg_dump was ended by signal 9 [ProducerFailed]; run pg_dump by hand to see what it "
                  "says; nothing was changed",
                  "any"},
                 {"--pg-binaries", client("15.2", "printf PGDMP; kill -KILL $$").string()});
}

TEST_F(Backups, ClientProgramThatFails) {
  expect_refused(world,
                 {1, "Stalled/BackupFailed", "ProducerFailed",
                  "dbm: pg_dump ended with exit code 3 [ProducerFailed]; run pg_dump by hand to see what it "
                  "says; nothing was changed",
                  "any"},
                 {"--pg-binaries", client("15.2", "echo 'canary-5b1d-row-value' >&2; exit 3").string()});
}

TEST_F(Backups, ClientProgramThatEndsEarlyAndSaysItWentWell) {
  expect_refused(world,
                 {1, "Stalled/BackupFailed", "BackupCorrupt",
                  "dbm: directory <home>/store: shop/orders/0001-pre-<id>/artifact.dbm: its list lacks 7 of "
                  "7 tables of the manifest, dbm.fence first [BackupCorrupt]; two backups in a row could not "
                  "be read back: check the store's disk; nothing was changed",
                  "any"},
                 {"--log-level", "error", "--pg-binaries", client("15.2", "printf PGDMP; exit 0").string()});
}

TEST_F(Backups, DatabaseThatIsTooLarge) {
  world.manifest.backup = "{method: Logical, maxDatabaseSize: 1Mi}";
  expect_refused(
      world,
      {1, "Stalled/BackupFailed", "DatabaseTooLarge",
       "dbm: the database has <size>, more than backup.maxDatabaseSize (<size>) [DatabaseTooLarge]; raise "
       "backup.maxDatabaseSize, or set backup.method: None with a reason and back up by other means",
       "any"});
}

}  // namespace
}  // namespace dbm::test
