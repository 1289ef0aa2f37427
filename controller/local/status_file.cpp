#include "local/status_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/fd.h"
#include "base/inject.h"
#include "base/log.h"
#include "base/yaml.h"

namespace dbm::local {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Error not_written(const std::string& path, int cause) {
  const bool may_pass =
      cause == ENOSPC || cause == EDQUOT || cause == EIO || cause == EMFILE || cause == ENFILE;
  const bool full = cause == ENOSPC || cause == EDQUOT;
  return Error{may_pass ? ErrorKind::Transient : ErrorKind::Terminal, "StatusNotWritten",
               "cannot write status file " + path + ": " + std::strerror(cause),
               full ? "NoSpace" : "StatusNotWritten"}
      .with_remedy("choose another folder with --status-dir");
}

Error conflict(const std::string& path) {
  return {ErrorKind::Transient, "Conflict", "status file " + path + " is being written by another process",
          "Conflict"};
}

/// The temporary file, locked: two processes that write one status do not mix. It is the same name each time,
/// so that a crash leaves one file behind at most, which the next write takes over.
Result<Fd> open_temporary(const std::string& temporary, const std::string& path) {
  while (true) {
    Fd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644)};
    if (!fd) return not_written(path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
      return errno == EWOULDBLOCK ? conflict(path) : not_written(path, errno);
    struct stat ours {};
    struct stat named {};
    if (::fstat(fd.get(), &ours) != 0) return not_written(path, errno);
    // Whoever held the lock may have renamed the file in between; then ours is the status file by now.
    if (::lstat(temporary.c_str(), &named) == 0 && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
      return fd;
  }
}

int write_whole(int fd, std::string_view text) {
  if (::ftruncate(fd, 0) != 0) return errno;
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return ::fsync(fd) == 0 ? 0 : errno;
}

int rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return errno;
  const std::string folder = fs::path(to).parent_path().empty() ? "." : fs::path(to).parent_path().string();
  const Fd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return fd && ::fsync(fd.get()) == 0 ? 0 : errno;
}

std::int64_t number_of(const Json& metadata, const char* name, std::int64_t otherwise) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) return otherwise;
  if (found->is_number_integer()) return found->get<std::int64_t>();
  std::int64_t number = otherwise;
  const std::string text = found->is_string() ? found->get<std::string>() : "";
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::shared_ptr<const Json> member(const Json& document, const char* name) {
  const auto found = document.find(name);
  return found == document.end() ? nullptr : std::make_shared<const Json>(*found);
}

}  // namespace

std::string status_path(const std::string& manifest, const std::string& name, const std::string& status_dir) {
  const fs::path folder = status_dir.empty() ? fs::path(manifest).parent_path() : fs::path(status_dir);
  return (folder / (name + ".status.yaml")).string();
}

Result<std::optional<StoredStatus>> read_status_file(const std::string& path,
                                                     const kubernetes::ObjectKey& key) {
  std::error_code unknown;
  if (!fs::is_regular_file(path, unknown)) return std::optional<StoredStatus>{};  // a pipe would never answer
  std::ifstream stream{path, std::ios::binary};
  if (!stream) return std::optional<StoredStatus>{};
  std::ostringstream text;
  text << stream.rdbuf();
  const auto documents = yaml::parse(text.str(), path);
  if (!documents || documents->size() != 1 || !documents->front().value->is_object()) {
    log::warning("status file cannot be read and will be written anew", {{"file", path}});
    return std::optional<StoredStatus>{};
  }
  const Json& document = *documents->front().value;
  const Json metadata = document.contains("metadata") && document["metadata"].is_object()
                            ? document["metadata"]
                            : Json::object();
  if (document.value("kind", Json{}) != key.kind || metadata.value("name", Json{}) != key.name ||
      metadata.value("namespace", Json{}) != key.namespace_) {
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 path + " must be the status of " + key.kind + " " + key.namespace_ + "/" + key.name +
                     ", but holds something else",
                 "InvalidValue"}
        .with_position({path})
        .with_remedy("move it away, or choose another folder with --status-dir");
  }
  StoredStatus stored{member(document, "spec"), member(document, "status"), 1, 0};
  stored.generation = std::max<std::int64_t>(1, number_of(metadata, "generation", 1));
  stored.resource_version = std::max<std::int64_t>(0, number_of(metadata, "resourceVersion", 0));
  return std::optional{stored};
}

Result<> write_status_file(const std::string& path, const std::string& text) {
  const fs::path target{path};
  const std::string temporary = (target.parent_path() / ("." + target.filename().string() + ".tmp")).string();
  const auto fd = open_temporary(temporary, path);
  if (!fd) return fd.error();

  DBM_EFFECT(write, "status.write");
  if (const int cause = write.must_fail() ? EIO : write_whole(fd->get(), text); cause != 0) {
    ::unlink(temporary.c_str());
    return not_written(path, cause);
  }
  write.done();

  DBM_EFFECT(rename, "status.rename");
  if (const int cause = rename.must_fail() ? EIO : rename_durably(temporary, path); cause != 0) {
    ::unlink(temporary.c_str());
    return not_written(path, cause);
  }
  rename.done();
  return {};
}

}  // namespace dbm::local
