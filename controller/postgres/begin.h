#pragma once
/// How a run begins (docs/exactly-once.md#begin): two connections, the run lock, the ledger, a new epoch.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "migration/engine.h"
#include "postgres/keep_alive.h"
#include "postgres/look.h"
#include "postgres/look_sessions.h"
#include "postgres/run_context.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// What a run holds. Destroying it gives the lock back. Not movable: threads and pointers lead into it.
class Holding {
 public:
  /// Waiting/WaitingForLock; Terminal words of docs/status.md#causes (ForeignSchema, OtherOwner,
  /// IdentityChanged, LedgerNewer, SuperuserLogin, InsufficientPrivilege, TransactionPooling, ServerTooOld);
  /// Transient for a standby and the network.
  /// A session kept in `looks` for the same target spares waiting: both are then opened at once.
  static Result<std::unique_ptr<Holding>> take(const migration::RunRequest& request, Deadline deadline,
                                               const std::stop_token& stop, LookSessions* looks = nullptr);

  ~Holding();
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  [[nodiscard]] RunContext& context() { return context_; }
  /// While it is held the session *work* is the caller's alone.
  [[nodiscard]] std::unique_lock<std::mutex> use_work() { return keep_alive_->use(); }
  /// The session lent by `looks`, while there is one: it was found to be on the same server and database as
  /// `work`.
  [[nodiscard]] std::optional<Session> lend_looker() { return std::exchange(looker_, std::nullopt); }
  /// Gives the run lock back, now, with an answer.
  Result<> release();
  [[nodiscard]] const migration::RunRequest& request() const { return request_; }

 private:
  explicit Holding(migration::RunRequest request);
  Result<> open_sessions(Deadline deadline, const std::stop_token& stop);
  bool open_together(Deadline deadline, const std::stop_token& stop);
  Result<> open_watch(bool& options_refused, Deadline deadline, const std::stop_token& stop);
  Result<> open_watch_again();
  Result<> open_work(bool options_refused, Deadline deadline, const std::stop_token& stop);
  /// Who looks while the run begins.
  Session& looker() { return looker_ && !looker_->lost() ? *looker_ : *watch_; }
  Result<> lock_ledger(Deadline deadline, const std::stop_token& stop);
  Result<> make_ledger(Deadline deadline, const std::stop_token& stop);
  Result<> lock(std::int64_t key, Deadline deadline, const std::stop_token& stop);
  Result<> take_epoch(Deadline deadline, const std::stop_token& stop);
  struct Seen {  // the last look
    Look look;
  };

  migration::RunRequest request_;
  std::string run_name_;  ///< what the sessions are called; the run's id unless an open run is taken up
  std::optional<Session> watch_, work_;
  std::optional<Session> looker_;  ///< lent by `looks` while the run begins
  std::unique_ptr<Seen> seen_;
  RunContext context_;
  std::unique_ptr<KeepAlive> keep_alive_;
  bool locked_ = false;
};

}  // namespace dbm::postgres
