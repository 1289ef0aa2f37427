#include "postgres/lock_schedule.h"

#include <gtest/gtest.h>

namespace dbm::postgres {
namespace {

using script::LockClass;

LockSchedule schedule(Milliseconds most = Milliseconds{2000}, double random = 0.5) {
  return LockSchedule(most, [random] { return random; });
}

TEST(LockSchedule, DoublesTheLimitFrom100MillisecondsUpToTheSpecs) {
  auto s = schedule();
  std::vector<std::int64_t> limits;
  for (int i = 0; i < 7; ++i) {
    limits.push_back(s.limit().count());
    s.time_out();
  }
  EXPECT_EQ(limits, (std::vector<std::int64_t>{100, 200, 400, 800, 1600, 2000, 2000}));
}

TEST(LockSchedule, SleepsHalfASecondDoubledUpToAMinuteForEver) {
  auto s = schedule();
  std::vector<std::int64_t> sleeps;
  for (int i = 0; i < 9; ++i) sleeps.push_back(s.time_out().count());
  EXPECT_EQ(sleeps, (std::vector<std::int64_t>{500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}));
  for (int i = 0; i < 10000; ++i) s.time_out();
  EXPECT_EQ(s.limit().count(), 2000);
}

TEST(LockSchedule, JittersBySomethingBetweenHalfAndOneAndAHalf) {
  EXPECT_EQ(schedule(Milliseconds{2000}, 0.0).time_out().count(), 250);
  EXPECT_EQ(schedule(Milliseconds{2000}, 0.999).time_out().count(), 749);
}

TEST(LockSchedule, SpendsUnderFourPercentOfTheTimeInTheQueue) {
  auto s = schedule();
  Milliseconds queued{0}, slept{0};
  for (int i = 0; i < 60; ++i) {
    queued += s.limit();
    slept += s.time_out();
  }
  EXPECT_LT(queued.count() * 100, (queued + slept).count() * 4);
}

TEST(LockSchedule, NeverGrowsForStatementsThatHoldNobodyUp) {
  auto s = schedule();
  EXPECT_EQ(s.limit(LockClass::ShareUpdateExclusive).count(), 2000);
  s.time_out();
  EXPECT_EQ(s.limit(LockClass::ShareUpdateExclusive).count(), 2000);
}

TEST(LockSchedule, HasNoLimitForConcurrentStatementsAndAlwaysOneForOthers) {
  EXPECT_EQ(schedule().limit(LockClass::Concurrent).count(), 0);
  EXPECT_EQ(schedule(Milliseconds{0}).limit().count(), 1);
}

TEST(LockSchedule, BeginsAnewWithTheNextScript) {
  auto s = schedule();
  s.time_out();
  s.time_out();
  s.reset();
  EXPECT_EQ(s.limit().count(), 100);
}

TEST(Tighter, TakesZeroForNoLimit) {
  EXPECT_EQ(tighter(Milliseconds{0}, Milliseconds{5}).count(), 5);
  EXPECT_EQ(tighter(Milliseconds{7}, Milliseconds{0}).count(), 7);
  EXPECT_EQ(tighter(Milliseconds{7}, Milliseconds{5}).count(), 5);
  EXPECT_EQ(tighter(Milliseconds{0}, Milliseconds{0}).count(), 0);
}

TEST(Tried, CountsInWords) {
  EXPECT_EQ(tried(1), "tried once");
  EXPECT_EQ(tried(2), "tried 2 times");
}

}  // namespace
}  // namespace dbm::postgres
