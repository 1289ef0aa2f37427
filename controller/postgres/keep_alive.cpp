#include "postgres/keep_alive.h"

#include <chrono>

namespace dbm::postgres {
namespace {

using std::chrono::seconds;
constexpr seconds kLook{5}, kSilence{10};  // never silent for longer than 15 s, half of what is allowed

}  // namespace

KeepAlive::KeepAlive(Session& session)
    : session_(session), thread_([this](const std::stop_token& stop) { loop(stop); }) {}

KeepAlive::~KeepAlive() {
  thread_.request_stop();
  thread_.join();
}

void KeepAlive::loop(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    // The mutex is free while this waits; it comes back only when no verb uses the session.
    wake_.wait_for(lock, stop, kLook, [] { return false; });
    if (stop.stop_requested() || session_.lost()) return;
    if (Deadline::Clock::now() - session_.last_used() < kSilence) continue;
    // A failed ping marks the session lost, and the lock with it: the next verb says so.
    (void)session_.exec("SELECT 1", Deadline::after(seconds{30}), stop);
  }
}

}  // namespace dbm::postgres
