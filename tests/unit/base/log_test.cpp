#include "base/log.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/redact.h"

namespace dbm {
namespace {

/// What one entry puts on standard error, without its time.
std::string logged(log::Format format, log::Level level, std::string_view message, log::Fields fields = {}) {
  log::configure(log::Level::Info, format);
  testing::internal::CaptureStderr();
  log::write(level, message, fields);
  std::string line = testing::internal::GetCapturedStderr();
  const std::size_t time = format == log::Format::Json ? std::string_view("{\"time\":\"").size() : 0;
  if (line.empty()) return line;
  EXPECT_THAT(line.substr(time, 20), testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"));
  return line.replace(time, 20, "TIME");
}

TEST(Log, WritesTextLinesForPeople) {
  EXPECT_EQ(
      logged(log::Format::Text, log::Level::Info, "applied 0001", {{"script", "0001_a.sql"}, {"rows", "3"}}),
      "TIME INFO  applied 0001 script=0001_a.sql rows=3\n");
  EXPECT_EQ(logged(log::Format::Text, log::Level::Error, "x"), "TIME ERROR x\n");
}

TEST(Log, QuotesAValueThatCouldBeMisread) {
  EXPECT_EQ(logged(log::Format::Text, log::Level::Warning, "m",
                   {{"a", "two words"}, {"b", ""}, {"c", "k=v"}, {"d", "say \"x\""}}),
            "TIME WARN  m a=\"two words\" b=\"\" c=\"k=v\" d=\"say \\\"x\\\"\"\n");
}

TEST(Log, LetsNoForeignTextBeginALineOrMoveTheCursor) {
  EXPECT_EQ(logged(log::Format::Text, log::Level::Info, "a\nTIME INFO  forged \"q\" \\ \x1b[2J\x7f",
                   {{"v", "x\ny"}}),
            "TIME INFO  a\\nTIME INFO  forged \"q\" \\\\ \\u001b[2J\\u007f v=\"x\\ny\"\n");
}

TEST(Log, WritesJsonThatNothingCanBreakOutOf) {
  const std::string hostile = "\",\"level\":\"none\n\xff";
  const auto line = logged(log::Format::Json, log::Level::Info, hostile, {{"key", hostile}});

  const auto json = nlohmann::json::parse(line);

  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(json["level"], "INFO");
  EXPECT_EQ(json["message"], "\",\"level\":\"none\n\xef\xbf\xbd");
  EXPECT_EQ(json["key"], json["message"]);
}

TEST(Log, ScrubsSecretsBeforeItEscapesThem) {
  redact::remember("log\"secret\\");

  EXPECT_EQ(logged(log::Format::Text, log::Level::Info, "is log\"secret\\", {{"k", "log\"secret\\"}}),
            "TIME INFO  is [redacted] k=[redacted]\n");
  EXPECT_EQ(logged(log::Format::Json, log::Level::Info, "is log\"secret\\"),
            "{\"time\":\"TIME\",\"level\":\"INFO\",\"message\":\"is [redacted]\"}\n");
}

TEST(Log, IsSilentBelowItsLevel) { EXPECT_EQ(logged(log::Format::Text, log::Level::Debug, "x"), ""); }

}  // namespace
}  // namespace dbm
