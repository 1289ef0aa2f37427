#include "artifact/backup_set.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "artifact/directory_store.h"
#include "artifact/small_object.h"
#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

class BackupSetTest : public testing::Test {
 protected:
  SetListing listing(const KeyRing& keys = ring(kKey)) {
    return *list_sets(store_, "shop", "orders", kLedger, keys);
  }
  std::string& object(const BackupSet& set, const std::string& leaf) {
    return store_.objects.at(set.prefix + leaf);
  }
  void later(int hours) { clock_.at += std::chrono::hours{hours}; }

  MemoryStore store_;
  StandingClock clock_;
};

TEST_F(BackupSetTest, IsNamedAfterVersionTimeAndChance) {
  const auto set = write_set(store_, clock_, kKey, "rows");

  EXPECT_THAT(set.manifest.id, testing::MatchesRegex("0042-pre-20261120T213655Z-[0-9a-f]{8}"));
  EXPECT_EQ(set.prefix, "shop/orders/" + set.manifest.id + "/");
  EXPECT_EQ(begun_at(set.prefix), clock_.at);
  EXPECT_EQ(begun_at(set.manifest.id), clock_.at);
}

TEST_F(BackupSetTest, AnyVersionMakesAName) {
  for (const char* version : {"../../etc", "", ".hidden", "1.2-pre-release", "a b/ü\n", "20260101_init"}) {
    auto owner = an_owner();
    owner.version = version;
    const auto set = write_set(store_, clock_, kKey, "rows", owner);
    EXPECT_EQ(set.manifest.owner.version, version);
    EXPECT_EQ(begun_at(set.prefix), clock_.at) << set.prefix;
    EXPECT_EQ(std::count(set.prefix.begin(), set.prefix.end(), '/'), 3) << set.prefix;
  }
}

TEST_F(BackupSetTest, HoldsDumpSchemaManifestAndComplete) {
  const auto set = write_set(store_, clock_, kKey, "rows");

  std::vector<std::string> names;
  for (const auto& [name, bytes] : store_.objects) names.push_back(name.substr(set.prefix.size()));
  EXPECT_EQ(names, (std::vector<std::string>{"COMPLETE", "artifact.dbm", "manifest.json", "schema.dbm"}));
  EXPECT_EQ(object(set, "COMPLETE"), "sha256:" + sha256_hex(object(set, "manifest.json")) + "\n");
  EXPECT_EQ(object(set, "artifact.dbm").find("rows"), std::string::npos);
}

TEST_F(BackupSetTest, ReadsBackDumpAndSchema) {
  const auto set = write_set(store_, clock_, kKey, "rows");
  const auto text = [&](Piece piece) {
    std::string buffer(100, '\0');
    auto reader = read_piece(store_, set, piece, ring(kKey));
    buffer.resize(*(*reader)->read(buffer));
    return buffer;
  };

  EXPECT_EQ(text(Piece::Artifact), "rows");
  EXPECT_EQ(text(Piece::Schema), "CREATE TABLE orders ();\n");
}

TEST_F(BackupSetTest, WithoutASchemaTheDumpIsAll) {
  SetWriter writer{store_, {an_owner(), "SchemaOnly", "PostgreSQL", false, kKey}, clock_};
  auto artifact = std::move(*writer.start_artifact());
  ASSERT_TRUE(artifact->append("schema"));

  const auto set = writer.complete("{}", *artifact->finish(), std::nullopt);

  ASSERT_TRUE(set) << set.error().message;
  EXPECT_FALSE((*set).manifest.schema);
  EXPECT_THAT(read_piece(store_, *set, Piece::Schema, ring(kKey)), FailsBy("BackupCorrupt"));
}

TEST_F(BackupSetTest, BytesThatComeBackOtherwiseGetNoManifest) {
  SetWriter writer{store_, {an_owner(), "Logical", "PostgreSQL", false, kKey}, clock_};
  auto artifact = std::move(*writer.start_artifact());
  ASSERT_TRUE(artifact->append(random_data(100'000)));
  const auto facts = *artifact->finish();
  store_.objects[writer.prefix() + "artifact.dbm"][50'000] ^= 1;

  EXPECT_THAT(writer.complete("{}", facts, std::nullopt), FailsBy("BackupCorrupt"));

  EXPECT_EQ(store_.objects.size(), 1U);
  EXPECT_TRUE(listing().sets.empty());
}

TEST_F(BackupSetTest, AreListedNewestFirstBySequenceThenTime) {
  const auto by_epoch = [&](std::int64_t epoch) {
    return write_set(store_, clock_, kKey, "rows", an_owner(epoch)).manifest.id;
  };
  const auto second = by_epoch(2);
  later(-100);
  const auto third = by_epoch(3);  // the clock went back, the ledger did not
  later(1);
  const auto third_again = by_epoch(3);
  later(500);
  const auto first = by_epoch(1);

  std::vector<std::string> ids;
  const auto listed = listing();
  for (const auto& set : listed.sets) ids.push_back(set.manifest.id);
  EXPECT_EQ(ids, (std::vector<std::string>{third_again, third, second, first}));
}

TEST_F(BackupSetTest, WithoutCompleteItIsNoBackup) {
  const auto set = write_set(store_, clock_, kKey, "rows");
  ASSERT_TRUE(quarantine(store_, set));

  EXPECT_TRUE(listing().sets.empty());
  EXPECT_EQ(listing().incomplete, std::vector<std::string>{set.prefix});
  const auto failed = load_set(store_, set.prefix, ring(kKey));
  ASSERT_THAT(failed, FailsBy("NotFound"));
  EXPECT_EQ(failed.error().message, "memory: there is no complete backup " + set.prefix);
}

TEST_F(BackupSetTest, OthersSetsAreNotListed) {
  const auto ours = write_set(store_, clock_, kKey, "rows");
  auto owner = an_owner();
  owner.ledger_id = "another cluster's";
  write_set(store_, clock_, kKey, "rows", owner);
  write_set(store_, clock_, kOtherKey, "rows", owner);  // nor is it an error that we have not their key
  owner.name = "orders2";
  owner.ledger_id = kLedger;
  write_set(store_, clock_, kKey, "rows", owner);

  const auto found = listing();

  ASSERT_EQ(found.sets.size(), 1U);
  EXPECT_EQ(found.sets[0].prefix, ours.prefix);
  EXPECT_TRUE(found.unreadable.empty());
  EXPECT_TRUE(found.incomplete.empty());
}

TEST_F(BackupSetTest, OneDamagedManifestHidesNoOtherSet) {
  const auto damaged = write_set(store_, clock_, kKey, "rows", an_owner(1));
  const auto sound = write_set(store_, clock_, kKey, "rows", an_owner(2));
  const auto old_key = write_set(store_, clock_, kOtherKey, "rows", an_owner(3));
  object(damaged, "manifest.json")[200] ^= 1;

  const auto found = listing();

  ASSERT_EQ(found.sets.size(), 1U);
  EXPECT_EQ(found.sets[0].prefix, sound.prefix);
  std::map<std::string, std::string> causes;
  for (const auto& unreadable : found.unreadable) causes[unreadable.prefix] = unreadable.error.cause;
  EXPECT_EQ(causes, (std::map<std::string, std::string>{{damaged.prefix, "BackupCorrupt"},
                                                        {old_key.prefix, "StoreDenied"}}));
}

TEST_F(BackupSetTest, AnotherSetsManifestIsRefused) {
  const auto one = write_set(store_, clock_, kKey, "rows");
  const auto two = write_set(store_, clock_, kKey, "rows");

  object(one, "manifest.json") = object(two, "manifest.json");
  EXPECT_THAT(load_set(store_, one.prefix, ring(kKey)), FailsBy("BackupCorrupt"));
  object(one, "COMPLETE") = object(two, "COMPLETE");
  const auto failed = load_set(store_, one.prefix, ring(kKey));
  ASSERT_THAT(failed, FailsBy("BackupCorrupt"));
  EXPECT_TRUE(failed.error().message.ends_with("is the manifest of another set, " + two.manifest.id));
  store_.objects.erase(one.prefix + "manifest.json");
  EXPECT_THAT(load_set(store_, one.prefix, ring(kKey)), FailsBy("BackupCorrupt"));
}

TEST_F(BackupSetTest, AnEditedManifestIsFoundWithoutEncryptionToo) {
  const auto set = write_set(store_, clock_, "", "rows");
  std::string& text = object(set, "manifest.json");
  text.replace(text.find("\"rows\": 3"), 9, "\"rows\": 4");

  EXPECT_THAT(load_set(store_, set.prefix, KeyRing{}), FailsBy("BackupCorrupt"));
}

TEST_F(BackupSetTest, RemembersHowFarItWasVerified) {
  const auto set = write_set(store_, clock_, kKey, "rows");
  EXPECT_FALSE(set.verified());
  const auto record = [&](Level level, bool passed) {
    later(1);
    ASSERT_TRUE(record_verification(store_, set, {level, passed, to_rfc3339(clock_.at), ""}, ring(kKey)));
  };

  record(Level::Structure, true);
  record(Level::Checksum, true);
  EXPECT_EQ(listing().sets[0].verified(), Level::Structure);
  record(Level::Checksum, false);
  EXPECT_EQ(listing().sets[0].verified(), std::nullopt);
  record(Level::Decode, true);
  EXPECT_EQ(listing().sets[0].verified(), Level::Decode);
}

TEST_F(BackupSetTest, AResultThatIsNotSignedOrOfAnotherSetDoesNotCount) {
  const auto set = write_set(store_, clock_, kKey, "rows");
  const auto other = write_set(store_, clock_, kKey, "rows");
  ASSERT_TRUE(
      record_verification(store_, other, {Level::Decode, true, to_rfc3339(clock_.at), ""}, ring(kKey)));
  const auto result = (*store_.list(other.prefix + "verified-")).front().name;

  store_.objects[set.prefix + "verified-Decode-copied.json"] = store_.objects[result];
  store_.objects[set.prefix + "verified-Decode-forged.json"] =
      R"({"format":"dbm-verification/1","id":")" + set.manifest.id + R"(","artifactSha256":")" +
      set.manifest.artifact.sha256 +
      R"(","level":"Decode","passed":true,"at":"2026-11-20T21:36:55Z","message":""})";
  store_.objects[set.prefix + "verified-Decode-damaged.json"] = "{";

  EXPECT_TRUE((*load_set(store_, set.prefix, ring(kKey))).verifications.empty());
  EXPECT_EQ((*load_set(store_, other.prefix, ring(kKey))).verified(), Level::Decode);
}

#ifdef DBM_INJECTION

constexpr char kChildsRoot[] = "DBM_TEST_STORE_ROOT";

/// One backup into a folder, once in its own or, as the child of the crash test, in its parent's.
TEST(ABackup, IsWhollyWrittenAndVerified) {
  const char* given = std::getenv(kChildsRoot);
  std::optional<Result<TempDir>> own;  // a child that dies could not remove it
  if (given == nullptr) own.emplace(memory_dir("dbm-backup-set"));
  DirectoryStore store{given != nullptr ? std::string(given) : (**own).path().string()};

  try {
    const auto set = write_set(store, WallClock{}, kKey, random_data(1'500'000));
    EXPECT_TRUE(record_verification(store, set, {Level::Decode, true, to_rfc3339(WallClock{}.now()), ""},
                                    ring(kKey)));
    EXPECT_TRUE(verify_set(store, set, ring(kKey), {.level = Level::Decode}));
  } catch (const std::runtime_error& failed) {
    FAIL() << failed.what();
  }
}

int run_child(const std::string& root, const std::string& injection) {
  const std::string inject = "DBM_INJECT=" + injection;
  const std::string where = std::string(kChildsRoot) + "=" + root;
  const std::string self = "/proc/self/exe";
  std::vector<const char*> argv{"unit_artifact", "--gtest_filter=ABackup.*", "--gtest_brief=1", nullptr};
  std::vector<const char*> environment{inject.c_str(), where.c_str(), "PATH=/usr/bin:/bin", nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int started =
      ::posix_spawn(&pid, self.c_str(), &quiet, nullptr, const_cast<char* const*>(argv.data()),
                    const_cast<char* const*>(environment.data()));
  posix_spawn_file_actions_destroy(&quiet);
  if (started != 0) return -1;
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

/// What one injection left in the store, and that an ordinary backup after it works. False when it did not
/// fire.
bool dies_well(const std::string& plan, int expected_status) {
  const auto temp = memory_dir("dbm-backup-crash");
  const int status = run_child((*temp).path(), plan);
  DirectoryStore store{(*temp).path()};
  const auto sets = [&] { return *list_sets(store, "shop", "orders", kLedger, ring(kKey)); };
  const auto left = sets();
  for (const auto& set : left.sets)
    EXPECT_TRUE(verify_set(store, set, ring(kKey), {.level = Level::Decode})) << plan;
  EXPECT_TRUE(left.unreadable.empty()) << plan;
  if (status == 0) return false;
  EXPECT_EQ(status, expected_status) << plan;
  write_set(store, WallClock{}, kKey, "rows");
  EXPECT_EQ(sets().sets.size(), left.sets.size() + 1) << plan;
  return true;
}

TEST(ABackupThatDies, IsEitherWholeOrNoBackupAndTheNextOneWorks) {
  constexpr int kCrashed = 86;
  // Object 1 is the dump, 2 the schema, 3 the manifest, 4 COMPLETE; the dump is written in two goes.
  for (const char* point : {"store.write", "store.fsync", "store.rename", "store.fsync-folder"}) {
    for (const char* occurrence : {":1", ":3", ":4"})
      for (const char* action : {":crash-before", ":crash-after"})
        EXPECT_TRUE(dies_well(std::string(point) + occurrence + action, kCrashed));
  }
  for (const char* point : {"store.mkdir", "backup.manifest", "backup.complete", "backup.verified"}) {
    for (const char* action : {":1:crash-before", ":1:crash-after"})
      EXPECT_TRUE(dies_well(point + std::string(action), kCrashed));
  }
}

TEST(ABackupThatFails, SaysSoAndTheNextOneWorks) {
  constexpr int kTestFailed = 1;
  for (const char* point : {"store.mkdir", "store.write", "store.fsync", "store.rename", "store.fsync-folder",
                            "backup.manifest", "backup.complete", "backup.verified"})
    EXPECT_TRUE(dies_well(point + std::string(":1:error"), kTestFailed));
}

#endif

}  // namespace
}  // namespace dbm::artifact
