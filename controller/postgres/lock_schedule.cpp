#include "postgres/lock_schedule.h"

#include <algorithm>

namespace dbm::postgres {
namespace {

constexpr Milliseconds kFirstLimit{100}, kFirstSleep{500}, kLongestSleep{60'000};
constexpr int kMostDoublings = 20;  // far beyond either cap, far below an overflow

Milliseconds doubled(Milliseconds first, int times, Milliseconds most) {
  return std::min(most, first * (std::int64_t{1} << std::min(times, kMostDoublings)));
}

}  // namespace

Milliseconds LockSchedule::limit(script::LockClass lock) const {
  if (lock == script::LockClass::Concurrent) return Milliseconds{0};
  // 0 would mean no limit at all, and there is never a try without one.
  const Milliseconds most = std::max(most_, Milliseconds{1});
  if (lock == script::LockClass::ShareUpdateExclusive) return most;
  return doubled(kFirstLimit, tries_, most);
}

Milliseconds LockSchedule::time_out() {
  const Milliseconds middle = doubled(kFirstSleep, tries_, kLongestSleep);
  ++tries_;
  return Milliseconds{static_cast<std::int64_t>(static_cast<double>(middle.count()) * (0.5 + random_()))};
}

std::string tried(int tries) {
  return tries == 1 ? "tried once" : "tried " + std::to_string(tries) + " times";
}

Milliseconds tighter(Milliseconds a, Milliseconds b) {
  if (a.count() <= 0) return std::max(b, Milliseconds{0});
  if (b.count() <= 0) return a;
  return std::min(a, b);
}

}  // namespace dbm::postgres
