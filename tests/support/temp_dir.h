#pragma once
/// A folder for tests of single rooms, which link nothing of tests/support.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/result.h"

namespace dbm {

/// A folder of our own, mode 0700, removed with all it holds when this goes.
class TempDir {
 public:
  /// Below TMPDIR or /tmp.
  static Result<TempDir> make(std::string_view prefix) {
    const char* const parent = std::getenv("TMPDIR");
    const std::string below = parent != nullptr && *parent != '\0' ? parent : "/tmp";
    std::string path = below + "/" + std::string(prefix) + ".XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
      return Error{ErrorKind::Terminal, "TempDirFailed",
                   "cannot make a temporary folder below " + below + ": " + std::strerror(errno)};
    return TempDir{std::move(path)};
  }

  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir() {
    std::error_code ignored;  // nothing useful is left to do about a failure here
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace dbm
