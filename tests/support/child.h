#pragma once
/// A program under test: started in its own process group, its output kept in files, never outliving the
/// test.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/folder.h"
#include "support/wait.h"

namespace dbm::test {

struct Finished {
  int exit_code = -1;  ///< A signal counts as 128 + its number; -1: killed by us at the deadline.
  std::string out;
  std::string err;
  std::chrono::milliseconds duration{};
  long peak_rss_kib = 0;  ///< Largest resident set of the process itself.
};

struct ChildSpec {
  std::vector<std::string> argv;                   ///< argv[0] is a path
  std::map<std::string, std::string> environment;  ///< added to ours; an empty value takes the variable out
  std::filesystem::path folder = {};               ///< where it runs; empty: where we are
  std::string input = {};                          ///< what it reads; else /dev/null
};

/// Not thread-safe. The destructor kills the group with SIGKILL.
class Child {
 public:
  /// Throws std::runtime_error when it cannot be started.
  static Child start(const ChildSpec& spec);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;  ///< To the process alone.
  [[nodiscard]] bool running();
  /// Waits for the end; at the deadline the group is killed and the exit code is -1.
  Finished wait(std::chrono::milliseconds within = kPatience);
  /// SIGKILL to the process alone, as a crash would, and waits.
  Finished kill();
  [[nodiscard]] std::string out_so_far() const;
  [[nodiscard]] std::string err_so_far() const;

 private:
  Child() = default;
  [[nodiscard]] Finished collect(int exit_code) const;

  pid_t pid_ = -1;
  std::optional<int> ended_;
  long peak_rss_kib_ = 0;
  std::unique_ptr<Folder> files_;
  std::chrono::steady_clock::time_point started_;
};

/// Starts, waits, returns.
Finished run(const ChildSpec& spec, std::chrono::milliseconds within = std::chrono::seconds{60});

}  // namespace dbm::test
