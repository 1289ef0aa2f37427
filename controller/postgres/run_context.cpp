#include "postgres/run_context.h"

#include <algorithm>

namespace dbm::postgres {

Result<> sleep_alive(RunContext& run, std::chrono::milliseconds span, Deadline deadline,
                     const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kSlice{10'000};
  while (span.count() > 0) {
    const auto slice = std::min(span, kSlice);
    const auto rested = rest(slice, deadline, stop);
    if (!rested) return rested;
    span -= slice;
    if (slice < kSlice && span.count() == 0 && Deadline::Clock::now() - run.work->last_used() < kSlice)
      return {};
    const auto ping = run.work->exec("SELECT 1", Deadline::after(std::chrono::seconds{10}));
    if (!ping) return ping.error();
  }
  return {};
}

}  // namespace dbm::postgres
