#pragma once
/// Time as it is passed down: one Deadline from the top, never a fresh timeout at each level.

#include <algorithm>
#include <chrono>
#include <string>

namespace dbm {

/// A point of the monotonic clock after which waiting is pointless.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline never() { return Deadline{Clock::time_point::max()}; }
  static Deadline after(Clock::duration span) {
    const auto now = Clock::now();
    return span >= Clock::time_point::max() - now ? never() : Deadline{now + span};
  }

  [[nodiscard]] bool is_never() const { return at_ == Clock::time_point::max(); }
  [[nodiscard]] bool passed() const { return !is_never() && Clock::now() >= at_; }
  /// Time left, never negative, never more than `most` (poll() and friends want a bound).
  [[nodiscard]] std::chrono::milliseconds left(std::chrono::milliseconds most = std::chrono::hours{1}) const {
    if (is_never()) return most;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    return std::clamp(rest, std::chrono::milliseconds{0}, most);
  }
  [[nodiscard]] Deadline earlier(Deadline other) const { return at_ < other.at_ ? *this : other; }
  [[nodiscard]] Clock::time_point point() const { return at_; }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

/// The world's clock, so that tests can set it. Safe to call from any thread.
class WallClock {
 public:
  virtual ~WallClock() = default;
  [[nodiscard]] virtual std::chrono::system_clock::time_point now() const {
    return std::chrono::system_clock::now();
  }
};

/// RFC 3339, UTC, whole seconds: "2026-11-25T15:40:22Z".
std::string to_rfc3339(std::chrono::system_clock::time_point at);
/// "20261125T154022Z".
std::string to_compact_utc(std::chrono::system_clock::time_point at);
/// Reads what to_rfc3339 wrote (fractions allowed); the epoch when it is no such text.
std::chrono::system_clock::time_point from_rfc3339(const std::string& text);

}  // namespace dbm
