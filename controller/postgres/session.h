#pragma once
/// One connection to PostgreSQL, by libpq, non-blocking underneath: every wait ends at a deadline or a stop
/// request. Parameters travel as keywords, never as a URI (libpq echoes parts of a bad one).

#include <libpq-fe.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/engine.h"

namespace pqxx {
class connection_base;
}

namespace dbm::postgres {

/// Frees a PGresult.
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

/// A text parameter, or NULL.
using Param = std::optional<std::string>;

/// Rows of a query, as text. Cheap to move.
class Rows {
 public:
  explicit Rows(ResultPtr result) : result_(std::move(result)) {}
  [[nodiscard]] int size() const { return PQntuples(result_.get()); }
  [[nodiscard]] bool is_null(int row, int column) const {
    return PQgetisnull(result_.get(), row, column) != 0;
  }
  /// Empty for NULL.
  [[nodiscard]] std::string_view text(int row, int column) const;
  [[nodiscard]] std::int64_t number(int row, int column) const;
  [[nodiscard]] bool boolean(int row, int column) const { return text(row, column) == "t"; }
  [[nodiscard]] std::string_view command() const { return PQcmdStatus(result_.get()); }
  [[nodiscard]] PGresult* raw() const { return result_.get(); }

 private:
  ResultPtr result_;
};

struct Notice {
  std::string severity, sqlstate, message;
};

struct SessionOptions {
  std::string application_name;  ///< "dbmigration/<run>", "dbmigration/<run>/watch"
  std::map<std::string, std::string>
      settings;  ///< server settings, sent in `options`; read back by the caller
};

/// What a pipeline answered: the results before the first error, and that error.
struct PipelineResult {
  std::vector<Rows> rows;
  std::optional<Error> error;
};

/// Not thread-safe, but for cancel(). A lost connection stays lost: nothing here reconnects.
class Session {
 public:
  /// Adds target_session_attrs=read-write, connect_timeout, keepalives, … (docs/exactly-once.md#sessions).
  /// Errors: Transient (server down, starting up, read-only standby: cause ReadOnly),
  /// Waiting/WaitingForReference with AuthenticationFailed, TLSFailed, NotFound (no such database).
  static Result<Session> connect(const migration::Target& target, const SessionOptions& options,
                                 Deadline deadline, const std::stop_token& stop);

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// One statement by the extended protocol, unnamed. The server's error is translated by sqlstate.h; a lost
  /// connection is Transient/ProgressingWithRetry/ConnectionLost. At the deadline or when asked to stop the
  /// statement is cancelled and its end awaited (5 s), then Transient/…/Timeout or Cancelled.
  Result<Rows> exec(std::string_view sql, std::span<const Param> params, Deadline deadline,
                    const std::stop_token& stop);
  Result<Rows> exec(std::string_view sql, Deadline deadline = Deadline::never(),
                    const std::stop_token& stop = {}) {
    return exec(sql, {}, deadline, stop);
  }

  /// Several statements with one Sync, one round trip: outside BEGIN they are one transaction that commits at
  /// the Sync. After an error the server executes nothing more of them. `rows` has a member per statement
  /// that succeeded.
  PipelineResult pipeline(std::span<const std::string> statements, Deadline deadline = Deadline::never(),
                          const std::stop_token& stop = {});
  /// The same with one more statement behind a Sync of its own, in the same round trip: it is executed
  /// whatever became of those before it. A COMMIT there ends a failed transaction too. Without an error its
  /// answer is the last of `rows`.
  PipelineResult pipeline_then(std::span<const std::string> statements, const std::string& last,
                               Deadline deadline, const std::stop_token& stop);
  /// A text of several statements by the simple protocol (our own ledger scripts). The last result.
  Result<Rows> exec_simple(const std::string& sql, Deadline deadline = Deadline::never(),
                           const std::stop_token& stop = {});
  /// libpqxx over this connection, for our own short queries; it can neither reconnect nor close it.
  /// Blocking: no deadline but the server's statement_timeout and TCP's. Errors come as its exceptions
  /// (pqxx_query.h turns them into values). Valid while this Session is, until it is
  /// moved from.
  pqxx::connection_base& pqxx();

  /// Asks the server to cancel what runs; from any thread. May arrive late: afterwards only ROLLBACK may
  /// follow. Returns within 2 s; a request stuck in the network goes on by itself.
  void cancel() const;
  /// Gives the connection up as if the network had: for replies that faults throw away. The Error of a lost
  /// connection.
  Error lose();
  [[nodiscard]] bool lost() const;
  /// When something was last sent on it.
  [[nodiscard]] Deadline::Clock::time_point last_used() const;
  void touch();  ///< for pipelines by raw()

  [[nodiscard]] PGconn* raw() const;      ///< for pipelines and COPY, in this room only
  [[nodiscard]] int backend_pid() const;  ///< as libpq was told at connect
  /// Remembers the pid the server itself answered with (pg_backend_pid()).
  void heard_backend(int pid);
  /// It was the one libpq was told: no pooler stands between us. False before it was asked.
  [[nodiscard]] bool is_direct() const;
  [[nodiscard]] int server_version() const;  ///< 150018
  /// Notices since the last call, oldest first, at most 100.
  std::vector<Notice> take_notices();
  /// Waits until the socket is readable or writable as asked, the deadline, or a stop request. Ok at
  /// readiness.
  Result<> wait_for(bool writable, Deadline deadline, const std::stop_token& stop) const;

 private:
  struct State;
  PipelineResult send_pipeline(std::span<const std::string> statements, const std::string* last,
                               Deadline deadline, const std::stop_token& stop);
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The Error of a connection that is gone: Transient/ProgressingWithRetry/ConnectionLost.
Error connection_lost();
/// Waits `span`, or until asked to stop (then Cancelled/Stopping) or the deadline
/// (Transient/ProgressingWithRetry/Timeout).
Result<> rest(std::chrono::milliseconds span, Deadline deadline, const std::stop_token& stop);

/// "a""b": an identifier as SQL text.
std::string quote_ident(std::string_view name);
/// 'it''s': a literal as SQL text, whatever standard_conforming_strings says (E'' where a backslash is in
/// it).
std::string quote_literal(std::string_view text);

}  // namespace dbm::postgres
