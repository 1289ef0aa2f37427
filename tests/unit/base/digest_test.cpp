#include "base/digest.h"

#include <gmock/gmock.h>

namespace dbm {
namespace {

TEST(Sha256, GivesThePublishedDigests) {
  // FIPS 180-2, appendix B.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, BeginsAnewAfterADigest) {
  Sha256 sha;
  sha.update("ab");
  sha.update("c");
  const auto first = sha.finish_hex();
  sha.update("abc");

  EXPECT_EQ(sha.finish_hex(), first);
  EXPECT_EQ(first, sha256_hex("abc"));
}

TEST(Hmac, GivesThePublishedCodes) {
  // RFC 4231, case 2.
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Base64, IsWrittenAndReadForEveryLength) {
  // RFC 4648, 10.
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const auto read = from_base64(to_base64(bytes));
    ASSERT_TRUE(read) << i;
    EXPECT_EQ(*read, bytes);
    bytes += static_cast<char>(i);
  }
}

TEST(Base64, AllowsLineEndsAndBlanks) { EXPECT_EQ(*from_base64(" Zm9v\r\n YmFy\n"), "foobar"); }

TEST(Base64, RefusesWhatIsNone) {
  for (const char* const text :
       {"Zg", "Zg=", "Zg===", "=", "====", "Zg==Zg==", "Zm9v----", "Zm9v-_==", "Zm=v", "pässword"}) {
    const auto read = from_base64(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().message, "must be base64");
  }
}

TEST(Uuids, HaveTheirVersionAndVariant) {
  const std::string hex = "[0-9a-f]";
  const auto uuid = [&](const std::string& version) {
    return testing::MatchesRegex(hex + "{8}-" + hex + "{4}-" + version + hex + "{3}-[89ab]" + hex + "{3}-" +
                                 hex + "{12}");
  };
  EXPECT_THAT(random_uuid(), uuid("4"));
  EXPECT_THAT(named_uuid("local/default/orders"), uuid("5"));
  EXPECT_NE(random_uuid(), random_uuid());
}

TEST(Uuids, OfANameNeverChange) {
  EXPECT_EQ(named_uuid("local/default/orders"), named_uuid("local/default/orders"));
  EXPECT_NE(named_uuid("local/default/orders"), named_uuid("local/default/order"));
}

}  // namespace
}  // namespace dbm
