#pragma once
/// Folders and files for tests.

#include <filesystem>
#include <string>
#include <string_view>

namespace dbm::test {

/// A fresh folder below TMPDIR or /tmp that every user may enter (servers run as another user), removed with
/// all it holds at the end. Paths stay short enough for Unix sockets. Throws std::runtime_error.
class Folder {
 public:
  explicit Folder(std::string_view prefix = "dbm-test");
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes the file anew, its parent folders too.
void write_file(const std::filesystem::path& path, std::string_view text);
/// The whole file; throws std::runtime_error when it cannot be read.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);
/// A TCP port of 127.0.0.1 that nobody listens on now.
[[nodiscard]] int free_port();

}  // namespace dbm::test
