#pragma once
/// What the steps of a run share: its two sessions, its fence, and how to sleep without losing either.

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "migration/engine.h"
#include "postgres/ledger.h"
#include "postgres/schema_change.h"
#include "postgres/session.h"

namespace dbm::postgres {

struct CheckBaseline;

/// One run between lock and unlock. All pointers outlive it. Used by one thread at a time: while a verb of
/// the run executes, it alone uses `work`; between verbs a thread of the run keeps `work` from falling
/// silent.
struct RunContext {
  Session* work = nullptr;   ///< run lock, fence, ledger and every script statement
  Session* watch = nullptr;  ///< blockers, progress, lag: single short statements, never a transaction
  Fence fence;
  const migration::Spec* spec = nullptr;
  const migration::Target* target = nullptr;
  int server_version = 0;              ///< 150018
  std::int64_t batch = 0;              ///< set by open()
  std::string plan_digest, backup_id;  ///< of the run's row, for the history
  const CheckBaseline* baseline =
      nullptr;  ///< the database before this run touched it; null when it goes on after a crash
  std::optional<RehearsedChange> rehearsed;  ///< what its rehearsal did to the schema; none after a crash
  std::string login;                         ///< the role the server took us for
  /// Must follow each reset (RESET ALL …) on `work`; empty unless a session pooler refused `options`.
  std::string after_reset;
  /// Opens `watch` again, in its place; set by who owns it.
  std::function<Result<>()> reopen_watch;
  /// Version key of a journalled script that an earlier run left unfinished, all its outcomes known: its row
  /// stays open for whoever goes on with it. There is at most one.
  std::string unfinished;
  /// What the checks at InTransaction have said in this run, each check once.
  migration::ChecksStatus in_transaction;

  /// One statement on `watch`, at most `span` long. A watch that was lost is opened again, tried at most
  /// every ten seconds: without it the run goes on, it only cannot see who is in its way.
  Result<Rows> ask_watch(std::string_view sql, std::span<const Param> params, std::chrono::milliseconds span);

 private:
  std::chrono::steady_clock::time_point reopened_ = {};
};

/// Sleeps outside a transaction without letting `work` fall silent for 30 s: it is pinged every 10 s. An
/// Error when asked to stop, at the deadline, or when the connection (and with it the run lock) is lost.
Result<> sleep_alive(RunContext& run, std::chrono::milliseconds span, Deadline deadline,
                     const std::stop_token& stop);

}  // namespace dbm::postgres
