#include "source/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

namespace dbm::source {
namespace {

std::string link_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::string name_of(int fd) {
  std::array<char, PATH_MAX> name;
  const ssize_t size = ::readlink(link_of(fd).c_str(), name.data(), name.size());
  return size < 0 ? std::string{} : std::string(name.data(), static_cast<std::size_t>(size));
}

}  // namespace

Fd open_beneath(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed while the kernel looked, and it could not tell whether the path stays
  // beneath.
  for (int attempt = 0; attempt < 16; ++attempt) {
    Fd opened{static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how))};
    if (opened || errno != EAGAIN) {
      if (!opened && (errno == ENOSYS || errno == EPERM)) return open_beneath_by_name(root, path, flags);
      return opened;
    }
  }
  errno = EAGAIN;
  return {};
}

Fd open_beneath_by_name(int root, const std::string& path, int flags) {
  if (path.starts_with('/')) {
    errno = EXDEV;
    return {};
  }
  const Fd found{::openat(root, path.c_str(), O_PATH | O_CLOEXEC)};
  if (!found) return {};
  // Where it is now, all links followed; what is opened below is this very file, whatever its name means by
  // then.
  const std::string around = name_of(root);
  const std::string name = name_of(found.get());
  if (around.empty() ||
      (around != "/" && name != around && !std::string_view(name).starts_with(around + "/"))) {
    errno = EXDEV;
    return {};
  }
  return Fd{::open(link_of(found.get()).c_str(), flags | O_CLOEXEC)};
}

}  // namespace dbm::source
