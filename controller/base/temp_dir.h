#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace dbm {

/// A directory of our own, mode 0700, removed with all it holds when this goes.
class TempDir {
 public:
  /// Below TMPDIR or /tmp. Transient/NoSpace or Terminal when it cannot be made.
  static Result<TempDir> make(std::string_view prefix);

  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace dbm
