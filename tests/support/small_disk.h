#pragma once
/// A disk that is soon full.

#include <cstdint>
#include <filesystem>

#include "support/folder.h"

namespace dbm::test {

/// A small file system in memory, seen by this process and by those it starts from now on alone: it goes with
/// the last of them, so a test that dies leaves no mount behind. Needs root, or a kernel that gives users
/// namespaces of their own. Throws std::runtime_error. Make it on the main thread, before any other.
class SmallDisk {
 public:
  explicit SmallDisk(std::int64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// Where it is; every user may write there.
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "disk"; }
  [[nodiscard]] std::int64_t free_bytes() const;
  /// Fills it until so many bytes are left, whatever the server writes meanwhile.
  void fill(std::int64_t bytes_left = 0) const;
  /// Takes away what `fill` has put there.
  void relieve() const;
  /// From now on nothing can be written there, not by root either.
  void make_read_only() const;

 private:
  Folder folder_{"dbm-disk"};
};

}  // namespace dbm::test
