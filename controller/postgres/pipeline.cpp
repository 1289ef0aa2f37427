#include "postgres/pipeline.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace dbm::postgres {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// Bytes after which what libpq holds for the socket is written out.
constexpr std::size_t kWriteAfter = std::size_t{64} << 10;
/// A server that does not obey a cancel in this time is given up with its connection: its transaction cannot
/// commit.
constexpr std::chrono::seconds kCancelTakes{30};

Error took_too_long() {
  return {ErrorKind::Transient, "ProgressingWithRetry", "the time allowed for it has passed", "Timeout"};
}

}  // namespace

Pipeline::Pipeline(Session& session, Patience& patience)
    : session_(session), patience_(patience), connection_(session.raw()), look_after_(patience.first_look()) {
  PQsetnonblocking(connection_, 1);
  (void)enter();  // fails on a lost connection only, which the first send reports
}

Pipeline::~Pipeline() {
  if (!sent_.empty() && !close()) return;
  (void)leave();
}

Result<> Pipeline::enter() {
  if (on_) return {};
  if (lost() || PQenterPipelineMode(connection_) == 0) return session_.lose();
  on_ = true;
  return {};
}

Result<> Pipeline::leave() {
  if (!on_) return {};
  if (lost() || PQexitPipelineMode(connection_) == 0) return session_.lose();
  on_ = false;
  return {};
}

Result<> Pipeline::send(const std::string& sql, std::uint64_t tag) {
  if (lost()) return connection_lost();
  if (sent_.empty()) heard_ = Deadline::Clock::now();
  if (PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 0)
    return session_.lose();
  sent_.push_back({tag, sql.size(), false});
  pending_bytes_ += sql.size();
  needs_sync_ = true;
  unwritten_ += sql.size() + 32;
  return unwritten_ < kWriteAfter ? Result<>{} : write_out();
}

Result<> Pipeline::sync() {
  if (lost()) return connection_lost();
  if (sent_.empty()) heard_ = Deadline::Clock::now();
  if (PQpipelineSync(connection_) == 0) return session_.lose();
  sent_.push_back({0, 0, true});
  needs_sync_ = false;
  return write_out();
}

Result<> Pipeline::ask() {
  if (lost()) return connection_lost();
  if (PQsendFlushRequest(connection_) == 0) return session_.lose();
  return write_out();
}

/// Until the socket has taken everything. Meanwhile what the server says is read, or both sides could wait
/// for ever.
Result<> Pipeline::write_out() {
  unwritten_ = 0;
  session_.touch();
  while (true) {
    const int left = PQflush(connection_);
    if (left < 0) return session_.lose();
    if (left == 0) return {};
    if (auto waited = wait_once(true); !waited) return waited;
    if (broken_) return session_.lose();
  }
}

Result<> Pipeline::on_time() {
  if (give_up_.passed()) return session_.lose();
  if (cancelled_ || !patience_.deadline().passed()) return {};
  cancelled_ = true;
  give_up_ = Deadline::after(kCancelTakes);
  session_.cancel();
  return took_too_long();
}

void Pipeline::hear() {
  heard_ = Deadline::Clock::now();
  look_after_ = patience_.first_look();
}

/// One wait for the socket, at most until the next look or the deadline.
Result<> Pipeline::wait_once(bool writable) {
  if (auto timely = on_time(); !timely) return timely;
  const auto quiet = duration_cast<milliseconds>(Deadline::Clock::now() - heard_);
  auto most = std::clamp(look_after_ - quiet, milliseconds{0}, milliseconds{10'000});
  if (!cancelled_) most = patience_.deadline().left(most);

  pollfd socket{PQsocket(connection_), static_cast<short>(POLLIN | (writable ? POLLOUT : 0)), 0};
  const int ready = ::poll(&socket, 1, static_cast<int>(most.count()));
  if (ready < 0 && errno != EINTR) return session_.lose();
  if (ready > 0 && (socket.revents & ~POLLOUT) != 0) {
    if (PQconsumeInput(connection_) == 0) broken_ = true;
    hear();
  }
  if (ready == 0) {
    const auto silence = duration_cast<milliseconds>(Deadline::Clock::now() - heard_);
    if (silence >= look_after_) look_after_ = silence + patience_.look(silence);
  }
  return {};
}

Result<> Pipeline::wait_for_result() {
  while (PQisBusy(connection_) != 0) {
    if (broken_) return session_.lose();
    if (auto waited = wait_once(false); !waited) return waited;
  }
  return {};
}

Result<Reply> Pipeline::next() {
  if (lost()) return connection_lost();
  if (sent_.empty()) std::abort();  // reading what was never sent would wait for ever
  if (unwritten_ > 0) {
    if (auto written = write_out(); !written) return written.error();
  }
  const Sent expected = sent_.front();
  if (!expected.is_sync) PQsetSingleRowMode(connection_);  // a script's SELECT must not fill our memory
  auto reply = read_reply(expected.tag);
  if (!reply) return reply;
  if (expected.is_sync != (reply->kind == Reply::Kind::Synced)) return session_.lose();
  sent_.pop_front();
  pending_bytes_ -= expected.bytes;
  return reply;
}

/// The results of one statement, to the end: the last decides, an error outweighs all.
Result<Reply> Pipeline::read_reply(std::uint64_t tag) {
  Reply reply;
  reply.tag = tag;
  while (true) {
    if (auto ready = wait_for_result(); !ready) return ready.error();
    ResultPtr result(PQgetResult(connection_));
    if (result == nullptr) return reply;
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        reply.kind = Reply::Kind::Synced;
        return reply;
      case PGRES_PIPELINE_ABORTED:
        reply.kind = Reply::Kind::Skipped;
        break;
      case PGRES_SINGLE_TUPLE:
        break;
      case PGRES_COPY_IN:
        if (on_) return session_.lose();
        reply.kind = Reply::Kind::CopyIn;
        return reply;
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return session_.lose();  // refused when the script was read
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_EMPTY_QUERY:
        reply.result = std::move(result);
        break;
      default:
        // Without a SQLSTATE it is libpq's own report: the connection is gone.
        if (PQresultErrorField(result.get(), PG_DIAG_SQLSTATE) == nullptr) return session_.lose();
        reply.kind = Reply::Kind::Failed;
        reply.result = std::move(result);
        break;
    }
  }
}

bool Pipeline::in_transaction() const { return PQtransactionStatus(connection_) == PQTRANS_INTRANS; }
bool Pipeline::idle() const { return PQtransactionStatus(connection_) == PQTRANS_IDLE; }

Result<> Pipeline::close() {
  cancelled_ = true;  // from here on the deadline has no say
  if (needs_sync_) {
    if (auto synced = sync(); !synced) return synced;
  }
  while (!sent_.empty()) {
    if (auto reply = next(); !reply) return reply.error();
  }
  return {};
}

Result<Reply> Pipeline::start_copy(const std::string& sql) {
  if (on_ || lost()) return session_.lose();
  heard_ = Deadline::Clock::now();
  if (PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 0)
    return session_.lose();
  if (auto written = write_out(); !written) return written.error();
  return read_reply(0);
}

Result<> Pipeline::copy_rows(std::string_view rows) {
  if (lost()) return connection_lost();
  // A server that takes all at once never lets us wait, which is where the deadline is looked at otherwise.
  if (auto timely = on_time(); !timely) return timely;
  // A refused row makes the server answer early; end_copy() reads that, so nothing is looked at here.
  const int queued = PQputCopyData(connection_, rows.data(), static_cast<int>(rows.size()));
  if (queued < 0) return session_.lose();
  if (queued == 0) {
    if (auto written = write_out(); !written) return written;
    if (PQputCopyData(connection_, rows.data(), static_cast<int>(rows.size())) != 1) return session_.lose();
  }
  unwritten_ += rows.size();
  if (unwritten_ < kWriteAfter) return {};
  auto written = write_out();
  if (written) hear();  // it took the rows: nobody holds it up
  return written;
}

Result<Reply> Pipeline::end_copy(bool abort) {
  if (lost()) return connection_lost();
  if (PQputCopyEnd(connection_, abort ? "the rest of the rows cannot be read" : nullptr) < 0)
    return session_.lose();
  if (auto written = write_out(); !written) return written.error();
  return read_reply(0);
}

}  // namespace dbm::postgres
