/// Waiting for the server: how a session sends, reads and gives up.
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "postgres/session_state.h"
#include "postgres/sqlstate.h"

namespace dbm::postgres {

Error stopped_error() { return {ErrorKind::Cancelled, "Cancelled", "stopped as asked", "Stopping"}; }
Error timeout_error(std::string_view what) {
  return {ErrorKind::Transient, "ProgressingWithRetry", std::string(what) + " took longer than it may",
          "Timeout"};
}

Error connection_lost() {
  return {ErrorKind::Transient, "ProgressingWithRetry", "the connection to the database was lost",
          "ConnectionLost"};
}

Result<> rest(std::chrono::milliseconds span, Deadline deadline, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock{mutex};
  condition.wait_for(lock, stop, deadline.left(span), [] { return false; });
  if (stop.stop_requested()) return stopped_error();
  if (deadline.passed()) return timeout_error("waiting");
  return {};
}

void Session::State::on_notice(void* self, const PGresult* result) {
  auto& notices = static_cast<State*>(self)->notices;
  if (notices.size() >= 100) return;
  ServerError error = read_error(result);
  notices.push_back({std::move(error.severity), std::move(error.sqlstate), std::move(error.server_message)});
}

Result<> Session::State::wait(bool writable, Deadline deadline, const std::stop_token& stop) {
  wake.drain();
  const std::stop_callback on_stop{stop, [this] { wake.signal(); }};
  while (true) {
    if (stop.stop_requested()) return stopped_error();
    const int socket = PQsocket(connection.get());
    if (socket < 0) return connection_lost();
    pollfd watched[2] = {{socket, static_cast<short>(POLLIN | (writable ? POLLOUT : 0)), 0},
                         {wake.fd(), POLLIN, 0}};
    const int ready = ::poll(watched, 2, static_cast<int>(deadline.left().count()));
    if (ready < 0 && errno != EINTR) return connection_lost();
    if (ready > 0 && watched[0].revents != 0) return {};
    if (deadline.passed()) return timeout_error("the database's answer");
  }
}

Result<> Session::State::flush(Deadline deadline, const std::stop_token& stop) {
  last_used = Deadline::Clock::now();
  while (true) {
    const int rest = PQflush(connection.get());
    if (rest == 0) return {};
    if (rest < 0) return connection_lost();
    const auto ready = wait(true, deadline, stop);
    if (!ready) return ready;
    if (PQconsumeInput(connection.get()) == 0) return connection_lost();
  }
}

/// The next result, or none when the command has ended.
Result<ResultPtr> Session::State::next_result(Deadline deadline, const std::stop_token& stop) {
  while (PQisBusy(connection.get()) != 0) {
    const auto ready = wait(false, deadline, stop);
    if (!ready) return ready.error();
    // A broken connection shows in the result that PQgetResult then makes.
    if (PQconsumeInput(connection.get()) == 0) break;
  }
  last_used = Deadline::Clock::now();
  return ResultPtr{PQgetResult(connection.get())};
}

Error Session::State::failure(const PGresult* result) {
  const ServerError error = read_error(result);
  // After FATAL the server closes, even where the socket does not show it yet.
  const bool ended = error.severity == "FATAL" || error.severity == "PANIC";
  if (ended || PQstatus(connection.get()) == CONNECTION_BAD || error.sqlstate.empty()) {
    lost = true;
    Error gone = connection_lost();
    gone.sqlstate = error.sqlstate;
    if (!error.sqlstate.empty()) gone.message += ": " + translate(error, "").message;
    return gone;
  }
  return translate(error, "ApplyFailed");
}

/// A COPY where none belongs: ended, so that the connection does not wait for data for ever.
void Session::State::end_copy(const PGresult* result) {
  if (PQresultStatus(result) == PGRES_COPY_IN)
    PQputCopyEnd(connection.get(), "COPY is not possible here");
  else
    ::shutdown(PQsocket(connection.get()), SHUT_RDWR);
}

Result<Rows> Session::State::collect(Deadline deadline, const std::stop_token& stop) {
  ResultPtr last;
  std::optional<Error> error;
  while (true) {
    auto next = next_result(deadline, stop);
    if (!next) return next.error();
    if (!*next) break;
    const auto status = PQresultStatus(next->get());
    if (status == PGRES_FATAL_ERROR && !error) error = failure(next->get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      end_copy(next->get());
      if (!error)
        error = Error{ErrorKind::Terminal, "ApplyFailed", "COPY is not possible here", "StatementFailed"};
    }
    last = std::move(*next);
  }
  if (error) return *error;
  if (!last) {
    lost = true;
    return connection_lost();
  }
  return Rows{std::move(last)};
}

/// Cancels what runs and reads it to its end, 5 s at most; past that the connection is given up. Always
/// `why`.
Result<> Session::State::give_up(const Error& why) {
  if (why.failure_reason() == "ConnectionLost") {
    lost = true;
    return why;
  }
  const auto end = Deadline::after(std::chrono::seconds{5});
  while (true) {
    auto next = next_result(end, {});
    if (!next) {
      lost = true;
      ::shutdown(PQsocket(connection.get()), SHUT_RDWR);
      break;
    }
    if (!*next || PQresultStatus(next->get()) == PGRES_PIPELINE_SYNC) break;
    if (PQresultStatus(next->get()) == PGRES_FATAL_ERROR) (void)failure(next->get());
  }
  return why;
}

Result<> Session::State::read_pipeline(std::size_t count, PipelineResult& answer, Deadline deadline,
                                       const std::stop_token& stop) {
  for (std::size_t at = 0; at < count;) {
    auto next = next_result(deadline, stop);
    if (!next) return next.error();
    if (!*next) {  // the end of one statement
      if (PQstatus(connection.get()) == CONNECTION_BAD) return connection_lost();
      ++at;
      continue;
    }
    const auto status = PQresultStatus(next->get());
    if (status == PGRES_PIPELINE_SYNC) return {};
    if (status == PGRES_PIPELINE_ABORTED) continue;
    if (status == PGRES_FATAL_ERROR) {
      if (!answer.error) answer.error = failure(next->get());
      if (lost) return *answer.error;
    } else if (!answer.error) {
      answer.rows.emplace_back(std::move(*next));
    }
  }
  auto sync = next_result(deadline, stop);
  if (!sync) return sync.error();
  if (!*sync || PQresultStatus(sync->get()) != PGRES_PIPELINE_SYNC) return connection_lost();
  return {};
}

}  // namespace dbm::postgres
