#include "base/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace dbm {

Result<TempDir> TempDir::make(std::string_view prefix) {
  const char* const parent = std::getenv("TMPDIR");
  const std::string below = parent != nullptr && *parent != '\0' ? parent : "/tmp";
  std::string path = below + "/" + std::string(prefix) + ".XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    const int cause = errno;
    const bool full = cause == ENOSPC || cause == EDQUOT;
    return Error{full ? ErrorKind::Transient : ErrorKind::Terminal, full ? "NoSpace" : "TempDirFailed",
                 "cannot make a temporary folder below " + below + ": " + std::strerror(cause)};
  }
  return TempDir{std::move(path)};
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir::~TempDir() {
  std::error_code ignored;  // nothing useful is left to do about a failure here
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace dbm
