#include "artifact/beneath.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "artifact/errors.h"
#include "base/inject.h"

namespace dbm::artifact {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::size_t kPartMax = 255;

std::string_view next_part(std::string_view& rest) {
  const auto part = rest.substr(0, rest.find('/'));
  rest.remove_prefix(part.size() == rest.size() ? part.size() : part.size() + 1);
  return part;
}

/// Makes one folder and the entry that names it durable. Being second is no error.
Result<> make_folder(const Fd& parent, const std::string& name, const std::string& object) {
  DBM_EFFECT(making, "store.mkdir");
  if (making.must_fail()) return error_of(EIO, object);
  if (::mkdirat(parent.get(), name.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return error_of(errno, object);
  }
  if (::fsync(parent.get()) != 0) return error_of(errno, object);
  making.done();
  return {};
}

}  // namespace

std::optional<SplitName> split_name(std::string_view name) {
  SplitName split;
  std::string_view rest = name;
  if (name.empty() || name.front() == '/' || name.back() == '/' || name.find('\0') != name.npos) return {};
  for (int depth = 0; !rest.empty(); ++depth) {
    const auto part = next_part(rest);
    if (part.empty() || part.front() == '.' || part.size() > kPartMax || depth >= kDepthMax) return {};
    if (rest.empty())
      split.leaf = part;
    else
      split.folder.append(split.folder.empty() ? "" : "/").append(part);
  }
  return split;
}

Error error_of(int error, std::string_view object) {
  const std::string words = std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return no_space(object, words);
    case ELOOP:
      return store_denied(object, "a symbolic link is in the way, and none is followed");
    case EACCES:
    case EPERM:
    case EROFS:
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
      return store_denied(object, words);
    case ENOENT:
      return store_missing(object, words);
    default:
      // A disk or a network mount that stumbles: worth another try.
      return {ErrorKind::Transient, "BackupFailed", std::string(object) + ": " + words};
  }
}

Result<Fd> open_root(const std::string& path, std::string_view describe) {
  Fd root{::open(path.c_str(), kFolderFlags)};
  if (root) return root;
  const int error = errno;
  if (error == ENOENT) return store_missing(describe, "there is no such folder");
  struct stat facts {};
  if ((error == ENOTDIR || error == ELOOP) && ::lstat(path.c_str(), &facts) == 0) {
    if (S_ISLNK(facts.st_mode))
      return store_denied(describe, "is a symbolic link; give the folder it points to");
    return store_missing(describe, "is not a folder");
  }
  return error_of(error, describe);
}

Result<Fd> open_folder(const Fd& root, std::string_view name, Missing missing, std::string_view describe) {
  Fd at{::openat(root.get(), ".", kFolderFlags)};
  if (!at) return error_of(errno, describe);
  std::string object(describe);
  object += ": ";
  for (std::string_view rest = name; !rest.empty();) {
    const std::string part(next_part(rest));
    object.append(part).append("/");
    Fd below{::openat(at.get(), part.c_str(), kFolderFlags)};
    if (!below && errno == ENOENT) {
      if (missing == Missing::Report) return Fd{};
      if (const auto made = make_folder(at, part, object); !made) return made.error();
      below = Fd{::openat(at.get(), part.c_str(), kFolderFlags)};
    }
    if (!below) {
      const int error = errno;
      struct stat facts {};
      const bool link =
          ::fstatat(at.get(), part.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(facts.st_mode);
      return error_of(link ? ELOOP : error, object);
    }
    at = std::move(below);
  }
  return at;
}

}  // namespace dbm::artifact
