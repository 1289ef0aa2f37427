#pragma once
/// Other programs as child processes: streamed, bounded, never through a shell.

#include <sys/types.h>

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

namespace dbm {

struct ProcessSpec {
  std::vector<std::string>
      argv;  ///< argv[0] is the path of the program; no search in PATH. No secret belongs here.
  std::map<std::string, std::string>
      environment;          ///< Added to ours, from which every PG* is taken out first.
  bool pipe_stdin = false;  ///< else /dev/null
  bool pipe_stdout = true;  ///< else /dev/null
  std::vector<int> keep_open =
      {};  ///< Of ours, handed on under their own numbers (all above 2); no others are.
};

/// One child, leader of its own process group. Its standard error is read along with everything else and the
/// last 8 KiB kept. The destructor kills the group and reaps the child. Not thread-safe.
class ChildProcess {
 public:
  /// Terminal/ProducerFailed with the errno's words when the program cannot be started.
  static Result<ChildProcess> start(const ProcessSpec& spec);

  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  /// Some bytes of standard output; 0 at its end. An end says nothing about success: ask wait().
  /// Transient/Timeout at the deadline, Cancelled when asked to stop.
  Result<std::size_t> read(std::span<char> buffer, Deadline deadline, const std::stop_token& stop);
  /// Writes all of `bytes` to standard input. Terminal/ProducerFailed when the child no longer reads.
  Result<> write(std::string_view bytes, Deadline deadline, const std::stop_token& stop);
  void close_stdin();
  /// The exit code once the child has ended; a signal counts as 128 + its number. Closes standard input and
  /// throws away what was not read of standard output, so that the child is not kept waiting. Whatever the
  /// child left running in its group is killed.
  Result<int> wait(Deadline deadline, const std::stop_token& stop);

  /// The end of standard error as read so far (all of it after wait()), scrubbed of known secrets.
  [[nodiscard]] std::string stderr_tail() const;
  [[nodiscard]] pid_t pid() const;

 private:
  struct State;
  explicit ChildProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dbm
