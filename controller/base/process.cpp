#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/fd.h"
#include "base/redact.h"

extern char** environ;

namespace dbm {
namespace {

constexpr std::size_t kTailBytes = 8 * 1024;

Error failed_to_start(const std::string& program, int cause) {
  return {ErrorKind::Terminal, "ProducerFailed", "cannot start " + program + ": " + std::strerror(cause)};
}

/// Both ends close on exec; ours does not block. Kept off 0, 1 and 2, which the child's own redirections
/// overwrite.
struct Pipe {
  Fd ours, theirs;

  int open(bool we_read) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    for (int& end : ends) {
      if (end > 2) continue;
      const int higher = ::fcntl(end, F_DUPFD_CLOEXEC, 3);
      const int cause = errno;
      ::close(std::exchange(end, higher));
      if (higher < 0) return cause;
    }
    ours = Fd{ends[we_read ? 0 : 1]};
    theirs = Fd{ends[we_read ? 1 : 0]};
    return ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
  }
};

/// Our environment without PG* (a stray PGSERVICE would change what the child connects to), and `added` over
/// it.
std::vector<std::string> child_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    if (!text.starts_with("PG") && !added.contains(std::string(text.substr(0, text.find('=')))))
      entries.emplace_back(text);
  }
  for (const auto& [name, value] : added) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Everything above standard error is closed, but for what `keep_open` names: duplicated onto itself, which
/// takes its close-on-exec away. glibc does not mind a number that is not open.
void close_all_but(std::vector<int> keep_open, posix_spawn_file_actions_t& actions) {
  std::ranges::sort(keep_open);
  int next = STDERR_FILENO + 1;
  for (const int kept : keep_open) {
    for (; next < kept; ++next) posix_spawn_file_actions_addclose(&actions, next);
    if (kept < next) continue;  // named twice
    posix_spawn_file_actions_adddup2(&actions, kept, kept);
    ++next;
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, next);
}

/// posix_spawn with the three streams given (-1: /dev/null), a process group of its own and signals as after
/// a login.
int spawn(const ProcessSpec& spec, int in, int out, int err, pid_t& pid) {
  auto argv = spec.argv;
  auto environment = child_environment(spec.environment);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);

  const auto connect = [&](int from, int to, int mode) {
    if (from >= 0)
      posix_spawn_file_actions_adddup2(&actions, from, to);
    else
      posix_spawn_file_actions_addopen(&actions, to, "/dev/null", mode, 0);
  };
  connect(in, STDIN_FILENO, O_RDONLY);
  connect(out, STDOUT_FILENO, O_WRONLY);
  connect(err, STDERR_FILENO, O_WRONLY);
  close_all_but(spec.keep_open, actions);

  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

  const int cause = ::posix_spawn(&pid, argv[0].c_str(), &actions, &attributes, pointers_to(argv).data(),
                                  pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return cause;
}

/// A write to a child that has gone would raise SIGPIPE and end us: held back for this thread, and taken away
/// again.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;
  ~NoBrokenPipeSignal() {
    constexpr timespec kNow{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &kNow);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

}  // namespace

struct ChildProcess::State {
  std::string program;
  pid_t pid = -1;
  Fd ended;  ///< A pidfd: readable once the child has ended.
  Fd in, out, err;
  Fd wake;  ///< An eventfd that a stop request makes readable.
  std::string tail;
  std::optional<int> status;

  Result<> await(int fd, short events, bool discard_output, Deadline deadline, const std::stop_token& stop);
  void take_stderr();
  void discard_stdout();
  void reap();
};

/// Reads what standard error holds, without waiting for more.
void ChildProcess::State::take_stderr() {
  std::array<char, 16 * 1024> buffer;
  while (err) {
    const ssize_t got = ::read(err.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return err.close();
    tail.append(buffer.data(), static_cast<std::size_t>(got));
    if (tail.size() > 2 * kTailBytes) tail.erase(0, tail.size() - kTailBytes);
  }
}

void ChildProcess::State::discard_stdout() {
  std::array<char, 64 * 1024> buffer;
  const ssize_t got = ::read(out.get(), buffer.data(), buffer.size());
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) out.close();
}

/// Waits until `fd` is ready, reading standard error meanwhile so that the child is never stuck on it.
Result<> ChildProcess::State::await(int fd, short events, bool discard_output, Deadline deadline,
                                    const std::stop_token& stop) {
  const std::stop_callback on_stop{stop, [this] { eventfd_write(wake.get(), 1); }};
  while (true) {
    // Also what an earlier wait was told as it ended: left there, it would keep each poll() from waiting.
    eventfd_t ignored;
    eventfd_read(wake.get(), &ignored);
    if (stop.stop_requested())
      return Error{ErrorKind::Cancelled, "Stopping", "stopped while waiting for " + program};
    // poll() leaves out what is negative.
    std::array<pollfd, 4> polled{pollfd{fd, events, 0}, pollfd{err.get(), POLLIN, 0},
                                 pollfd{wake.get(), POLLIN, 0},
                                 pollfd{discard_output ? out.get() : -1, POLLIN, 0}};
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(deadline.left().count()));
    if (ready < 0 && errno != EINTR)
      return Error{ErrorKind::Transient, "ProducerFailed", std::string("poll: ") + std::strerror(errno)};
    if (ready > 0 && polled[1].revents != 0) take_stderr();
    if (ready > 0 && polled[3].revents != 0) discard_stdout();
    if (ready > 0 && polled[0].revents != 0) return {};
    if (deadline.passed())
      return Error{ErrorKind::Transient, "Timeout", "time-out while waiting for " + program};
  }
}

/// For a child that has ended or is about to. While it is not reaped its pid, and so its group, is surely
/// ours.
void ChildProcess::State::reap() {
  ::kill(-pid, SIGKILL);
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

ChildProcess::ChildProcess(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess::~ChildProcess() {
  if (state_ != nullptr && !state_->status) state_->reap();
}

Result<ChildProcess> ChildProcess::start(const ProcessSpec& spec) {
  if (spec.argv.empty()) std::abort();
  auto state = std::make_unique<State>();
  state->program = spec.argv[0];
  Pipe in;
  Pipe out;
  Pipe err;
  int cause = err.open(true);
  if (cause == 0 && spec.pipe_stdin) cause = in.open(false);
  if (cause == 0 && spec.pipe_stdout) cause = out.open(true);
  if (cause == 0) state->wake = Fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (cause == 0 && !state->wake) cause = errno;
  if (cause == 0) cause = spawn(spec, in.theirs.get(), out.theirs.get(), err.theirs.get(), state->pid);
  if (cause != 0) return failed_to_start(spec.argv[0], cause);

  ChildProcess child{std::move(state)};  // from here on the destructor reaps it
  child.state_->ended = Fd{static_cast<int>(::syscall(SYS_pidfd_open, child.state_->pid, 0))};
  if (!child.state_->ended) return failed_to_start(spec.argv[0], errno);
  child.state_->in = std::move(in.ours);
  child.state_->out = std::move(out.ours);
  child.state_->err = std::move(err.ours);
  return child;
}

Result<std::size_t> ChildProcess::read(std::span<char> buffer, Deadline deadline,
                                       const std::stop_token& stop) {
  while (state_->out) {
    const ssize_t got = ::read(state_->out.get(), buffer.data(), buffer.size());
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      if (const auto ready = state_->await(state_->out.get(), POLLIN, false, deadline, stop); !ready)
        return ready.error();
      continue;
    }
    if (got < 0)
      return Error{ErrorKind::Terminal, "ProducerFailed",
                   "read from " + state_->program + ": " + std::strerror(errno)};
    state_->out.close();
  }
  return std::size_t{0};
}

Result<> ChildProcess::write(std::string_view bytes, Deadline deadline, const std::stop_token& stop) {
  const NoBrokenPipeSignal guard;
  while (!bytes.empty()) {
    if (!state_->in)
      return Error{ErrorKind::Terminal, "ProducerFailed", state_->program + " no longer reads its input"};
    const ssize_t put = ::write(state_->in.get(), bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      if (const auto ready = state_->await(state_->in.get(), POLLOUT, false, deadline, stop); !ready)
        return ready.error();
    } else if (errno != EINTR) {
      state_->in.close();
    }
  }
  return {};
}

void ChildProcess::close_stdin() { state_->in.close(); }

Result<int> ChildProcess::wait(Deadline deadline, const std::stop_token& stop) {
  if (state_->status) return *state_->status;
  close_stdin();
  if (const auto ended = state_->await(state_->ended.get(), POLLIN, true, deadline, stop); !ended)
    return ended.error();
  state_->take_stderr();
  state_->reap();
  return *state_->status;
}

std::string ChildProcess::stderr_tail() const {
  const std::string& tail = state_->tail;
  return redact::scrub(tail.size() > kTailBytes ? tail.substr(tail.size() - kTailBytes) : tail);
}

pid_t ChildProcess::pid() const { return state_->pid; }

}  // namespace dbm
