// Whatever happens to stored bytes is found when they are read back, and nothing false is released before
// that.
#include <zstd.h>

#include "artifact/frame.h"
#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

constexpr std::size_t kPlainBytes = 700'000;

/// An artifact of several frames, and what reading a damaged copy of it gives.
class Damage : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    key_ = GetParam() ? kKey : "";
    plain_ = random_data(kPlainBytes / 2) + table_data(kPlainBytes / 2);
    facts_ = write_artifact(store_, "a", plain_, key_);
    stored_ = store_.objects["a"];
    ASSERT_GT(stored_.size(), kHeaderBytes + 5 * kSealedFrameBytes);
  }

  /// Damage is found, and what came out before is a beginning of the truth.
  void expect_found(const std::string& damaged, const std::string& what) {
    ASSERT_NE(damaged, stored_) << what;
    expect_found_with(facts_, damaged, what + ", manifest as it was");
    ArtifactFacts forged = facts_;
    fit_stored(forged, damaged);
    expect_found_with(forged, damaged, what + ", stored digests made to fit");
    store_.objects["a"] = damaged;
    EXPECT_THAT(check_stored(**store_.open("a"), "a", facts_), FailsBy("BackupCorrupt")) << what;
  }

  void expect_found_with(const ArtifactFacts& facts, const std::string& damaged, const std::string& what) {
    store_.objects["a"] = damaged;
    const auto back = read_artifact(store_, "a", facts, ring(key_));
    ASSERT_TRUE(back.error) << what;
    EXPECT_EQ(back.error->cause, "BackupCorrupt") << what;
    EXPECT_TRUE(back.error->message.starts_with("a: ")) << back.error->message;
    EXPECT_TRUE(plain_.starts_with(back.plain)) << what << ": false bytes were released";
  }

  [[nodiscard]] std::string frame(std::size_t i) const {
    return stored_.substr(kHeaderBytes + i * kSealedFrameBytes, kSealedFrameBytes);
  }
  [[nodiscard]] std::size_t frames() const {
    return (stored_.size() - kHeaderBytes + kSealedFrameBytes - 1) / kSealedFrameBytes;
  }
  [[nodiscard]] std::string joined(const std::vector<std::size_t>& order) const {
    std::string out = stored_.substr(0, kHeaderBytes);
    for (const std::size_t i : order) out += frame(i);
    return out;
  }
  [[nodiscard]] std::vector<std::size_t> in_order() const {
    std::vector<std::size_t> order(frames());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    return order;
  }

  MemoryStore store_;
  std::string key_, plain_, stored_;
  ArtifactFacts facts_;
};
INSTANTIATE_TEST_SUITE_P(Both, Damage, testing::Bool(),
                         [](const auto& i) { return i.param ? "encrypted" : "clear"; });

TEST_P(Damage, HundredsOfFlippedBitsAreFound) {
  std::mt19937 random{7};
  for (int i = 0; i < 300; ++i) {
    std::string damaged = stored_;
    const std::size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    expect_found(damaged, "bit flipped at " + std::to_string(at));
  }
}

TEST_P(Damage, EveryBitOfTheHeaderCounts) {
  for (std::size_t at = 0; at < kHeaderBytes; ++at) {
    std::string damaged = stored_;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    expect_found(damaged, "header byte " + std::to_string(at));
  }
}

TEST_P(Damage, ZeroedBlocksAreFound) {
  std::mt19937 random{8};
  for (const std::size_t size : {512, 4096}) {
    for (int i = 0; i < 40; ++i) {
      std::string damaged = stored_;
      const std::size_t at = random() % (damaged.size() - size);
      damaged.replace(at, size, size, '\0');
      expect_found(damaged, std::to_string(size) + " bytes zeroed at " + std::to_string(at));
    }
  }
}

TEST_P(Damage, CutTailsAreFound) {
  std::vector<std::size_t> lengths{0,
                                   1,
                                   kHeaderBytes - 1,
                                   kHeaderBytes,
                                   kHeaderBytes + 1,
                                   stored_.size() - 1,
                                   stored_.size() - kTagBytes,
                                   stored_.size() - kTagBytes - 1};
  for (std::size_t i = 1; i < frames(); ++i)
    for (const int off : {-1, 0, 1, 16, 17}) lengths.push_back(kHeaderBytes + i * kSealedFrameBytes + off);
  std::mt19937 random{9};
  for (int i = 0; i < 50; ++i) lengths.push_back(random() % stored_.size());

  for (const std::size_t length : lengths)
    expect_found(stored_.substr(0, length), "cut to " + std::to_string(length));
}

TEST_P(Damage, AppendedGarbageIsFound) {
  for (const std::size_t size : {1, 15, 16, 17, 100, 65552, 200'000})
    expect_found(stored_ + random_data(size), std::to_string(size) + " bytes appended");
  expect_found(stored_ + std::string(100, '\0'), "zeros appended");
  expect_found(stored_ + stored_, "doubled as a whole");
  expect_found(stored_ + frame(frames() - 1), "last frame doubled");
}

TEST_P(Damage, DroppedDoubledAndSwappedFramesAreFound) {
  for (std::size_t i = 0; i < frames(); ++i) {
    auto dropped = in_order();
    dropped.erase(dropped.begin() + static_cast<std::ptrdiff_t>(i));
    expect_found(joined(dropped), "dropped " + std::to_string(i));
    auto doubled = in_order();
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), i);
    expect_found(joined(doubled), "doubled " + std::to_string(i));
    for (std::size_t k = i + 1; k < frames(); ++k) {
      auto swapped = in_order();
      std::swap(swapped[i], swapped[k]);
      expect_found(joined(swapped), "swapped " + std::to_string(i) + " and " + std::to_string(k));
    }
  }
}

TEST_P(Damage, FramesOfAnotherArtifactAreFound) {
  write_artifact(store_, "b", plain_, key_);
  const std::string other = store_.objects["b"];

  for (std::size_t i = 0; i < frames(); ++i) {
    std::string mixed = stored_;
    mixed.replace(kHeaderBytes + i * kSealedFrameBytes, kSealedFrameBytes, other,
                  kHeaderBytes + i * kSealedFrameBytes, kSealedFrameBytes);
    expect_found(mixed, "frame of another artifact at " + std::to_string(i));
  }
  expect_found(other.substr(0, kHeaderBytes) + stored_.substr(kHeaderBytes), "header of another artifact");
  expect_found_with(facts_, other, "another artifact under this name");
}

TEST_P(Damage, AnArtifactOfAnotherLedgerIsRefused) {
  auto reader =
      ArtifactReader::start(std::move(*store_.open("a")), "a", facts_, "another ledger", ring(key_));

  ASSERT_THAT(reader, FailsBy("BackupCorrupt"));
  EXPECT_EQ(reader.error().message, "a: belongs to another ledger");
}

TEST_P(Damage, AFalseManifestIsFound) {
  const auto with = [&](auto change) {
    ArtifactFacts facts = facts_;
    change(facts);
    return facts;
  };
  const std::string digest = sha256_hex("something else");
  expect_found_with(with([&](auto& f) { f.plain_bytes += 1; }), stored_, "plainBytes");
  expect_found_with(with([&](auto& f) { f.plain_bytes -= 1; }), stored_, "plainBytes");
  expect_found_with(with([&](auto& f) { f.plain_sha256 = digest; }), stored_, "plainSha256");
  expect_found_with(with([&](auto& f) { f.bytes += 1; }), stored_, "bytes");
  expect_found_with(with([&](auto& f) { f.bytes -= 1; }), stored_, "bytes");
  expect_found_with(with([&](auto& f) { f.sha256 = digest; }), stored_, "sha256");
  expect_found_with(with([&](auto& f) { f.parts[0].sha256 = digest; }), stored_, "part");
  expect_found_with(with([&](auto& f) { f.parts.clear(); }), stored_, "no parts");
  expect_found_with(with([&](auto& f) { f.wrapped_key += "00"; }), stored_, "wrappedKey");
}

TEST_P(Damage, HundredsOfSoundArtifactsRaiseNoAlarm) {
  std::mt19937 random{10};
  for (int i = 0; i < 300; ++i) {
    const std::string plain = table_data(random() % 300'000, i) + random_data(random() % 200'000, i);
    MemoryStore store;
    const auto facts = write_artifact(store, "a", plain, key_);
    const auto back = read_artifact(store, "a", facts, ring(key_), 1 + random() % 200'000);
    ASSERT_FALSE(back.error) << back.error->message;
    ASSERT_TRUE(back.plain == plain);
  }
}

/// Seals compressed bytes of a forger's choice as our writer would.
std::string forge(std::string_view compressed) {
  Header header;
  header.nonce_prefix = "7 bytes";
  header.owner_tag = owner_tag_of(kLedger);
  FrameCipher cipher{header, ""};
  std::string out = header.encode();
  for (;;) {
    const auto piece = compressed.substr(0, kFrameBytes);
    compressed.remove_prefix(piece.size());
    EXPECT_TRUE(cipher.seal(piece, compressed.empty(), out));
    if (compressed.empty()) return out;
  }
}

std::string zstd_of(const std::string& plain, int window_log = 0) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};
  if (window_log != 0) {
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer in{plain.data(), plain.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    while (in.pos < in.size) ZSTD_compressStream2(context.get(), &to, &in, ZSTD_e_continue);
    while (ZSTD_compressStream2(context.get(), &to, &in, ZSTD_e_end) != 0) continue;
    out.resize(to.pos);
    return out;
  }
  out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), plain.data(), plain.size()));
  return out;
}

ReadBack read_forged(const std::string& stored, std::uint64_t plain_bytes, const std::string& plain_sha256) {
  MemoryStore store;
  store.objects["a"] = stored;
  ArtifactFacts facts;
  fit_stored(facts, stored);
  facts.plain_bytes = plain_bytes;
  facts.plain_sha256 = plain_sha256;
  return read_artifact(store, "a", facts, KeyRing{});
}

TEST(Bomb, UnpacksNoFurtherThanTheManifestSays) {
  const std::string bomb = forge(zstd_of(std::string(200 << 20, '\0')));
  ASSERT_LT(bomb.size(), 100'000U);

  const auto back = read_forged(bomb, 1'000'000, sha256_hex(""));

  ASSERT_TRUE(back.error);
  EXPECT_EQ(back.error->message, "a: unpacks to more than the 1000000 bytes its manifest names");
  EXPECT_LE(back.plain.size(), 1'000'000U);
}

TEST(Bomb, MayNotDemandAHugeWindow) {
  const std::string plain = random_data(1000);

  const auto back = read_forged(forge(zstd_of(plain, 27)), plain.size(), sha256_hex(plain));

  ASSERT_TRUE(back.error);
  EXPECT_EQ(back.error->cause, "BackupCorrupt");
}

TEST(Forged, ExactlyOneCompressedStreamIsRead) {
  const std::string plain = random_data(1000);
  const std::string sound = zstd_of(plain);
  ASSERT_FALSE(read_forged(forge(sound), plain.size(), sha256_hex(plain)).error);

  EXPECT_TRUE(read_forged(forge(sound + sound), plain.size(), sha256_hex(plain)).error);
  EXPECT_TRUE(read_forged(forge(sound + sound), 2 * plain.size(), sha256_hex(plain + plain)).error);
  EXPECT_TRUE(read_forged(forge(sound + "x"), plain.size(), sha256_hex(plain)).error);
  EXPECT_TRUE(read_forged(forge(sound.substr(0, sound.size() - 1)), plain.size(), sha256_hex(plain)).error);
  EXPECT_TRUE(read_forged(forge(random_data(1000)), plain.size(), sha256_hex(plain)).error);
}

TEST(Forged, AnEncryptedArtifactIsNotTakenForAClearOne) {
  MemoryStore store;
  const auto facts = write_artifact(store, "a", "rows", kKey);
  store.objects.clear();
  write_artifact(store, "a", "rows", "");

  EXPECT_EQ(read_artifact(store, "a", facts, ring(kKey)).error->cause, "BackupCorrupt");
}

TEST(Forged, AClearArtifactIsNoArtifactOfAStoreWithKeys) {
  MemoryStore store;
  const auto facts = write_artifact(store, "a", "rows", "");

  EXPECT_EQ(read_artifact(store, "a", facts, ring(kKey)).error->cause, "BackupCorrupt");
  EXPECT_EQ(read_artifact(store, "a", facts, KeyRing{{kKey}, true}).plain, "rows");
}

}  // namespace
}  // namespace dbm::artifact
