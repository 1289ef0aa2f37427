/// No backup, no migration: whatever stands in its way ends the run before anything is touched.

#include <sys/mount.h>
#include <sys/resource.h>

#include "refused.h"

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

/// A read-only store: for root only a mount refuses to write.
class ReadOnlyFolder {
 public:
  explicit ReadOnlyFolder(const fs::path& at) : at_(at) {
    fs::create_directory(at);
    mounted_ = ::mount("dbm-test", at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=1g") == 0;
    if (!mounted_) fs::permissions(at, fs::perms::owner_read | fs::perms::owner_exec);
  }
  ~ReadOnlyFolder() {
    if (mounted_) ::umount(at_.c_str());
  }
  ReadOnlyFolder(const ReadOnlyFolder&) = delete;
  ReadOnlyFolder& operator=(const ReadOnlyFolder&) = delete;

 private:
  fs::path at_;
  bool mounted_ = false;
};

TEST_F(Backups, StoreThatIsNotWritable) {
  const ReadOnlyFolder store(beside("locked"));
  refused_by_store(beside("locked"), "StoreDenied",
                   "dbm: directory <home>/locked: .incoming/: Read-only file system [StoreDenied]; name a "
                   "folder that the program may write to, not a link to one");
}

/// A store with little room: a small tmpfs where we may mount one, else a limit on the size of files.
class SmallFolder {
 public:
  explicit SmallFolder(const fs::path& at) : at_(at) {
    fs::create_directory(at);
    mounted_ = ::mount("dbm-test", at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") == 0;
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit small = before_;
    small.rlim_cur = 64 * 1024;
    if (!mounted_) ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFolder() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    if (mounted_) ::umount(at_.c_str());
  }
  SmallFolder(const SmallFolder&) = delete;
  SmallFolder& operator=(const SmallFolder&) = delete;

 private:
  fs::path at_;
  rlimit before_{};
  bool mounted_ = false;
};

TEST_F(Backups, StoreThatIsFull) {
  world.sql(
      "CREATE TABLE noise AS SELECT md5(random()::text) FROM generate_series(1, 20000); "
      "ALTER TABLE noise OWNER TO app");
  const SmallFolder store(beside("small"));
  refused_by_store(beside("small"), "NoSpace",
                   "dbm: directory <home>/small has 64 KiB free; twice the database's <size> are asked for "
                   "[NoSpace]; free space where the message says, then run dbm apply again");
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
