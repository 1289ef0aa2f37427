#pragma once
/// What a Session is made of; for session.cpp and session_wait.cpp alone.

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "postgres/adopted_connection.h"
#include "postgres/session.h"
#include "postgres/wake.h"

namespace dbm::postgres {

struct FinishConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

struct Session::State {
  std::unique_ptr<PGconn, FinishConnection> connection;
  std::shared_ptr<PGcancel> cancel;
  std::unique_ptr<AdoptedConnection> adopted;  // before the connection goes
  Wake wake;
  std::vector<Notice> notices;
  Deadline::Clock::time_point last_used = Deadline::Clock::now();
  bool direct = false;             ///< the server answered with the pid that libpq was told
  std::atomic<bool> lost = false;  ///< once true for ever; read by the thread that keeps a session alive

  static void on_notice(void* self, const PGresult* result);
  Result<> wait(bool writable, Deadline deadline, const std::stop_token& stop);
  Result<> open(Deadline deadline, const std::stop_token& stop, const migration::Target& target);
  Result<> flush(Deadline deadline, const std::stop_token& stop);
  Result<ResultPtr> next_result(Deadline deadline, const std::stop_token& stop);
  Result<Rows> collect(Deadline deadline, const std::stop_token& stop);
  Result<> give_up(const Error& why);
  Error failure(const PGresult* result);
  void end_copy(const PGresult* result);
  Result<> read_pipeline(std::size_t count, PipelineResult& answer, Deadline deadline,
                         const std::stop_token& stop);
};

Error stopped_error();
Error timeout_error(std::string_view what);

}  // namespace dbm::postgres
