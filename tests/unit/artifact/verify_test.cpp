#include "artifact/verify.h"

#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

const std::vector<std::string> kTables{"public.orders", "public.customers", "public.extra"};

class Verify : public testing::TestWithParam<std::string> {
 protected:
  std::string& object(const std::string& leaf) { return store_.objects.at(set_.prefix + leaf); }
  Result<VerifyReport> verify(Level level, VerifyRequest request = {}) {
    request.level = level;
    if (!request.read_structure) request.read_structure = lists(kTables);
    return verify_set(store_, set_, keys_, request);
  }
  void expect_corrupt_everywhere(const std::string& what) {
    for (const Level level : {Level::Checksum, Level::Decode, Level::Structure})
      EXPECT_THAT(verify(level), FailsBy("BackupCorrupt")) << what << " at " << to_string(level);
  }

  MemoryStore store_;
  StandingClock clock_;
  KeyRing keys_ = ring(GetParam());
  BackupSet set_ = write_set(store_, clock_, GetParam(), table_data(300'000));
};
INSTANTIATE_TEST_SUITE_P(Both, Verify, testing::Values("", kKey),
                         [](const auto& info) { return info.param.empty() ? "clear" : "encrypted"; });

TEST_P(Verify, ASoundSetPassesAtEveryLevel) {
  for (const Level level : {Level::Checksum, Level::Decode, Level::Structure}) {
    const auto report = verify(level);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ((*report).level, level);
    EXPECT_TRUE((*report).warnings.empty());
  }
}

TEST_P(Verify, DamageOfAnyPieceIsFoundAtEveryLevel) {
  const auto sound = store_.objects;
  for (const char* leaf : {"artifact.dbm", "schema.dbm", "manifest.json", "COMPLETE"}) {
    object(leaf)[object(leaf).size() / 2] ^= 4;
    expect_corrupt_everywhere(std::string(leaf) + " flipped");
    store_.objects = sound;
    object(leaf).pop_back();
    expect_corrupt_everywhere(std::string(leaf) + " cut");
    store_.objects = sound;
    object(leaf) += "x";
    expect_corrupt_everywhere(std::string(leaf) + " longer");
    store_.objects = sound;
    object(leaf).clear();
    expect_corrupt_everywhere(std::string(leaf) + " empty");
    store_.objects = sound;
  }
  for (const char* leaf : {"artifact.dbm", "schema.dbm", "manifest.json"}) {
    store_.objects.erase(set_.prefix + leaf);
    expect_corrupt_everywhere(std::string(leaf) + " missing");
    store_.objects = sound;
  }
  EXPECT_TRUE(verify(Level::Structure));
}

TEST_P(Verify, AnotherArtifactUnderThisNameIsFound) {
  const auto other = write_set(store_, clock_, GetParam(), table_data(300'000));

  object("artifact.dbm") = store_.objects.at(other.prefix + "artifact.dbm");
  expect_corrupt_everywhere("another's artifact");
}

TEST_P(Verify, ManifestAndArtifactExchangedTogetherAreFound) {
  const auto other = write_set(store_, clock_, GetParam(), table_data(300'000));

  for (const char* leaf : {"artifact.dbm", "schema.dbm", "manifest.json", "COMPLETE"})
    object(leaf) = store_.objects.at(other.prefix + leaf);

  expect_corrupt_everywhere("another's set");
}

TEST_P(Verify, ATableThatTheListLacksIsNamed) {
  const auto failed = verify(Level::Structure, {.read_structure = lists({"public.customers"})});

  ASSERT_THAT(failed, FailsBy("BackupCorrupt"));
  EXPECT_EQ(failed.error().message,
            "memory: " + set_.prefix +
                "artifact.dbm: its list lacks 1 of 2 tables of the manifest, public.orders first");
}

TEST_P(Verify, AReaderThatStopsEarlyDoesNotStopUs) {
  object("artifact.dbm").back() ^= 1;
  const ReadStructure idle = [](const ReadPlain&) -> Result<std::vector<std::string>> { return kTables; };

  EXPECT_THAT(verify(Level::Structure, {.read_structure = idle}), FailsBy("BackupCorrupt"));
}

TEST_P(Verify, DamageIsTheNewsNotWhatTheProgramMadeOfIt) {
  object("artifact.dbm")[object("artifact.dbm").size() / 2] ^= 1;
  const ReadStructure program = [](const ReadPlain& read) -> Result<std::vector<std::string>> {
    std::string buffer(1000, '\0');
    for (;;) {
      const auto got = read(buffer);
      if (!got || *got == 0)
        return Error{ErrorKind::Terminal, "BackupFailed", "pg_restore ended by 1", "ProducerFailed"};
    }
  };

  EXPECT_THAT(verify(Level::Structure, {.read_structure = program}), FailsBy("BackupCorrupt"));
}

TEST_P(Verify, TheProgramsOwnErrorIsPassedOn) {
  const ReadStructure program = [](const ReadPlain&) -> Result<std::vector<std::string>> {
    return Error{ErrorKind::Terminal, "BackupFailed", "no pg_restore of major 15", "ClientTooOld"};
  };

  const auto failed = verify(Level::Structure, {.read_structure = program});

  ASSERT_THAT(failed, FailsBy("ClientTooOld"));
  EXPECT_EQ(failed.error().message, "memory: " + set_.prefix + "artifact.dbm: no pg_restore of major 15");
}

TEST_P(Verify, ABackupOfHalfTheSizeIsWarnedOfAndOfATenthRefused) {
  const auto with_previous = [&](std::uint64_t bytes) {
    return verify(Level::Checksum, {.previous_plain_bytes = bytes});
  };

  EXPECT_TRUE((*with_previous(599'000)).warnings.empty());
  EXPECT_EQ((*with_previous(600'000)).warnings,
            std::vector<std::string>{"memory: " + set_.prefix +
                                     "artifact.dbm: has 300000 bytes of data, the backup before had 600000"});
  EXPECT_FALSE((*with_previous(2'999'999)).warnings.empty());
  EXPECT_THAT(with_previous(3'000'000), FailsBy("BackupCorrupt"));
}

TEST_P(Verify, ASmallDatabaseMayShrinkAsItLikes) {
  set_ = write_set(store_, clock_, GetParam(), "rows");

  EXPECT_TRUE((*verify(Level::Checksum, {.previous_plain_bytes = 60'000})).warnings.empty());
}

TEST_P(Verify, ADumpOfNothingIsRefused) {
  set_ = write_set(store_, clock_, GetParam(), "");

  expect_corrupt_everywhere("empty dump");
}

TEST_P(Verify, ThePreviousSizeIsThatOfTheBackupBeforeOfTheSameMethod) {
  auto next = write_set(store_, clock_, GetParam(), "newer", an_owner(18));
  const auto listing = *list_sets(store_, "shop", "orders", kLedger, keys_);

  EXPECT_EQ(previous_plain_bytes(listing, next.manifest), 300'000U);
  EXPECT_EQ(previous_plain_bytes(listing, set_.manifest), std::nullopt);
  next.manifest.method = "SchemaOnly";
  EXPECT_EQ(previous_plain_bytes(listing, next.manifest), std::nullopt);
}

TEST_P(Verify, StopsWhenAskedTo) {
  std::stop_source stop;
  stop.request_stop();

  for (const Level level : {Level::Checksum, Level::Decode, Level::Structure}) {
    const auto stopped = verify(level, {.stop = stop.get_token()});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::Cancelled);
    const auto late = verify(level, {.deadline = Deadline::after(std::chrono::seconds{0})});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().reason, "Timeout");
  }
}

TEST(VerifyKeys, AWrongKeyIsNoVerdictOnTheBackup) {
  MemoryStore store;
  const auto set = write_set(store, StandingClock{}, kKey, "rows");

  EXPECT_THAT(verify_set(store, set, ring(kOtherKey), {.level = Level::Decode}), FailsBy("StoreDenied"));
  EXPECT_TRUE(verify_set(store, set, KeyRing{{kOtherKey, kKey}}, {.level = Level::Decode}));
}

}  // namespace
}  // namespace dbm::artifact
