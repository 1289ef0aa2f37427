#include "postgres/run_context.h"

#include <algorithm>

namespace dbm::postgres {

Result<Rows> RunContext::ask_watch(std::string_view sql, std::span<const Param> params,
                                   std::chrono::milliseconds span) {
  constexpr std::chrono::seconds kPause{10};
  if (!watch->lost()) {
    auto rows = watch->exec(sql, params, Deadline::after(span), {});
    if (rows || !watch->lost()) return rows;
  }
  const auto now = std::chrono::steady_clock::now();
  const bool too_soon = reopened_ != std::chrono::steady_clock::time_point{} && now - reopened_ < kPause;
  if (too_soon || !reopen_watch) return connection_lost();
  reopened_ = now;
  if (auto opened = reopen_watch(); !opened) return opened.error();
  return watch->exec(sql, params, Deadline::after(span), {});
}

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
