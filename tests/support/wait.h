#pragma once
/// Waiting in tests: polling with a deadline, never a fixed sleep.

#include <chrono>
#include <functional>

namespace dbm::test {

/// Long enough for a loaded machine; a test that passes never waits it out.
constexpr std::chrono::milliseconds kPatience{20'000};

/// Asks every few milliseconds until `condition` holds. False when it still does not hold after `within`.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds within = kPatience);

}  // namespace dbm::test
