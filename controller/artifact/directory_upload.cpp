#include "artifact/directory_upload.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "artifact/errors.h"
#include "base/digest.h"
#include "base/inject.h"

namespace dbm::artifact {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
/// Between taking a folder and naming a file in it, retention may have removed the folder as empty.
constexpr int kNamingTries = 5;

/// rename that replaces nothing. File systems that do not know the flag (NFS) get link and unlink, as atomic.
int rename_new(int from, const char* draft, int to, const char* leaf) {
  if (::renameat2(from, draft, to, leaf, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::linkat(from, draft, to, leaf, 0) != 0) return errno;
  ::unlinkat(from, draft, 0);
  return 0;
}

}  // namespace

DirectoryUpload::DirectoryUpload(Fd root, SplitName name, const std::string& describe)
    : root_(std::move(root)), name_(std::move(name)), describe_(describe) {
  object_ = describe + ": " + (name_.folder.empty() ? "" : name_.folder + "/") + name_.leaf;
}

Result<std::unique_ptr<Upload>> DirectoryUpload::begin(Fd root, SplitName name, const std::string& describe) {
  std::unique_ptr<DirectoryUpload> upload{new DirectoryUpload(std::move(root), std::move(name), describe)};
  auto incoming = open_folder(upload->root_, kIncoming, Missing::Make, describe);
  if (!incoming) return incoming.error();
  upload->incoming_ = std::move(*incoming);
  upload->draft_ = random_uuid();
  upload->file_ = Fd{::openat(upload->incoming_.get(), upload->draft_.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!upload->file_) {
    const int error = errno;
    upload->draft_.clear();
    return error_of(error, upload->object_);
  }
  // Held until the descriptor closes: it says that the draft has a living owner. Where locks are not
  // supported the draft's age alone has to say it.
  (void)::flock(upload->file_.get(), LOCK_EX | LOCK_NB);
  upload->buffer_.reserve(kBufferBytes);
  return std::unique_ptr<Upload>(std::move(upload));
}

DirectoryUpload::~DirectoryUpload() {
  if (!draft_.empty()) ::unlinkat(incoming_.get(), draft_.c_str(), 0);
}

Result<> DirectoryUpload::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kBufferBytes - buffer_.size());
    buffer_.append(piece);
    bytes.remove_prefix(piece.size());
    if (buffer_.size() < kBufferBytes) break;
    if (const auto written = write_out(); !written) return written.error();
  }
  return {};
}

Result<> DirectoryUpload::write_out() {
  DBM_EFFECT(writing, "store.write");
  if (writing.must_fail()) return error_of(EIO, object_);
  for (std::string_view rest = buffer_; !rest.empty();) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_of(errno, object_);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  // Writing to the device starts now, so that the fsync at the end has little left to wait for.
  (void)::sync_file_range(file_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  writing.done();
  return {};
}

Result<> DirectoryUpload::commit() {
  if (draft_.empty()) return store_denied(object_, "was stored already");
  if (!buffer_.empty()) {
    if (const auto written = write_out(); !written) return written.error();
  }
  if (const auto durable = make_durable(); !durable) return durable.error();
  return give_name();
}

Result<> DirectoryUpload::make_durable() {
  DBM_EFFECT(syncing, "store.fsync");
  if (syncing.must_fail()) return error_of(EIO, object_);
  // A failed fsync is never repeated: the kernel may have dropped the pages and would then report success.
  if (::fsync(file_.get()) != 0) return error_of(errno, object_);
  syncing.done();
  // Out of the page cache, so that reading back asks the device.
  (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

Result<> DirectoryUpload::give_name() {
  Fd folder;
  int error = ENOENT;
  DBM_EFFECT(renaming, "store.rename");
  if (renaming.must_fail()) return error_of(EIO, object_);
  for (int tries = 0; error == ENOENT && tries < kNamingTries; ++tries) {
    auto opened = open_folder(root_, name_.folder, Missing::Make, describe_);
    if (!opened) return opened.error();
    folder = std::move(*opened);
    error = rename_new(incoming_.get(), draft_.c_str(), folder.get(), name_.leaf.c_str());
  }
  if (error == EEXIST) return store_denied(object_, "exists already, and nothing stored is ever replaced");
  if (error != 0) return error_of(error, object_);
  draft_.clear();
  renaming.done();
  DBM_EFFECT(syncing, "store.fsync-folder");
  if (syncing.must_fail()) return error_of(EIO, object_);
  if (::fsync(folder.get()) != 0) return error_of(errno, object_);
  syncing.done();
  return {};
}

}  // namespace dbm::artifact
