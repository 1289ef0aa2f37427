#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace dbm {

/// A file in memory, without a name in any folder, for what a library or another program will read from a
/// path only: a password, a certificate's key. Mode 0600, as libpq demands of both. It is gone with the last
/// process that holds it open, however that ends, so nothing is left for the next user of the machine to
/// find.
class MemoryFile {
 public:
  /// Transient/NoSpace when there is no memory or no descriptor left for it, Terminal when the kernel has
  /// none.
  static Result<MemoryFile> make(std::string_view bytes = {});

  /// "/proc/self/fd/7": good in this process, and in a child that got it by ProcessSpec::keep_open. Each
  /// opening reads from the beginning.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// All that it holds now, whoever wrote it.
  [[nodiscard]] Result<std::string> read() const;

  /// The descriptor behind a path that `path()` gave; none for any other path.
  static std::optional<int> descriptor_of(std::string_view path);

 private:
  explicit MemoryFile(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace dbm
