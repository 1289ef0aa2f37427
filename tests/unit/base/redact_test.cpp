#include "base/redact.h"

#include <gtest/gtest.h>

#include "base/digest.h"

namespace dbm {
namespace {

TEST(Redact, TakesASecretOutRawUrlEncodedAndInBase64) {
  redact::remember("p@ss w/rd?");

  EXPECT_EQ(redact::scrub("a p@ss w/rd? b"), "a [redacted] b");
  EXPECT_EQ(redact::scrub("postgres://u:p%40ss%20w%2Frd%3F@h/d"), "postgres://u:[redacted]@h/d");
  EXPECT_EQ(redact::scrub("u:p%40ss%20w%2frd%3f@h"), "u:[redacted]@h");
  EXPECT_EQ(redact::scrub("data: " + to_base64("p@ss w/rd?")), "data: [redacted]==");
}

TEST(Redact, TakesThePasswordOutOfAUrlItWasTold) {
  redact::remember("postgres://app:t%6Fpsecret@db:5432/orders");

  EXPECT_EQ(redact::scrub("password topsecret"), "password [redacted]");
  EXPECT_EQ(redact::scrub("password t%6Fpsecret of app"), "password [redacted] of app");
  EXPECT_EQ(redact::scrub("postgres://app:t%6Fpsecret@db:5432/orders"), "[redacted]");
}

TEST(Redact, IgnoresTheLineEndOfAFile) {
  redact::remember("from-a-file\n");

  EXPECT_EQ(redact::scrub("from-a-file!"), "[redacted]!");
}

TEST(Redact, CoversSecretsThatOverlap) {
  redact::remember("overlap-one");
  redact::remember("one-two-three");

  EXPECT_EQ(redact::scrub("<overlap-one-two-three>"), "<[redacted]>");
}

TEST(Redact, LeavesOrdinaryTextAlone) {
  redact::remember("abc");
  redact::remember("");

  EXPECT_EQ(redact::scrub("abc of the table"), "abc of the table");
}

}  // namespace
}  // namespace dbm
