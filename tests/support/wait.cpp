#include "support/wait.h"

#include <thread>

namespace dbm::test {

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds within) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + within;
  for (;;) {
    if (condition()) return true;
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{3});
  }
}

}  // namespace dbm::test
