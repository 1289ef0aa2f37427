#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include "source/beneath.h"
#include "source/kinds.h"

namespace dbm::source {
namespace {

constexpr std::size_t kMostFiles = 100'000;
constexpr int kDeepest = 32;

Error error_of(int cause, const std::string& what) {
  const std::string words = std::generic_category().message(cause);
  switch (cause) {
    case ENOENT:
      return {ErrorKind::Waiting, "WaitingForReference", what + " does not exist", "NotFound"};
    case ENOTDIR:
    case EACCES:
      return {ErrorKind::Waiting, "WaitingForReference", what + " cannot be read: " + words, "NotFound"};
    case EXDEV:
    case ELOOP:
      return {ErrorKind::Terminal, "InvalidSpec", what + " is a link that leads out of the source root",
              "PathOutsideRoot"};
    default:
      return {ErrorKind::Transient, "WaitingForReference", what + " cannot be read: " + words, "ReadFailed"};
  }
}

/// What the texts of one folder share: the open folder, and the root for files that are reached by a link.
struct OpenFolder {
  Fd root, folder;
  std::string below;  ///< The folder's path from the root.
};

/// "a socket" for what has a file's name and is none; empty for a file.
std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "";
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a named pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

/// A file by its name below the folder. Opened by one system call each time: ten thousand of them are read in
/// a pass.
struct FileInFolder {
  std::shared_ptr<const OpenFolder> folder;
  std::string name;
  std::uint64_t size;
  bool by_link;
  std::string_view not_a_file;  ///< "a socket" where it is one.

  [[nodiscard]] Fd open() const {
    // O_NONBLOCK: whoever puts a FIFO in a script's place does not make us wait.
    constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    if (by_link) return open_beneath(folder->root.get(), folder->below + "/" + name, flags);
    if (name.find('/') == std::string::npos)
      return Fd{::openat(folder->folder.get(), name.c_str(), flags | O_NOFOLLOW)};
    return open_beneath(folder->folder.get(), name, flags | O_NOFOLLOW);
  }
};

class FileReader final : public script::ByteReader {
 public:
  FileReader(std::shared_ptr<const FileInFolder> file, Fd fd) : file_(std::move(file)), fd_(std::move(fd)) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    while (!at_end_ && !buffer.empty()) {
      const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return error_of(errno, "script " + file_->name);
      const auto count = static_cast<std::size_t>(got);
      read_ += count;
      // A short read that reaches the size seen before is the end; asking once more would double the calls.
      at_end_ = count == 0 || (count < buffer.size() && read_ >= file_->size);
      return count;
    }
    return std::size_t{0};
  }

 private:
  std::shared_ptr<const FileInFolder> file_;
  Fd fd_;
  std::uint64_t read_ = 0;
  bool at_end_ = false;
};

script::Text text_of_file(std::shared_ptr<const FileInFolder> file) {
  script::Text text;
  text.name = file->name;
  text.size = file->size;
  text.open = [file = std::move(file)]() -> Result<std::unique_ptr<script::ByteReader>> {
    // Told only when somebody wants to read it as a script: what is excluded or named otherwise does no harm.
    if (!file->not_a_file.empty())
      return Error{ErrorKind::Terminal, "SourceInvalid",
                   "is " + std::string(file->not_a_file) + ", not a file", "UnsupportedFile"}
          .with_remedy("take it out of the folder, rename it, or list it under source.exclude");
    Fd fd = file->open();
    if (!fd) return error_of(errno, "script " + file->name);
    return std::unique_ptr<script::ByteReader>(std::make_unique<FileReader>(file, std::move(fd)));
  };
  return text;
}

/// One walk through the folder and what is in it.
class Walk {
 public:
  explicit Walk(std::shared_ptr<const OpenFolder> top) : top_(std::move(top)) {}

  /// `prefix` is the folder's name below the top, with a slash at its end, or empty.
  Result<> read(Fd folder, const std::string& prefix, bool by_link, int depth) {
    if (depth > kDeepest)
      return too_many("folder " + prefix +
                      " lies more than 32 folders deep; does a link lead back to its own folder?");
    const int fd = folder.get();
    const std::unique_ptr<DIR, int (*)(DIR*)> listing{::fdopendir(fd), ::closedir};
    if (listing == nullptr) return error_of(errno, "folder " + prefix);
    static_cast<void>(folder.release());  // the listing owns it now
    while (true) {
      errno = 0;
      const dirent* const entry = ::readdir(listing.get());
      if (entry == nullptr) return errno == 0 ? Result<>{} : error_of(errno, "folder " + prefix);
      if (entry->d_name[0] == '.') continue;  // hidden, as "." and ".."
      if (const auto taken = take(fd, *entry, prefix, by_link, depth); !taken) return taken;
    }
  }

  /// What was found, in the order of names.
  Texts texts() {
    // The files are sorted before they become texts, which are heavy to move.
    std::sort(files_.begin(), files_.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
    Texts texts;
    texts.reserve(files_.size());
    for (auto& file : files_) texts.push_back(text_of_file(std::move(file)));
    return texts;
  }

 private:
  static Error too_many(std::string message) {
    return {ErrorKind::Terminal, "SourceInvalid", std::move(message), "TooManyFiles"};
  }

  Result<> take(int folder, const dirent& entry, const std::string& prefix, bool by_link, int depth) {
    const std::string name = prefix + entry.d_name;
    struct stat facts {};
    if (::fstatat(folder, entry.d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Result<>{} : error_of(errno, name);
    if (S_ISLNK(facts.st_mode)) return follow(name, depth);
    if (!is_folder(name, facts)) return add(name, facts, by_link);
    Fd below{::openat(folder, entry.d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    return below ? read(std::move(below), name + "/", by_link, depth + 1) : error_of(errno, "folder " + name);
  }

  /// A folder with a script's name is taken for a script, which it cannot be: whoever made it meant
  /// something.
  static bool is_folder(const std::string& name, const struct stat& facts) {
    return S_ISDIR(facts.st_mode) && !name.ends_with(".sql");
  }

  Result<> follow(const std::string& name, int depth) {
    const std::string path = top_->below + "/" + name;
    const Fd found = open_beneath(top_->root.get(), path, O_PATH);
    struct stat facts {};
    if (!found || ::fstat(found.get(), &facts) != 0) return error_of(errno, "'" + name + "'");
    if (!is_folder(name, facts)) return add(name, facts, true);
    Fd below = open_beneath(top_->root.get(), path, O_RDONLY | O_DIRECTORY);
    return below ? read(std::move(below), name + "/", true, depth + 1) : error_of(errno, "'" + name + "'");
  }

  Result<> add(const std::string& name, const struct stat& facts, bool by_link) {
    if (files_.size() == kMostFiles) return too_many("more than 100000 files");
    files_.push_back(std::make_shared<const FileInFolder>(FileInFolder{
        top_, name, static_cast<std::uint64_t>(facts.st_size), by_link, kind_of(facts.st_mode)}));
    return {};
  }

  std::shared_ptr<const OpenFolder> top_;
  std::vector<std::shared_ptr<const FileInFolder>> files_;
};

}  // namespace

Result<Texts> read_directory(const Place& place) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  auto top = std::make_shared<OpenFolder>();
  top->below = place.below;
  top->root = Fd{::open(place.root.c_str(), flags)};
  if (!top->root) return error_of(errno, "source root " + place.root);
  top->folder = open_beneath(top->root.get(), place.below, flags);
  if (!top->folder) return error_of(errno, "folder " + place.below + " below " + place.root);

  Walk walk{top};
  Fd listed{::openat(top->folder.get(), ".", flags)};
  if (!listed) return error_of(errno, "folder " + place.below);
  if (const auto read = walk.read(std::move(listed), "", false, 0); !read)
    return read.error().during("folder " + place.below);
  return walk.texts();
}

}  // namespace dbm::source
