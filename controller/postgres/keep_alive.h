#pragma once
/// Keeps the *work* session from falling silent while a run does something else (a backup takes minutes): the
/// server ends a session that is idle for 60 s, so that the lock of a paused process gets free.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "postgres/session.h"

namespace dbm::postgres {

/// Pings with its own thread whenever nobody uses the session. Whoever uses it holds use() meanwhile.
class KeepAlive {
 public:
  /// `session` must outlive this.
  explicit KeepAlive(Session& session);
  ~KeepAlive();
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;

  /// Until it goes the session is the caller's alone.
  [[nodiscard]] std::unique_lock<std::mutex> use() { return std::unique_lock{mutex_}; }

 private:
  void loop(const std::stop_token& stop);

  Session& session_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses what is above
};

}  // namespace dbm::postgres
