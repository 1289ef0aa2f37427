#pragma once
/// How long a try may wait for a lock and how long to sleep before the next (docs/locks.md#schedule):
/// under 4 % of the time is spent in the server's lock queue, where everybody behind us waits too. Pure.

#include <chrono>
#include <functional>
#include <string>

#include "base/units.h"
#include "script/classify.h"

namespace dbm::postgres {

class LockSchedule {
 public:
  /// `most`: spec.apply.lockTimeout. `random` gives numbers in [0, 1).
  LockSchedule(Milliseconds most, std::function<double()> random) : most_(most), random_(std::move(random)) {}

  /// The lock time-out of the coming try: 100 ms doubled with each time-out, up to `most`. For statements
  /// that take SHARE UPDATE EXCLUSIVE it is `most` at once (they hold nobody up), for concurrent ones 0,
  /// which is none: a time-out would leave half an index behind.
  [[nodiscard]] Milliseconds limit(script::LockClass lock = script::LockClass::Brief) const;
  /// After a time-out: how long to hold nothing and sleep. 0.5 s doubled up to 60 s, give or take a half.
  Milliseconds time_out();
  /// After a success: the next script begins anew.
  void reset() { tries_ = 0; }
  [[nodiscard]] int tries() const { return tries_; }

 private:
  Milliseconds most_;
  std::function<double()> random_;
  int tries_ = 0;
};

/// "tried once", "tried 3 times".
std::string tried(int tries);

/// The tighter of two time-outs, where 0 (or nothing) means none.
Milliseconds tighter(Milliseconds a, Milliseconds b);

}  // namespace dbm::postgres
