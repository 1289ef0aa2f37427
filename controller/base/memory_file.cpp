#include "base/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace dbm {
namespace {

constexpr std::string_view kFolder = "/proc/self/fd/";
// Since Linux 6.3, where an administrator may demand it (vm.memfd_noexec); older kernels do not know the
// flag.
constexpr unsigned kNoExec = 0x0008U;  // MFD_NOEXEC_SEAL

Error failed(int cause) {
  const bool full = cause == ENOSPC || cause == ENOMEM || cause == EMFILE || cause == ENFILE;
  return {full ? ErrorKind::Transient : ErrorKind::Terminal, full ? "NoSpace" : "MemoryFileFailed",
          std::string("cannot make a file in memory: ") + std::strerror(cause)};
}

/// Kept off 0, 1 and 2, which a child's own redirections overwrite.
Fd open_nameless() {
  Fd fd{::memfd_create("dbm", MFD_CLOEXEC | kNoExec)};
  if (!fd && errno == EINVAL) fd = Fd{::memfd_create("dbm", MFD_CLOEXEC)};
  if (!fd || fd.get() > 2) return fd;
  return Fd{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)};
}

}  // namespace

Result<MemoryFile> MemoryFile::make(std::string_view bytes) {
  Fd fd = open_nameless();
  if (!fd || ::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) return failed(errno);
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return MemoryFile{std::move(fd)};
}

std::string MemoryFile::path() const { return std::string(kFolder) + std::to_string(fd_.get()); }

Result<std::string> MemoryFile::read() const {
  std::string bytes;
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t got = ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(bytes.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno);
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::optional<int> MemoryFile::descriptor_of(std::string_view path) {
  if (!path.starts_with(kFolder)) return {};
  path.remove_prefix(kFolder.size());
  int fd = -1;
  const auto [end, cause] = std::from_chars(path.data(), path.data() + path.size(), fd);
  if (cause != std::errc{} || end != path.data() + path.size() || fd < 0) return {};
  return fd;
}

}  // namespace dbm
