#include "postgres/look_sessions.h"

#include <algorithm>

namespace dbm::postgres {
namespace {

constexpr std::size_t kMost = 8;
constexpr std::chrono::seconds kFresh{15};

}  // namespace

std::shared_ptr<void> LookSessions::keep() {
  const std::lock_guard lock{mutex_};
  ++keepers_;
  return {this, [](LookSessions* sessions) { sessions->let_go(); }};
}

void LookSessions::let_go() {
  std::vector<Kept> closed;  // after the lock: closing talks to the server
  const std::lock_guard lock{mutex_};
  if (--keepers_ == 0) closed.swap(idle_);
}

std::optional<Session> LookSessions::take(const migration::Target& target) {
  std::vector<Kept> closed;
  std::optional<Session> taken;
  const std::lock_guard lock{mutex_};
  const auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                                  [&](const Kept& kept) { return kept.keywords == target.keywords; });
  if (found == idle_.rend()) return taken;
  if (Deadline::Clock::now() - found->session.last_used() < kFresh)
    taken.emplace(std::move(found->session));
  else
    closed.push_back(std::move(*found));
  idle_.erase(std::next(found).base());
  return taken;
}

void LookSessions::give_back(const migration::Target& target, Session session) {
  const bool idle = !session.lost() && PQtransactionStatus(session.raw()) == PQTRANS_IDLE;
  if (!idle || !session.is_direct()) return;
  const std::lock_guard lock{mutex_};
  if (keepers_ == 0 || idle_.size() == kMost) return;
  idle_.push_back({target.keywords, std::move(session)});
}

void LookSessions::close_all() {
  std::vector<Kept> closed;
  const std::lock_guard lock{mutex_};
  closed.swap(idle_);
}

}  // namespace dbm::postgres
