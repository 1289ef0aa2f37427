#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace dbm {
namespace {

using namespace std::chrono_literals;

ProcessSpec shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }
Deadline soon() { return Deadline::after(20s); }

std::string read_all(ChildProcess& child) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const auto got = child.read(buffer, soon(), {});
    if (!got || *got == 0) return text;
    text.append(buffer.data(), *got);
  }
}

/// Dead is enough: an orphan that nobody reaps stays a zombie, which has no program.
bool is_alive(pid_t pid) {
  std::error_code gone;
  const auto program = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", gone);
  return !gone && !program.empty();
}

long open_files() {
  const auto all = std::filesystem::directory_iterator{"/proc/self/fd"};
  return std::distance(begin(all), end(all));
}

TEST(ChildProcesses, GiveTheirOutputTheirErrorsAndTheirExitCode) {
  auto child = ChildProcess::start(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(child);

  EXPECT_EQ(read_all(*child), "out\n");
  EXPECT_EQ(*child->wait(soon(), {}), 3);
  EXPECT_EQ(*child->wait(soon(), {}), 3);
  EXPECT_EQ(child->stderr_tail(), "err\n");
}

TEST(ChildProcesses, ReadWhatTheyAreGiven) {
  auto spec = shell("cat");
  spec.pipe_stdin = true;
  auto child = ChildProcess::start(spec);
  ASSERT_TRUE(child);

  ASSERT_TRUE(child->write("hello\n", soon(), {}));
  child->close_stdin();

  EXPECT_EQ(read_all(*child), "hello\n");
  EXPECT_EQ(*child->wait(soon(), {}), 0);
}

TEST(ChildProcesses, AreNotStuckByAFloodOnStandardError) {
  auto child =
      ChildProcess::start(shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo last >&2; echo out"));
  ASSERT_TRUE(child);

  EXPECT_EQ(read_all(*child), "out\n");
  EXPECT_EQ(*child->wait(soon(), {}), 0);
  const std::string tail = child->stderr_tail();
  EXPECT_EQ(tail.size(), 8192u);
  EXPECT_TRUE(tail.ends_with("xlast\n"));
}

TEST(ChildProcesses, AreNotStuckByOutputNobodyReads) {
  auto child = ChildProcess::start(shell("head -c 3000000 /dev/zero"));
  ASSERT_TRUE(child);

  EXPECT_EQ(*child->wait(soon(), {}), 0);
}

TEST(ChildProcesses, ThatNoLongerReadAreAnErrorNotASignal) {
  auto spec = shell("exec <&-; echo closed; sleep 20");
  spec.pipe_stdin = true;
  auto child = ChildProcess::start(spec);
  ASSERT_TRUE(child);
  std::array<char, 16> buffer;
  ASSERT_TRUE(child->read(buffer, soon(), {}));

  const auto written = child->write(std::string(1 << 20, 'x'), soon(), {});

  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, "ProducerFailed");
  EXPECT_EQ(written.error().message, "/bin/sh no longer reads its input");
}

TEST(ChildProcesses, KilledByASignalSayWhich) {
  auto child = ChildProcess::start(shell("kill -9 $$"));
  ASSERT_TRUE(child);

  EXPECT_EQ(*child->wait(soon(), {}), 128 + SIGKILL);
}

TEST(ChildProcesses, TakeAlongWhatTheyLeftRunning) {
  auto child = ChildProcess::start(shell("sleep 60 & echo $!; kill -TERM $$"));
  ASSERT_TRUE(child);
  std::array<char, 16> buffer;
  const auto got = child->read(buffer, soon(), {});
  ASSERT_TRUE(got);
  const pid_t grandchild = std::atoi(std::string(buffer.data(), *got).c_str());

  EXPECT_EQ(*child->wait(soon(), {}), 128 + SIGTERM);
  const auto deadline = soon();
  while (is_alive(grandchild) && !deadline.passed()) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(is_alive(grandchild));
}

TEST(ChildProcesses, AreKilledAndReapedWithTheirOwner) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::start(shell("trap '' TERM; sleep 60"));
    ASSERT_TRUE(child);
    pid = child->pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcesses, KeepNobodyWaitingPastADeadline) {
  auto child = ChildProcess::start(shell("sleep 60"));
  ASSERT_TRUE(child);
  std::array<char, 16> buffer;

  const auto read = child->read(buffer, Deadline::after(20ms), {});
  const auto ended = child->wait(Deadline::after(20ms), {});

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "Timeout");
  EXPECT_EQ(read.error().kind, ErrorKind::Transient);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason, "Timeout");
}

TEST(ChildProcesses, AreLeftAtOnceWhenAskedToStop) {
  auto child = ChildProcess::start(shell("sleep 60"));
  ASSERT_TRUE(child);
  std::stop_source source;
  std::array<char, 16> buffer;
  const auto before = std::chrono::steady_clock::now();
  std::jthread stopper{[&] {
    std::this_thread::sleep_for(
        20ms);  // the read below should be waiting by then; if not, it is cancelled all the same
    source.request_stop();
  }};

  const auto read = child->read(buffer, soon(), source.get_token());

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::Cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

TEST(ChildProcesses, SeeOurEnvironmentWithoutPgAndWithWhatIsAdded) {
  ::setenv("PGPASSWORD", "stray", 1);
  ::setenv("DBM_KEPT", "kept", 1);
  auto spec = shell("echo ${PGPASSWORD-none} ${PGHOST-none} $DBM_KEPT");
  spec.environment = {{"PGHOST", "db"}, {"DBM_KEPT", "replaced"}};
  auto child = ChildProcess::start(spec);
  ::unsetenv("PGPASSWORD");
  ASSERT_TRUE(child);

  EXPECT_EQ(read_all(*child), "none db replaced\n");
}

TEST(ChildProcesses, InheritNoFilesAndNoSignalMask) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const int inheritable = ::dup(2);
  auto child = ChildProcess::start(shell("ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status"));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(inheritable);
  ASSERT_TRUE(child);

  EXPECT_EQ(read_all(*child), "4\nSigBlk:\t0000000000000000\n");  // 0, 1, 2 and the folder ls reads
}

TEST(ChildProcesses, LeaveNoFileOpen) {
  const auto before = open_files();
  for (int i = 0; i < 20; ++i) {
    auto spec = shell("exit 0");
    spec.pipe_stdin = true;
    auto child = ChildProcess::start(spec);
    ASSERT_TRUE(child);
    ASSERT_TRUE(child->wait(soon(), {}));
    EXPECT_FALSE(ChildProcess::start({.argv = {"/nowhere/pg_dump"}}));
  }
  EXPECT_EQ(open_files(), before);
}

TEST(ChildProcesses, ThatCannotBeStartedSayWhy) {
  const auto child = ChildProcess::start({.argv = {"/nowhere/pg_dump"}});

  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().kind, ErrorKind::Terminal);
  EXPECT_EQ(child.error().message, "cannot start /nowhere/pg_dump: No such file or directory");
}

}  // namespace
}  // namespace dbm
