#include "support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace dbm::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Mounts of ours are seen by nobody else. Who is not root becomes it in a namespace of their own for so long
/// as this program runs, under their own number: what is started from here has no more rights than before.
void own_mounts() {
  static bool done = false;
  if (std::exchange(done, true)) return;
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  const bool root = ::geteuid() == 0;
  if (::unshare(root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) fail("a namespace for a small disk");
  if (!root) {
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", user + " " + user + " 1");
    write_file("/proc/self/gid_map", group + " " + group + " 1");
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("a namespace for a small disk");
}

}  // namespace

SmallDisk::SmallDisk(std::int64_t bytes) {
  own_mounts();
  std::filesystem::create_directory(path());
  const std::string options = "mode=1777,size=" + std::to_string(bytes);
  if (::mount("dbm-test", path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    fail("mount a small disk");
}

SmallDisk::~SmallDisk() { ::umount2(path().c_str(), MNT_DETACH); }

std::int64_t SmallDisk::free_bytes() const {
  struct statvfs facts {};
  if (::statvfs(path().c_str(), &facts) != 0) fail("statvfs");
  return static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
}

void SmallDisk::fill(std::int64_t bytes_left) const {
  const int ballast = ::open((path() / "ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (ballast < 0) fail("fill a small disk");
  constexpr std::array<char, 4096> page{};
  while (free_bytes() > bytes_left) {
    if (::write(ballast, page.data(), page.size()) < 0 && errno != ENOSPC) fail("fill a small disk");
  }
  ::close(ballast);
}

void SmallDisk::relieve() const { std::filesystem::remove(path() / "ballast"); }

void SmallDisk::make_read_only() const {
  constexpr unsigned long flags = MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (::mount(nullptr, path().c_str(), nullptr, flags, nullptr) != 0) fail("make a small disk read-only");
}

}  // namespace dbm::test
