#include "script/digest_aside.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace dbm::script {
namespace {

/// Handed over at a time: waking a thread costs as much as digesting a few KiB.
constexpr std::size_t kPortion = std::size_t{64} << 10;

}  // namespace

/// One buffer is filled while the other is digested.
class DigestAside::Helper {
 public:
  /// Throws std::system_error where no thread is to be had.
  Helper() {
    filling_.reserve(kPortion);
    digested_.reserve(kPortion);
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }

  void update(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view taken = bytes.substr(0, kPortion - filling_.size());
      filling_.append(taken);
      bytes.remove_prefix(taken.size());
      if (filling_.size() == kPortion) hand_over();
    }
  }

  std::string finish_hex() {
    hand_over();
    wait_for_helper();
    return sha_.finish_hex();
  }

 private:
  void wait_for_helper() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !handed_over_; });
  }

  void hand_over() {
    wait_for_helper();  // from here to the next line the helper touches neither buffer
    std::swap(filling_, digested_);
    filling_.clear();
    {
      const std::lock_guard lock{mutex_};
      handed_over_ = true;
    }
    changed_.notify_one();
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (changed_.wait(lock, stop, [this] { return handed_over_; })) {
      lock.unlock();
      sha_.update(digested_);
      lock.lock();
      handed_over_ = false;
      changed_.notify_one();
    }
  }

  Sha256 sha_;  ///< The helper's while handed_over_, ours otherwise; so is digested_.
  std::string digested_;
  std::string filling_;  ///< Ours.
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool handed_over_ = false;
  std::jthread thread_;  ///< Last: it is joined before the rest goes.
};

DigestAside::DigestAside() = default;
DigestAside::DigestAside(DigestAside&&) noexcept = default;
DigestAside& DigestAside::operator=(DigestAside&&) noexcept = default;
DigestAside::~DigestAside() = default;

void DigestAside::go_aside() {
  if (helper_ != nullptr || std::thread::hardware_concurrency() < 2) return;
  try {
    helper_ = std::make_unique<Helper>();
  } catch (const std::system_error&) {
    // Here then: slower, and the same digest.
  }
}

void DigestAside::update(std::string_view bytes) {
  if (helper_ != nullptr)
    helper_->update(bytes);
  else
    sha_.update(bytes);
}

std::string DigestAside::finish_hex() {
  return helper_ != nullptr ? helper_->finish_hex() : sha_.finish_hex();
}

}  // namespace dbm::script
