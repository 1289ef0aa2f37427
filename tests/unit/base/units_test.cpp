#include "base/units.h"

#include <gtest/gtest.h>

#include "base/deadline.h"

namespace dbm {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreReadAsManifestsWriteThem) {
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("1m500ms"), 60'500ms);
  EXPECT_EQ(*parse_duration("0s"), 0ms);
  EXPECT_EQ(*parse_duration("8784h"), std::chrono::hours{8784});
}

TEST(Durations, AreRefusedWhenTheyAreAnythingElse) {
  for (const char* const text :
       {"", "90", "-1s", "-0s", "1.5h", "1h1h", "1m1h", "1 s", "s", "1d", "8785h", "99999999999999999999s"}) {
    const auto read = parse_duration(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().reason, "InvalidSpec");
    EXPECT_EQ(read.error().cause, "InvalidValue");
  }
}

TEST(Durations, AreWrittenSoThatTheyReadBack) {
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(0ms), "0s");
  EXPECT_EQ(format_duration(-5ms), "0s");
  for (const Milliseconds span : {1ms, 999ms, 1'001ms, 3'600'000ms, 5'025'007ms})
    EXPECT_EQ(*parse_duration(format_duration(span)), span);
}

TEST(Sizes, AreReadAsQuantities) {
  EXPECT_EQ(*parse_bytes("0"), 0u);
  EXPECT_EQ(*parse_bytes("1024"), 1024u);
  EXPECT_EQ(*parse_bytes("50Gi"), std::uint64_t{50} << 30);
  EXPECT_EQ(*parse_bytes("512M"), 512'000'000u);
  EXPECT_EQ(*parse_bytes("1.5Gi"), std::uint64_t{3} << 29);
  EXPECT_EQ(*parse_bytes("0.001k"), 1u);
  EXPECT_EQ(*parse_bytes("1.125Ei"), (std::uint64_t{1} << 60) + (std::uint64_t{1} << 57));
}

TEST(Sizes, AreRefusedWhenTheyAreNotWholeBytesOrAnythingElse) {
  for (const char* const text : {"", "-1", "-0", "1.5", "0.0001k", "1.Gi", ".5Gi", "1e3", "5GB", "5 Gi",
                                 "8Ei", "99999999999999999999", "Gi"})
    EXPECT_FALSE(parse_bytes(text)) << text;
}

TEST(Sizes, AreWrittenForPeople) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{340} << 20), "340 MiB");
}

TEST(Deadlines, AreNeverNegativeAndNeverLongerThanAsked) {
  EXPECT_EQ(Deadline::never().left(5ms), 5ms);
  EXPECT_EQ(Deadline::after(-1s).left(), 0ms);
  EXPECT_TRUE(Deadline::after(-1s).passed());
  EXPECT_TRUE(Deadline::after(Deadline::Clock::duration::max()).is_never());
  EXPECT_FALSE(Deadline::never().passed());
  const auto soon = Deadline::after(1s);
  EXPECT_EQ(Deadline::never().earlier(soon).point(), soon.point());
}

TEST(Times, AreWrittenAndReadInUtc) {
  const auto at = std::chrono::system_clock::from_time_t(1795621222);
  EXPECT_EQ(to_rfc3339(at), "2026-11-25T15:40:22Z");
  EXPECT_EQ(to_compact_utc(at), "20261125T154022Z");
  EXPECT_EQ(from_rfc3339("2026-11-25T15:40:22Z"), at);
  EXPECT_EQ(from_rfc3339("2026-11-25T15:40:22.123456Z"), at);
  EXPECT_EQ(from_rfc3339("yesterday"), std::chrono::system_clock::time_point{});
}

TEST(Errors, AreToldFromTheOutsideIn) {
  const Error error{ErrorKind::Terminal, "ApplyFailed", "no such table"};

  const Error outer = error.during("statement 3").during("apply 0007.sql").with_position({"0007.sql", 3, 9});

  EXPECT_EQ(outer.message, "apply 0007.sql: statement 3: no such table");
  EXPECT_EQ(to_string(outer.at), "0007.sql:3:9");
  EXPECT_EQ(to_string(Position{"a.sql", 3, 0}), "a.sql:3");
  EXPECT_EQ(outer.failure_reason(), "ApplyFailed");
}

}  // namespace
}  // namespace dbm
