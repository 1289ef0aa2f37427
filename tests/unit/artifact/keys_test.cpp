#include "artifact/keys.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

namespace fs = std::filesystem;

TEST(Keys, AreThirtyTwoBytesRawOrInBase64) {
  const std::string key = random_data(32);

  EXPECT_EQ(*parse_key(key, "here"), key);
  EXPECT_EQ(*parse_key(to_base64(key), "here"), key);
  EXPECT_EQ(*parse_key(to_base64(key) + "\n", "here"), key);
}

TEST(Keys, AnythingElseIsOneClearError) {
  const auto message = [](const std::string& text) {
    const auto failed = parse_key(text, "Secret store-key, key current");
    EXPECT_FALSE(failed);
    EXPECT_EQ(failed.error().reason, "InvalidSpec");
    EXPECT_EQ(failed.error().cause, "InvalidValue");
    return failed.error().message;
  };

  EXPECT_EQ(message("not b64!!"),
            "Secret store-key, key current: must be a key of 32 bytes, raw or in base64; this has 9 bytes");
  EXPECT_EQ(message(""),
            "Secret store-key, key current: must be a key of 32 bytes, raw or in base64; this has 0 bytes");
  EXPECT_EQ(message(to_base64("sixteen bytes...")),
            "Secret store-key, key current: must be a key of 32 bytes, raw or in base64; this has 16 bytes "
            "after base64");
}

TEST(Keys, AKeyIsNamedByItsDigest) { EXPECT_EQ(key_id(kKey), sha256_hex(kKey).substr(0, 16)); }

TEST(Keys, OnlyTheKeyThatWrappedUnwraps) {
  const std::string data_key = random_data(32);
  const std::string wrapped = wrap_key(kKey, data_key);

  EXPECT_EQ(wrapped.size(), kWrappedKeyBytes);
  EXPECT_EQ(unwrap_key(kKey, wrapped), data_key);
  EXPECT_EQ(unwrap_key(kOtherKey, wrapped), "");
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    std::string damaged = wrapped;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(unwrap_key(kKey, damaged), "");
  }
  EXPECT_EQ(unwrap_key(kKey, ""), "");
}

/// RFC 5869, test case 3: SHA-256 without salt and info.
TEST(Keys, AreDerivedByHkdf) {
  EXPECT_EQ(to_hex(std::span{
                reinterpret_cast<const unsigned char*>(derive_key(std::string(22, '\x0b'), "").data()), 32}),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
  EXPECT_NE(derive_key(kKey, "one purpose"), derive_key(kKey, "another"));
}

class KeyFileTest : public testing::Test {
 protected:
  Result<TempDir> temp_ = TempDir::make("dbm-keys");
  fs::path file_ = (*temp_).path() / "state" / "dbm" / "store.key";
};

TEST_F(KeyFileTest, IsMadeOnceForTheOwnerAlone) {
  const auto first = load_or_make_key_file(file_);
  const auto second = load_or_make_key_file(file_);

  ASSERT_TRUE(first && second);
  EXPECT_EQ((*first).origin, KeyFile::Made);
  EXPECT_EQ((*second).origin, KeyFile::Existed);
  EXPECT_EQ((*first).key, (*second).key);
  EXPECT_EQ((*first).key.size(), kKeyBytes);
  EXPECT_EQ(static_cast<unsigned>(fs::status(file_).permissions()), 0600U);
  EXPECT_EQ(static_cast<unsigned>(fs::status(file_.parent_path()).permissions()), 0700U);
  EXPECT_EQ(std::distance(fs::directory_iterator(file_.parent_path()), {}), 1);
}

TEST_F(KeyFileTest, ManyAtOnceEndWithOneKey) {
  std::array<std::string, 8> keys;
  {
    std::vector<std::jthread> threads;
    for (auto& key : keys) threads.emplace_back([&] { key = (*load_or_make_key_file(file_)).key; });
  }

  for (const auto& key : keys) EXPECT_EQ(key, keys.front());
}

TEST_F(KeyFileTest, AMissingOrUnusableFileIsNamed) {
  const auto missing = load_key_file(file_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, "WaitingForReference");
  EXPECT_EQ(missing.error().cause, "NotFound");
  EXPECT_EQ(missing.error().message, "key file " + file_.string() + ": No such file or directory");

  fs::create_directories(file_.parent_path());
  std::ofstream(file_) << "not a key";
  const auto unusable = load_or_make_key_file(file_);
  ASSERT_FALSE(unusable);
  EXPECT_EQ(unusable.error().message,
            "key file " + file_.string() + ": must be a key of 32 bytes, raw or in base64; this has 9 bytes");
}

}  // namespace
}  // namespace dbm::artifact
