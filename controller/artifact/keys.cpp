#include "artifact/keys.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "base/digest.h"
#include "base/fd.h"
#include "base/inject.h"
#include "base/redact.h"

namespace dbm::artifact {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// A longer file is no key, so no more of it is read.
constexpr std::size_t kKeyFileMax = 4096;

Error unusable(const std::filesystem::path& file, int error) {
  return {ErrorKind::Terminal, "WaitingForReference",
          "key file " + file.string() + ": " + std::generic_category().message(error), "NotFound"};
}

/// Writes the new key beside its final name and links it there: whoever links first wins, nobody sees half a
/// key.
Result<> write_new_key(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path draft = file.string() + ".new-" + random_uuid();
  const Fd out{::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!out) return unusable(file, errno);
  int failure = 0;
  if (::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(out.get()) != 0)
    failure = errno == 0 ? EIO : errno;
  if (failure == 0) {
    DBM_EFFECT(creating, "key.create");
    if (creating.must_fail()) failure = EIO;
    if (failure == 0 && ::link(draft.c_str(), file.c_str()) != 0 && errno != EEXIST) failure = errno;
    if (failure == 0) creating.done();
  }
  ::unlink(draft.c_str());
  if (failure != 0) return unusable(file, failure);
  const auto parent = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const Fd folder{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || ::fsync(folder.get()) != 0) return unusable(file, errno);
  return {};
}

Result<> make_private_folders(const std::filesystem::path& folder) {
  if (folder.empty() || std::filesystem::is_directory(folder)) return {};
  if (const auto above = make_private_folders(folder.parent_path()); !above) return above.error();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return unusable(folder, errno);
  return {};
}

}  // namespace

Result<std::string> parse_key(std::string_view text, std::string_view where) {
  auto decoded = text.size() == kKeyBytes ? Result<std::string>{std::string(text)} : from_base64(text);
  if (decoded && (*decoded).size() == kKeyBytes) {
    redact::remember(*decoded);
    return decoded;
  }
  return Error{ErrorKind::Terminal, "InvalidSpec",
               std::string(where) + ": must be a key of 32 bytes, raw or in base64; this has " +
                   (decoded && !text.empty() ? std::to_string((*decoded).size()) + " bytes after base64"
                                             : std::to_string(text.size()) + " bytes"),
               "InvalidValue"};
}

Result<std::string> load_key_file(const std::filesystem::path& file) {
  const Fd in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!in) return unusable(file, errno);
  std::string text(kKeyFileMax, '\0');
  const ssize_t size = ::read(in.get(), text.data(), text.size());
  if (size < 0) return unusable(file, errno);
  text.resize(static_cast<std::size_t>(size));
  auto key = parse_key(text, "key file " + file.string());
  OPENSSL_cleanse(text.data(), text.size());
  return key;
}

Result<LoadedKey> load_or_make_key_file(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) {
    auto key = load_key_file(file);
    if (!key) return key.error();
    return LoadedKey{std::move(*key), KeyFile::Existed};
  }
  if (const auto made = make_private_folders(file.parent_path()); !made) return made.error();
  if (const auto written = write_new_key(file, to_base64(random_bytes(kKeyBytes)) + "\n"); !written)
    return written.error();
  // Read back what stands there now: another process may have been first.
  auto key = load_key_file(file);
  if (!key) return key.error();
  return LoadedKey{std::move(*key), KeyFile::Made};
}

std::string key_id(std::string_view key) { return sha256_hex(key).substr(0, 16); }

std::string wrap_key(std::string_view store_key, std::string_view data_key) {
  const CipherContext context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  std::string wrapped(kWrappedKeyBytes + 16, '\0');
  int size = 0;
  int rest = 0;
  if (!context) std::abort();
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  // Only a lack of memory or an OpenSSL without this cipher fails here; neither can be survived.
  if (EVP_EncryptInit_ex(context.get(), EVP_aes_256_wrap_pad(), nullptr, bytes_of(store_key), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), bytes_of(wrapped), &size, bytes_of(data_key),
                        static_cast<int>(data_key.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), bytes_of(wrapped) + size, &rest) != 1)
    std::abort();
  wrapped.resize(static_cast<std::size_t>(size + rest));
  return wrapped;
}

std::string unwrap_key(std::string_view store_key, std::string_view wrapped) {
  const CipherContext context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  std::string key(wrapped.size() + 16, '\0');
  int size = 0;
  if (!context) std::abort();
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (EVP_DecryptInit_ex(context.get(), EVP_aes_256_wrap_pad(), nullptr, bytes_of(store_key), nullptr) != 1)
    std::abort();
  if (EVP_DecryptUpdate(context.get(), bytes_of(key), &size, bytes_of(wrapped),
                        static_cast<int>(wrapped.size())) != 1 ||
      size != static_cast<int>(kKeyBytes))
    return {};
  key.resize(kKeyBytes);
  return key;
}

std::string derive_key(std::string_view store_key, std::string_view purpose) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                              &EVP_KDF_free};
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context{EVP_KDF_CTX_new(kdf.get()),
                                                                          &EVP_KDF_CTX_free};
  std::string derived(kKeyBytes, '\0');
  char digest[] = "SHA256";
  std::string secret(store_key);
  std::string info(purpose);
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  if (!context || EVP_KDF_derive(context.get(), bytes_of(derived), derived.size(), parameters) != 1)
    std::abort();
  OPENSSL_cleanse(secret.data(), secret.size());
  return derived;
}

const std::string* KeyRing::find(std::string_view id) const {
  for (const std::string& key : keys) {
    if (key_id(key) == id) return &key;
  }
  return nullptr;
}

}  // namespace dbm::artifact
