#pragma once

#include <mutex>
#include <utility>

namespace dbm {

/// A value that cannot be touched without its mutex.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  /// Calls `f` with the value, under the lock. `f` must not call back into this Guarded.
  template <class F>
  decltype(auto) with(F&& f) {
    const std::scoped_lock lock{mutex_};
    return std::forward<F>(f)(value_);
  }

 private:
  std::mutex mutex_;
  T value_{};
};

}  // namespace dbm
