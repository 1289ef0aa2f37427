#pragma once
/// Keys of a store: 32 secret bytes each. They wrap the data keys of artifacts and sign manifests; they never
/// encrypt data themselves, so rotating one is adding another. No error here carries a byte of a key.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dbm::artifact {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kWrappedKeyBytes = 40;

/// The 32 bytes, from a text that is either these bytes themselves or their base64 (white space around it
/// allowed). `where` names the place for the error: Terminal/InvalidSpec/InvalidValue.
Result<std::string> parse_key(std::string_view text, std::string_view where);

/// As parse_key, from a file. Terminal/WaitingForReference/NotFound when it is not there or not readable.
Result<std::string> load_key_file(const std::filesystem::path& file);

enum class KeyFile { Made, Existed };
struct LoadedKey {
  std::string key;
  KeyFile origin;
};
/// The key in `file`; where there is none yet, one is made (base64, mode 0600, its folders 0700) and is
/// durable when this returns. Two processes at once end with the same key.
Result<LoadedKey> load_or_make_key_file(const std::filesystem::path& file);

/// What a manifest calls a key: the first 8 bytes of its SHA-256, in hex.
std::string key_id(std::string_view key);

/// AES-256-KWP (RFC 5649) of a 32 byte data key: 40 bytes.
std::string wrap_key(std::string_view store_key, std::string_view data_key);
/// Empty when this is not what `store_key` wrapped.
std::string unwrap_key(std::string_view store_key, std::string_view wrapped);

/// HKDF-SHA256 without salt; `purpose` is its info. 32 bytes.
std::string derive_key(std::string_view store_key, std::string_view purpose);

/// Every key that may decrypt what a store holds.
struct KeyRing {
  std::vector<std::string> keys;
  /// Also trust sets without encryption. A store with keys refuses them otherwise: who can write to the store
  /// could exchange a set for one of their own. A store without keys accepts them always.
  bool accept_unencrypted = false;

  /// The key of this id; null when there is none.
  [[nodiscard]] const std::string* find(std::string_view id) const;
  [[nodiscard]] bool trusts_unencrypted() const { return keys.empty() || accept_unencrypted; }
};

}  // namespace dbm::artifact
