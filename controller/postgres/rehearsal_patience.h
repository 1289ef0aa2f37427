#pragma once
/// How long a rehearsal waits for the server and for locks. Private to rehearsal_try.cpp.

#include <algorithm>
#include <chrono>
#include <stop_token>

#include "base/deadline.h"
#include "postgres/lock_watch.h"
#include "postgres/pipeline.h"

namespace dbm::postgres {

/// Ends a wait when the time for holding locks is up, at the deadline, or when asked to stop; meanwhile looks
/// who is in the way.
class RehearsalPatience final : public Patience {
 public:
  RehearsalPatience(LockWatch& watch, Deadline deadline, const std::stop_token& stop)
      : watch_(watch), deadline_(deadline), stop_(stop), next_look_(watch.first_look()) {}
  [[nodiscard]] Deadline deadline() const override {
    return stop_.stop_requested() ? Deadline::after(std::chrono::milliseconds{0}) : deadline_;
  }
  [[nodiscard]] std::chrono::milliseconds first_look() const override {
    return std::min(kStopSeen, watch_.first_look());
  }
  std::chrono::milliseconds look(std::chrono::milliseconds quiet) override {
    if (quiet < looked_) next_look_ = watch_.first_look();  // something came in between: a new silence
    looked_ = quiet;
    if (quiet >= next_look_) next_look_ = quiet + watch_.look(quiet);
    return std::clamp(next_look_ - quiet, std::chrono::milliseconds{1}, kStopSeen);
  }

 private:
  /// A stop is seen that soon.
  static constexpr std::chrono::milliseconds kStopSeen{100};

  LockWatch& watch_;
  Deadline deadline_;
  const std::stop_token& stop_;
  std::chrono::milliseconds next_look_, looked_{0};
};

/// A lock that does not come must be told from a statement that takes too long, so the wait for it ends
/// first.
inline std::chrono::milliseconds lock_limit_within(std::chrono::milliseconds limit,
                                                   std::chrono::milliseconds left) {
  return std::max(std::chrono::milliseconds{1}, std::min(limit, left * 8 / 10));
}

}  // namespace dbm::postgres
