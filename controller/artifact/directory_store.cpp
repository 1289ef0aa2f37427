#include "artifact/directory_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "artifact/beneath.h"
#include "artifact/directory_upload.h"
#include "artifact/errors.h"
#include "base/inject.h"

namespace dbm::artifact {
namespace {

constexpr std::size_t kListMax = 1'000'000;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

/// Takes the descriptor over.
Folder read_folder(Fd descriptor) {
  Folder folder{::fdopendir(descriptor.get())};
  if (folder) (void)descriptor.release();
  return folder;
}

class FileDownload final : public Download {
 public:
  FileDownload(Fd file, std::string object) : file_(std::move(file)), object_(std::move(object)) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    ssize_t size = 0;
    do {
      size = ::read(file_.get(), buffer.data(), buffer.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0) return error_of(errno, object_);
    return static_cast<std::size_t>(size);
  }

 private:
  Fd file_;
  std::string object_;
};

/// Removes drafts whose writer is gone. Trouble here is no trouble of the caller's: the next create() tries
/// again.
void collect_abandoned(const Fd& root, const std::string& describe) {
  auto opened = open_folder(root, kIncoming, Missing::Report, describe);
  if (!opened || !*opened) return;
  const Folder folder = read_folder(std::move(*opened));
  if (!folder) return;
  const auto oldest = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() -
                                                           DirectoryStore::kAbandonedAfter);
  while (const dirent* entry = ::readdir(folder.get())) {
    const int at = ::dirfd(folder.get());
    const Fd draft{::openat(at, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat facts {};
    if (!draft || ::fstat(draft.get(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_mtime >= oldest)
      continue;
    if (::flock(draft.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) continue;
    ::unlinkat(at, entry->d_name, 0);
  }
}

struct Walk {
  const std::string& prefix;
  std::string describe;
  std::vector<StoredObject> found;

  /// Could anything below a folder of this name (with its slash) start with the prefix?
  [[nodiscard]] bool leads_on(const std::string& folder) const {
    const auto common = std::min(folder.size(), prefix.size());
    return folder.compare(0, common, prefix, 0, common) == 0;
  }
};

Result<> walk(Walk& all, Fd at, const std::string& path, int depth) {
  const Folder folder = read_folder(std::move(at));
  if (!folder) return error_of(errno, all.describe + ": " + path);
  for (errno = 0;; errno = 0) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string leaf = entry->d_name;
    // Names with a dot in front are never ours; lost+found is the file system's.
    if (leaf.front() == '.' || leaf == "lost+found") continue;
    const std::string name = path + leaf;
    struct stat facts {};
    if (::fstatat(::dirfd(folder.get()), leaf.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // removed since readdir
      return error_of(errno, all.describe + ": " + name);
    }
    if (S_ISREG(facts.st_mode) && name.starts_with(all.prefix)) {
      if (all.found.size() >= kListMax) return store_denied(all.describe, "holds more than a million files");
      all.found.push_back({name, static_cast<std::uint64_t>(facts.st_size)});
    }
    if (!S_ISDIR(facts.st_mode) || !all.leads_on(name + "/") || depth >= kDepthMax) continue;
    Fd below{::openat(::dirfd(folder.get()), leaf.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!below && errno == ENOENT) continue;
    if (!below) return error_of(errno, all.describe + ": " + name);
    if (const auto done = walk(all, std::move(below), name + "/", depth + 1); !done) return done.error();
  }
  return errno == 0 ? Result<>{} : error_of(errno, all.describe + ": " + path);
}

/// Removes a folder and those above it for as long as they are empty.
void remove_empty_folders(const Fd& root, std::string folder, const std::string& describe) {
  while (!folder.empty()) {
    const auto slash = folder.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : folder.substr(0, slash);
    const std::string leaf = slash == std::string::npos ? folder : folder.substr(slash + 1);
    const auto above = open_folder(root, parent, Missing::Report, describe);
    if (!above || !*above || ::unlinkat((*above).get(), leaf.c_str(), AT_REMOVEDIR) != 0) return;
    folder = parent;
  }
}

}  // namespace

DirectoryStore::DirectoryStore(std::string root) : root_(std::move(root)) {
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();  // "link/" would follow the link
}

std::string DirectoryStore::describe() const { return "directory " + root_; }

Result<std::unique_ptr<Upload>> DirectoryStore::create(const std::string& name) {
  auto split = split_name(name);
  if (!split) return store_denied(describe(), "\"" + name + "\" is no name for an object");
  auto root = open_root(root_, describe());
  if (!root) return root.error();
  collect_abandoned(*root, describe());
  // The name is looked at now, so that hours of writing are not for nothing; commit() decides.
  const auto folder = open_folder(*root, split->folder, Missing::Report, describe());
  if (!folder) return folder.error();
  struct stat facts {};
  if (*folder && ::fstatat((*folder).get(), split->leaf.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0)
    return store_denied(describe() + ": " + name, "exists already, and nothing stored is ever replaced");
  return DirectoryUpload::begin(std::move(*root), std::move(*split), describe());
}

Result<std::unique_ptr<Download>> DirectoryStore::open(const std::string& name) {
  const auto split = split_name(name);
  const std::string object = describe() + ": " + name;
  if (!split) return store_denied(describe(), "\"" + name + "\" is no name for an object");
  const auto root = open_root(root_, describe());
  if (!root) return root.error();
  const auto folder = open_folder(*root, split->folder, Missing::Report, describe());
  if (!folder) return folder.error();
  if (!*folder) return std::unique_ptr<Download>{};
  Fd file{::openat((*folder).get(), split->leaf.c_str(),
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
  if (!file && errno == ENOENT) return std::unique_ptr<Download>{};
  if (!file) return error_of(errno, object);
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return error_of(errno, object);
  if (!S_ISREG(facts.st_mode)) return store_denied(object, "is not a regular file");
  (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<Download>(std::make_unique<FileDownload>(std::move(file), object));
}

Result<std::vector<StoredObject>> DirectoryStore::list(const std::string& prefix) {
  auto root = open_root(root_, describe());
  if (!root) return root.error();
  Walk all{prefix, describe(), {}};
  // Straight to the folder that the prefix names: other folders may be other people's.
  const auto slash = prefix.rfind('/');
  const std::string path = slash == std::string::npos ? "" : prefix.substr(0, slash + 1);
  if (!path.empty() && !split_name(path + "x"))
    return store_denied(describe(), "\"" + prefix + "\" is no prefix");
  auto start = open_folder(*root, path, Missing::Report, describe());
  if (!start) return start.error();
  if (!*start) return std::vector<StoredObject>{};
  if (const auto walked = walk(all, std::move(*start), path, 0); !walked) return walked.error();
  std::sort(all.found.begin(), all.found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return std::move(all.found);
}

Result<> DirectoryStore::remove(const std::string& name) {
  const auto split = split_name(name);
  const std::string object = describe() + ": " + name;
  if (!split) return store_denied(describe(), "\"" + name + "\" is no name for an object");
  const auto root = open_root(root_, describe());
  if (!root) return root.error();
  const auto folder = open_folder(*root, split->folder, Missing::Report, describe());
  if (!folder) return folder.error();
  if (!*folder) return {};
  DBM_EFFECT(removing, "store.remove");
  if (removing.must_fail()) return error_of(EIO, object);
  if (::unlinkat((*folder).get(), split->leaf.c_str(), 0) != 0 && errno != ENOENT)
    return error_of(errno, object);
  // Durable before the next removal: the order in which the parts of a set go is a promise.
  if (::fsync((*folder).get()) != 0) return error_of(errno, object);
  removing.done();
  remove_empty_folders(*root, split->folder, describe());
  return {};
}

Result<std::optional<std::uint64_t>> DirectoryStore::free_bytes() {
  const auto root = open_root(root_, describe());
  if (!root) return root.error();
  struct statvfs facts {};
  if (::fstatvfs((*root).get(), &facts) != 0) return error_of(errno, describe());
  return std::optional<std::uint64_t>{static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize};
}

}  // namespace dbm::artifact
