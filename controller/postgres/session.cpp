#include "postgres/session.h"

#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <future>
#include <thread>

#include "base/inject.h"
#include "postgres/connect.h"
#include "postgres/session_state.h"

namespace dbm::postgres {

using std::chrono::seconds;

std::string_view Rows::text(int row, int column) const {
  const char* value = PQgetvalue(result_.get(), row, column);
  return {value, static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
std::int64_t Rows::number(int row, int column) const {
  return std::strtoll(PQgetvalue(result_.get(), row, column), nullptr, 10);
}

Result<> Session::State::open(Deadline deadline, const std::stop_token& stop,
                              const migration::Target& target) {
  PQsetErrorVerbosity(connection.get(), PQERRORS_SQLSTATE);
  auto state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return connect_error(PQerrorMessage(connection.get()), target);
    // While connecting only the asked-for direction may be waited for: a socket in connect() is "readable" as
    // an error.
    const int socket = PQsocket(connection.get());
    pollfd watched[2] = {{socket, static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0},
                         {wake.fd(), POLLIN, 0}};
    wake.drain();
    const std::stop_callback on_stop{stop, [this] { wake.signal(); }};
    if (stop.stop_requested()) return stopped_error();
    ::poll(watched, 2, static_cast<int>(deadline.left().count()));
    if (watched[0].revents != 0)
      state = PQconnectPoll(connection.get());
    else if (deadline.passed())
      return Error{ErrorKind::Transient, "ProgressingWithRetry",
                   "connect to " + describe(target) + ": no answer in time", "Timeout"};
  }
  PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
  return {};
}

Result<Session> Session::connect(const migration::Target& target, const SessionOptions& options,
                                 Deadline deadline, const std::stop_token& stop) {
  const auto keywords = connection_keywords(target, options);
  std::vector<const char*> names, values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);

  DBM_EFFECT(connecting, "session.connect");
  if (connecting.must_fail())
    return Error{ErrorKind::Transient, "ProgressingWithRetry",
                 "connect to " + describe(target) + ": injected", "ConnectionFailed"};
  auto state = std::make_unique<State>();
  state->connection.reset(PQconnectStartParams(names.data(), values.data(), 0));
  if (!state->connection) std::abort();  // out of memory
  if (PQstatus(state->connection.get()) == CONNECTION_BAD)
    return connect_error(PQerrorMessage(state->connection.get()), target);
  PQsetNoticeReceiver(state->connection.get(), &State::on_notice, state.get());
  // PQconnectPoll knows no connect_timeout: that is the caller's business.
  const int seconds_most = std::max(2, std::atoi(keywords.at("connect_timeout").c_str()));
  const auto opened = state->open(deadline.earlier(Deadline::after(seconds{seconds_most})), stop, target);
  if (!opened) return opened.error();
  PQsetnonblocking(state->connection.get(), 1);
  state->cancel.reset(PQgetCancel(state->connection.get()), PQfreeCancel);
  connecting.done();
  return Session{std::move(state)};
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Rows> Session::exec(std::string_view sql, std::span<const Param> params, Deadline deadline,
                           const std::stop_token& stop) {
  State& state = *state_;
  if (state.lost) return connection_lost();
  std::vector<const char*> values;
  for (const auto& param : params) values.push_back(param ? param->c_str() : nullptr);
  const std::string text{sql};
  if (PQsendQueryParams(raw(), text.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) == 0) {
    state.lost = true;
    return connection_lost();
  }
  const auto sent = state.flush(deadline, stop);
  auto rows = sent ? state.collect(deadline, stop) : Result<Rows>{sent.error()};
  if (rows || !rows.error().sqlstate.empty()) return rows;
  const bool unanswered =
      rows.error().failure_reason() == "Timeout" || rows.error().kind == ErrorKind::Cancelled;
  if (unanswered) cancel();
  if (unanswered || state.lost) return state.give_up(rows.error()).error();
  return rows;
}

Result<Rows> Session::exec_simple(const std::string& sql, Deadline deadline, const std::stop_token& stop) {
  State& state = *state_;
  if (state.lost || PQsendQuery(raw(), sql.c_str()) == 0) {
    state.lost = true;
    return connection_lost();
  }
  const auto sent = state.flush(deadline, stop);
  auto rows = sent ? state.collect(deadline, stop) : Result<Rows>{sent.error()};
  if (rows || !rows.error().sqlstate.empty()) return rows;
  if (rows.error().failure_reason() == "Timeout" || rows.error().kind == ErrorKind::Cancelled) cancel();
  return state.give_up(rows.error()).error();
}

PipelineResult Session::pipeline(std::span<const std::string> statements, Deadline deadline,
                                 const std::stop_token& stop) {
  return send_pipeline(statements, nullptr, deadline, stop);
}

PipelineResult Session::pipeline_then(std::span<const std::string> statements, const std::string& last,
                                      Deadline deadline, const std::stop_token& stop) {
  return send_pipeline(statements, &last, deadline, stop);
}

PipelineResult Session::send_pipeline(std::span<const std::string> statements, const std::string* last,
                                      Deadline deadline, const std::stop_token& stop) {
  State& state = *state_;
  PipelineResult answer;
  const auto fail = [&](Error error) {
    if (!answer.error) answer.error = std::move(error);
    return std::move(answer);
  };
  if (state.lost || PQenterPipelineMode(raw()) == 0) return fail(connection_lost());
  bool queued = true;
  const auto queue = [&](const std::string& sql) {
    queued = queued && PQsendQueryParams(raw(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 0;
  };
  for (const auto& sql : statements) queue(sql);
  queued = queued && PQpipelineSync(raw()) != 0;
  if (last != nullptr) {
    queue(*last);
    queued = queued && PQpipelineSync(raw()) != 0;
  }
  if (!queued) return fail(lose());

  auto done = state.flush(deadline, stop);
  if (done) done = state.read_pipeline(statements.size(), answer, deadline, stop);
  if (done && last != nullptr) done = state.read_pipeline(1, answer, deadline, stop);
  if (!done) {
    // Half-read answers cannot be told from later ones: the connection has served.
    if (done.error().failure_reason() != "ConnectionLost") cancel();
    lose();
    return fail(done.error());
  }
  PQexitPipelineMode(raw());
  return answer;
}

pqxx::connection_base& Session::pqxx() {
  if (!state_->adopted) state_->adopted = std::make_unique<AdoptedConnection>(raw());
  touch();
  return state_->adopted->base();
}

void Session::cancel() const {
  // PQcancel opens a connection, blocking; into a black hole that takes as long as TCP wants.
  auto handle = state_->cancel;
  if (!handle) return;
  std::packaged_task<void()> task{[handle] {
    char words[256];
    PQcancel(handle.get(), words, sizeof words);
  }};
  const auto finished = task.get_future();
  std::thread{std::move(task)}.detach();
  finished.wait_for(seconds{2});
}

Error Session::lose() {
  state_->lost = true;
  const int socket = PQsocket(raw());
  if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
  return connection_lost();
}

bool Session::lost() const { return state_->lost; }
Deadline::Clock::time_point Session::last_used() const { return state_->last_used; }
void Session::touch() { state_->last_used = Deadline::Clock::now(); }
PGconn* Session::raw() const { return state_->connection.get(); }
int Session::backend_pid() const { return PQbackendPID(raw()); }
void Session::heard_backend(int pid) { state_->direct = pid == backend_pid(); }
bool Session::is_direct() const { return state_->direct; }
int Session::server_version() const { return PQserverVersion(raw()); }
std::vector<Notice> Session::take_notices() { return std::exchange(state_->notices, {}); }
Result<> Session::wait_for(bool writable, Deadline deadline, const std::stop_token& stop) const {
  return state_->wait(writable, deadline, stop);
}

}  // namespace dbm::postgres
