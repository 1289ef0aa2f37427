#pragma once
/// libpq's pipeline mode over a session: many statements out, their replies read in order as they come.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// What a wait for the server obeys. Asked again and again while the wait lasts, from the waiting thread.
class Patience {
 public:
  virtual ~Patience() = default;
  /// After it what runs is cancelled and its end awaited. Never for a COMMIT.
  [[nodiscard]] virtual Deadline deadline() const { return Deadline::never(); }
  /// After how much silence look() is called first.
  [[nodiscard]] virtual std::chrono::milliseconds first_look() const { return std::chrono::seconds{10}; }
  /// How long nothing has come from the server, nor rows of a COPY gone to it. Returns after how much more
  /// silence it wants to be called again.
  virtual std::chrono::milliseconds look(std::chrono::milliseconds quiet) {
    (void)quiet;
    return std::chrono::seconds{10};
  }
};

/// What the server said to one thing sent.
struct Reply {
  enum class Kind {
    Done,     ///< executed
    Failed,   ///< an error; what follows is skipped up to the next Sync
    Skipped,  ///< not executed, because something before it failed
    Synced,   ///< the reply to sync()
    CopyIn,   ///< the server waits for COPY data; only outside a pipeline
  };
  Kind kind = Kind::Done;
  std::uint64_t tag = 0;  ///< as given to send()
  ResultPtr result;       ///< the last one; rows of a SELECT are thrown away
};

/// Puts a session into pipeline mode while it lives. Sending never blocks reading: what the server says is
/// taken in while we send. Not thread-safe. A lost connection is
/// Transient/ProgressingWithRetry/ConnectionLost, then and ever after.
class Pipeline {
 public:
  /// `patience` must outlive the pipeline. The session must have nothing in flight.
  Pipeline(Session& session, Patience& patience);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Queues one statement, unnamed, by the extended protocol. It may stay in our buffer until sync(), ask()
  /// or next().
  Result<> send(const std::string& sql, std::uint64_t tag);
  Result<> sync();
  /// Asks the server for the replies so far, without ending anything.
  Result<> ask();
  /// The next reply in order. Transient/…/Timeout once the deadline has passed: what ran was cancelled, and
  /// only close() and ROLLBACK may follow.
  Result<Reply> next();
  /// Statements and Syncs whose reply was not read.
  [[nodiscard]] std::size_t pending() const { return sent_.size(); }
  /// The bytes of those statements: libpq keeps a copy of each.
  [[nodiscard]] std::size_t pending_bytes() const { return pending_bytes_; }
  /// Brings the pipeline to its end whatever state it is in: Sync where one is missing, all replies read and
  /// forgotten, whatever the deadline says. The transaction, if one is open, stays open.
  Result<> close();

  /// A transaction block is open and healthy; only once nothing is pending.
  [[nodiscard]] bool in_transaction() const;
  /// No transaction block is open; only once nothing is pending.
  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool lost() const { return session_.lost(); }
  [[nodiscard]] Session& session() const { return session_; }

  /// Leaves pipeline mode for COPY or single statements; nothing may be pending. enter() comes back to it.
  Result<> leave();
  Result<> enter();
  /// COPY … FROM stdin, outside pipeline mode: starts it; Failed or CopyIn.
  Result<Reply> start_copy(const std::string& sql);
  Result<> copy_rows(std::string_view rows);
  /// Ends it; Done or Failed. With `abort` the server undoes it.
  Result<Reply> end_copy(bool abort);

 private:
  struct Sent {
    std::uint64_t tag;
    std::size_t bytes;
    bool is_sync;
  };

  Result<> write_out();
  Result<> wait_once(bool writable);
  Result<> wait_for_result();
  Result<> on_time();
  void hear();
  Result<Reply> read_reply(std::uint64_t tag);

  Session& session_;
  Patience& patience_;
  PGconn* connection_;
  std::deque<Sent> sent_;
  std::size_t pending_bytes_ = 0;
  std::size_t unwritten_ = 0;  ///< bytes since the last write_out(), about
  bool on_ = false;
  bool cancelled_ = false;   ///< once true the deadline has done its work
  bool needs_sync_ = false;  ///< something was sent since the last Sync
  bool broken_ = false;      ///< the socket is dead; what was read before may still hold a report
  Deadline::Clock::time_point heard_ = Deadline::Clock::now();
  std::chrono::milliseconds look_after_;
  Deadline give_up_ = Deadline::never();
};

}  // namespace dbm::postgres
