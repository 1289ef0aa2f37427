#include "base/inject.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>

#ifndef DBM_INJECTION
#error "unit tests are built with injection points"
#endif

namespace dbm {
namespace {

struct Seen {
  bool failed = false;
  bool reply_lost = false;
};

Seen effect() {
  DBM_EFFECT_REPLY(send, "test.send");
  const Seen seen{send.must_fail(), send.reply_lost()};
  send.done();
  return seen;
}

/// The environment is read once, so each case runs in a process that begins anew.
class Injection : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void end(bool as_expected) { std::_Exit(as_expected ? 0 : 1); }

TEST_F(Injection, CrashesBeforeTheNamedOccurrence) {
  EXPECT_EXIT(
      {
        ::setenv("DBM_INJECT", "test.send:2:crash-before", 1);
        effect();
        std::fputs("first\n", stderr);
        effect();
        std::fputs("second\n", stderr);
      },
      testing::ExitedWithCode(86), "^first\n$");
}

void send_and_say_so() {
  DBM_EFFECT(send, "test.plain");
  std::fputs("sent\n", stderr);
  send.done();
  std::fputs("done\n", stderr);
}

TEST_F(Injection, CrashesAfterTheEffect) {
  EXPECT_EXIT(
      {
        ::setenv("DBM_INJECT", "other:1:error,test.plain:1:crash-after", 1);
        send_and_say_so();
      },
      testing::ExitedWithCode(86), "^sent\n$");
}

TEST_F(Injection, FailsLosesTheReplyAndWaits) {
  EXPECT_EXIT(
      {
        ::setenv("DBM_INJECT", "test.send:1:error,test.send:2:lose-reply,test.send:3:delay=30", 1);
        const Seen first = effect();
        const Seen second = effect();
        const auto before = std::chrono::steady_clock::now();
        const Seen third = effect();
        const auto waited = std::chrono::steady_clock::now() - before;
        end(first.failed && !first.reply_lost && !second.failed && second.reply_lost && !third.failed &&
            waited >= std::chrono::milliseconds{30});
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(Injection, LogsEveryPointItReaches) {
  EXPECT_EXIT(
      {
        ::setenv("DBM_INJECT_LOG", "/dev/stderr", 1);
        effect();
        effect();
        end(true);
      },
      testing::ExitedWithCode(0), "^test.send\ntest.send\n$");
}

TEST_F(Injection, ListsEachPointOnce) {
  std::vector<std::pair<std::string, std::uintptr_t>> points;
  for (const auto& point : inject::all_points()) points.emplace_back(point.name, point.has_reply);

  EXPECT_THAT(points, testing::ElementsAre(testing::Pair("test.plain", 0), testing::Pair("test.send", 1)));
}

}  // namespace
}  // namespace dbm
