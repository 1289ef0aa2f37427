#include "artifact/stream.h"

#include <zstd.h>

#include "artifact/frame.h"
#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

/// Made when the test runs: every process of this program lists all cases, few run them.
struct Case {
  std::string name;
  std::string (*make)(std::size_t);
  std::size_t size;
  std::string key;
};

std::vector<Case> cases() {
  const auto random = [](std::size_t size) { return random_data(size); };
  const auto rows = [](std::size_t size) { return table_data(size); };
  const auto zeros = [](std::size_t size) { return std::string(size, '\0'); };
  std::vector<Case> all;
  for (const std::string& key : {std::string{}, kKey}) {
    const std::string how = key.empty() ? "clear" : "encrypted";
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kFrameBytes - 1, kFrameBytes,
                                   kFrameBytes + 1, std::size_t{256 << 10}, std::size_t{3'000'000}}) {
      const std::string end = "_" + std::to_string(size) + "_" + how;
      all.push_back({"random" + end, random, size, key});
      all.push_back({"rows" + end, rows, size, key});
      all.push_back({"zeros" + end, zeros, size, key});
    }
    all.push_back({"more_than_two_parts_" + how, random, 35'000'000, key});
  }
  return all;
}

class RoundTrip : public testing::TestWithParam<Case> {
 protected:
  std::string plain_ = GetParam().make(GetParam().size);
};
INSTANTIATE_TEST_SUITE_P(Sizes, RoundTrip, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(RoundTrip, GivesBackWhatWentIn) {
  MemoryStore store;

  const auto facts = write_artifact(store, "a", plain_, GetParam().key);
  const auto back = read_artifact(store, "a", facts, ring(GetParam().key));

  EXPECT_FALSE(back.error) << back.error->message;
  EXPECT_TRUE(back.plain == plain_);
}

TEST_P(RoundTrip, RecordsLengthsAndDigestsOfBothSides) {
  MemoryStore store;

  const auto facts = write_artifact(store, "a", plain_, GetParam().key);

  ArtifactFacts expected = facts;
  fit_stored(expected, store.objects["a"]);
  expected.plain_bytes = plain_.size();
  expected.plain_sha256 = sha256_hex(plain_);
  EXPECT_EQ(facts, expected);
  EXPECT_EQ(facts.encrypted(), !GetParam().key.empty());
}

TEST(Stream, IsReadInPiecesOfAnySize) {
  MemoryStore store;
  const std::string plain = table_data(70'000);
  const auto facts = write_artifact(store, "a", plain, kKey);

  for (const std::size_t piece : {1, 7, 4096, 70'000, 1'000'000})
    EXPECT_TRUE(read_artifact(store, "a", facts, ring(kKey), piece).plain == plain) << piece;
}

TEST(Stream, NoTwoArtifactsOfTheSameBytesAreAlike) {
  MemoryStore store;

  const auto first = write_artifact(store, "a", table_data(1000), kKey);
  const auto second = write_artifact(store, "b", table_data(1000), kKey);

  EXPECT_EQ(first.plain_sha256, second.plain_sha256);
  EXPECT_NE(first.wrapped_key, second.wrapped_key);
  EXPECT_NE(store.objects["a"].substr(kHeaderBytes), store.objects["b"].substr(kHeaderBytes));
}

TEST(Stream, AnyKeyOfTheRingDecrypts) {
  MemoryStore store;
  const auto facts = write_artifact(store, "a", "rows", kKey);

  EXPECT_EQ(read_artifact(store, "a", facts, KeyRing{{kOtherKey, kKey}}).plain, "rows");
}

TEST(Stream, WithoutItsKeyItNamesTheKeyThatIsMissing) {
  MemoryStore store;
  const auto facts = write_artifact(store, "a", "rows", kKey);

  const auto back = read_artifact(store, "a", facts, ring(kOtherKey));

  ASSERT_TRUE(back.error);
  EXPECT_EQ(back.error->cause, "StoreDenied");
  EXPECT_EQ(back.error->message,
            "a: is encrypted with key " + key_id(kKey) + ", which is none of this store's");
}

TEST(Stream, WhatIsNotFinishedIsNotStored) {
  MemoryStore store;

  {
    auto writer = ArtifactWriter::start(std::move(*store.create("a")), kKey, kLedger);
    ASSERT_TRUE((*writer)->append(table_data(3'000'000)));
  }

  EXPECT_TRUE(store.objects.empty());
}

/// Takes some bytes, then has no more room.
class FillingUpload final : public Upload {
 public:
  Result<> append(std::string_view bytes) override {
    taken_ += bytes.size();
    if (taken_ > 200'000) return no_space("a", "No space left on device");
    return {};
  }
  Result<> commit() override { return {}; }

 private:
  std::size_t taken_ = 0;
};

TEST(Stream, TheStoresErrorReachesTheProducer) {
  auto writer = ArtifactWriter::start(std::make_unique<FillingUpload>(), kKey, kLedger);

  Result<> done;
  for (unsigned i = 0; i < 1000 && done; ++i) done = (*writer)->append(random_data(100'000, i));

  EXPECT_THAT(done, FailsBy("NoSpace"));
  EXPECT_THAT((*writer)->append(random_data(600'000)), FailsBy("NoSpace"));
  EXPECT_THAT((*writer)->finish(), FailsBy("NoSpace"));
}

TEST(Stream, TheStoresErrorReachesAShortProducerAtTheEnd) {
  auto writer = ArtifactWriter::start(std::make_unique<FillingUpload>(), kKey, kLedger);

  ASSERT_TRUE((*writer)->append(random_data(260'000)));

  EXPECT_THAT((*writer)->finish(), FailsBy("NoSpace"));
}

/// stream.h promises that its text is enough to write a decoder from; this one knows nothing else.
TEST(Stream, ADecoderWrittenFromTheDescriptionReadsIt) {
  MemoryStore store;
  const std::string plain = table_data(1'000'000);
  write_artifact(store, "a", plain, "");
  const std::string& stored = store.objects["a"];

  std::string compressed;
  ASSERT_EQ(stored.substr(0, 8), "DBMART1\n");
  for (std::size_t at = 80, i = 0; at < stored.size(); at += 65552, ++i) {
    const std::string frame = stored.substr(at, 65552);
    const std::string content = frame.substr(0, frame.size() - 16);
    std::string nonce = stored.substr(16, 7) + std::string(2, '\0');
    nonce += static_cast<char>(i >> 8);
    nonce += static_cast<char>(i);
    nonce += static_cast<char>(at + frame.size() == stored.size());
    EXPECT_EQ(to_hex({reinterpret_cast<const unsigned char*>(frame.data()) + content.size(), 16}),
              sha256_hex(stored.substr(0, 80) + nonce + content).substr(0, 32));
    compressed += content;
  }
  std::string unpacked(plain.size(), '\0');
  EXPECT_EQ(ZSTD_decompress(unpacked.data(), unpacked.size(), compressed.data(), compressed.size()),
            plain.size());
  EXPECT_TRUE(unpacked == plain);
}

}  // namespace
}  // namespace dbm::artifact
