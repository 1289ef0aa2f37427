#pragma once
/// A descriptor that becomes readable when a stop is requested, so that poll() need not be called in slices.

#include <stop_token>

namespace dbm::postgres {

/// One eventfd. Not copyable, not movable; one waiter at a time.
class Wake {
 public:
  Wake();
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  void signal() const;
  void drain() const;

 private:
  int fd_;
};

}  // namespace dbm::postgres
