#pragma once
/// Sessions for looking, kept from one look to the next: a connection costs five round trips, a password's
/// proof and a server process that knows nothing of the catalog yet.

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "migration/engine.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// Idle sessions, found again by exactly what they were connected with. Only such are kept as were seen to
/// reach the server without a pooler, are in no transaction and have just answered; and only while somebody
/// holds a keeper. Safe from any thread.
class LookSessions {
 public:
  LookSessions() = default;
  LookSessions(const LookSessions&) = delete;
  LookSessions& operator=(const LookSessions&) = delete;

  /// While it lives sessions are kept; when the last one goes they are closed. It must not outlive this.
  [[nodiscard]] std::shared_ptr<void> keep();
  /// A kept session, the caller's now. One that was silent for long is closed instead: whether something on
  /// the way has forgotten it would show only after half a minute.
  [[nodiscard]] std::optional<Session> take(const migration::Target& target);
  /// Keeps it, or closes it.
  void give_back(const migration::Target& target, Session session);
  /// Closes what is kept, where connections may be scarce.
  void close_all();

  /// Asks on a kept session or a new one: `ask(Session&)` gives a Result. It must only look, for it is asked
  /// once more on a new session when a kept one turns out to be lost. `keep`: nothing of the user's runs on
  /// it, so that nothing can stay behind in the session; it ends outside a transaction.
  template <class Ask>
  auto use(const migration::Target& target, bool keep, Deadline deadline, const std::stop_token& stop,
           Ask ask) -> decltype(ask(std::declval<Session&>())) {
    if (auto kept = take(target)) {
      auto answer = ask(*kept);
      if (answer && keep) give_back(target, std::move(*kept));
      if (answer || !kept_was_lost(answer.error())) return answer;
    }
    auto session = Session::connect(target, {"dbmigration/look", {}}, deadline, stop);
    if (!session) return session.error();
    auto answer = ask(*session);
    if (answer && keep) give_back(target, std::move(*session));
    return answer;
  }

 private:
  struct Kept {
    std::map<std::string, std::string> keywords;
    Session session;
  };

  static bool kept_was_lost(const Error& error) { return error.failure_reason() == "ConnectionLost"; }
  void let_go();

  std::mutex mutex_;
  std::vector<Kept> idle_;  // the newest last
  std::size_t keepers_ = 0;
};

}  // namespace dbm::postgres
