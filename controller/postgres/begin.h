#pragma once
/// How a run begins (docs/exactly-once.md#begin): two connections, the run lock, the ledger, a new epoch.

#include <memory>
#include <optional>
#include <string>

#include "migration/engine.h"
#include "postgres/keep_alive.h"
#include "postgres/run_context.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// What a run holds. Destroying it gives the lock back. Not movable: threads and pointers lead into it.
class Holding {
 public:
  /// Waiting/WaitingForLock; Terminal words of docs/status.md#causes (ForeignSchema, OtherOwner,
  /// IdentityChanged, LedgerNewer, SuperuserLogin, InsufficientPrivilege, TransactionPooling, ServerTooOld);
  /// Transient for a standby and the network.
  static Result<std::unique_ptr<Holding>> take(const migration::RunRequest& request, Deadline deadline,
                                               const std::stop_token& stop);

  ~Holding();
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  [[nodiscard]] RunContext& context() { return context_; }
  /// While it is held the session *work* is the caller's alone.
  [[nodiscard]] std::unique_lock<std::mutex> use_work() { return keep_alive_->use(); }
  /// Gives the run lock back, now, with an answer.
  Result<> release();
  [[nodiscard]] const migration::RunRequest& request() const { return request_; }

 private:
  explicit Holding(migration::RunRequest request);
  Result<> open_sessions(Deadline deadline, const std::stop_token& stop);
  Result<> open_watch_again();
  Result<> open_work(bool options_refused, int version_num, Deadline deadline, const std::stop_token& stop);
  Result<> lock_ledger(Deadline deadline, const std::stop_token& stop);
  Result<> make_ledger(Deadline deadline, const std::stop_token& stop);
  Result<> lock(std::int64_t key, Deadline deadline, const std::stop_token& stop);
  Result<> take_epoch(Deadline deadline, const std::stop_token& stop);
  struct Seen;  // the last look

  migration::RunRequest request_;
  std::string run_name_;  ///< what the sessions are called; the run's id unless an open run is taken up
  std::optional<Session> watch_, work_;
  std::unique_ptr<Seen> seen_;
  RunContext context_;
  std::unique_ptr<KeepAlive> keep_alive_;
  bool locked_ = false;
};

}  // namespace dbm::postgres
