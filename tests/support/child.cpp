#include "support/child.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace dbm::test {
namespace {

std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (changes.count(text.substr(0, text.find('='))) == 0) all.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) all.push_back(name + "=" + value);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(const char* folder, const std::array<int, 3>& files, char** argv,
                         char** environment) {
  ::setpgid(0, 0);
  for (int target = 0; target < 3; ++target) {
    if (::dup2(files[static_cast<std::size_t>(target)], target) < 0) ::_exit(127);
  }
  if (*folder != '\0' && ::chdir(folder) != 0) ::_exit(127);
  ::execve(argv[0], argv, environment);
  ::_exit(127);
}

}  // namespace

Child Child::start(const ChildSpec& spec) {
  Child child;
  child.files_ = std::make_unique<Folder>("dbm-out");
  const auto base = child.files_->path();
  if (!spec.input.empty()) write_file(base / "in", spec.input);
  const auto input = spec.input.empty() ? std::filesystem::path("/dev/null") : base / "in";
  const std::array<int, 3> files{
      ::open(input.c_str(), O_RDONLY | O_CLOEXEC),
      ::open((base / "out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
      ::open((base / "err").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
  auto argv = spec.argv;
  auto environment = environment_with(spec.environment);
  const auto argv_pointers = pointers(argv);
  const auto environment_pointers = pointers(environment);
  child.started_ = std::chrono::steady_clock::now();
  child.pid_ = ::fork();
  if (child.pid_ == 0) {
    become(spec.folder.c_str(), files, const_cast<char**>(argv_pointers.data()),
           const_cast<char**>(environment_pointers.data()));
  }
  for (const int file : files) ::close(file);
  if (child.pid_ < 0) throw std::runtime_error("cannot fork");
  ::setpgid(child.pid_, child.pid_);  // here too, so that the group is there whoever comes first
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      ended_(other.ended_),
      peak_rss_kib_(other.peak_rss_kib_),
      files_(std::move(other.files_)),
      started_(other.started_) {}

Child::~Child() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);  // what the program itself started goes too
  if (!ended_) ::waitpid(pid_, nullptr, 0);
}

void Child::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

bool Child::running() {
  if (ended_) return false;
  int status = 0;
  rusage usage{};
  if (::wait4(pid_, &status, WNOHANG, &usage) != pid_) return true;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  peak_rss_kib_ = usage.ru_maxrss;
  return false;
}

Finished Child::wait(std::chrono::milliseconds within) {
  if (eventually([this] { return !running(); }, within)) return collect(*ended_);
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ended_ = 128 + SIGKILL;
  return collect(-1);
}

Finished Child::kill() {
  signal(SIGKILL);
  return wait();
}

std::string Child::out_so_far() const { return read_file(files_->path() / "out"); }
std::string Child::err_so_far() const { return read_file(files_->path() / "err"); }

Finished Child::collect(int exit_code) const {
  const auto duration = std::chrono::steady_clock::now() - started_;
  return {exit_code, out_so_far(), err_so_far(),
          std::chrono::duration_cast<std::chrono::milliseconds>(duration), peak_rss_kib_};
}

Finished run(const ChildSpec& spec, std::chrono::milliseconds within) {
  return Child::start(spec).wait(within);
}

}  // namespace dbm::test
