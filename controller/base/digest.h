#pragma once
/// SHA-256 and friends, by OpenSSL. None of it fails but for lack of memory, which aborts.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dbm {

using Sha256Bytes = std::array<unsigned char, 32>;

/// SHA-256 of a stream of bytes. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  /// The digest so far begins anew after this.
  Sha256Bytes finish();
  std::string finish_hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string to_hex(std::span<const unsigned char> bytes);
std::string to_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
Sha256Bytes hmac_sha256(std::string_view key, std::string_view bytes);
std::string to_base64(std::string_view bytes);
/// Blanks and line ends between are allowed, the padding must be there. Terminal/InvalidSpec/InvalidValue
/// otherwise; the message does not repeat the text, which may be a secret.
Result<std::string> from_base64(std::string_view text);
/// Random bytes from the operating system.
std::string random_bytes(std::size_t count);
/// A UUID, version 4 (random) or 5 (of a name, in our own namespace).
std::string random_uuid();
std::string named_uuid(std::string_view name);

}  // namespace dbm
