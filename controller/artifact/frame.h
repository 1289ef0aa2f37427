#pragma once
/// The header and the sealed frames of an artifact. Private to the room; stream.h describes the format.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm::artifact {

inline constexpr std::size_t kHeaderBytes = 80;
inline constexpr std::size_t kFrameBytes = 65536;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kSealedFrameBytes = kFrameBytes + kTagBytes;

enum class Protection : unsigned char { None = 0, Aes256Gcm = 1 };

struct Header {
  Protection protection = Protection::None;
  std::string nonce_prefix;  ///< 7 bytes
  std::string key_id;        ///< hex of 8 bytes; empty without encryption
  std::string wrapped_key;   ///< 40 bytes; empty without encryption
  std::string owner_tag;     ///< 8 bytes, see owner_tag_of

  [[nodiscard]] std::string encode() const;
  /// Why these are not a header; empty when `header` was read.
  static std::string decode(std::string_view bytes, Header& header);
};

/// The first 8 bytes of SHA-256 of the owner's name (a ledger id).
std::string owner_tag_of(std::string_view owner);

/// Seals or opens the frames of one artifact, in order from the first. Not thread-safe. Wipes its key.
class FrameCipher {
 public:
  /// `data_key` is empty without encryption.
  FrameCipher(const Header& header, std::string data_key);
  ~FrameCipher();
  FrameCipher(FrameCipher&&) = delete;

  /// Appends the sealed frame to `out`. False when the counter is used up (256 TiB).
  [[nodiscard]] bool seal(std::string_view plain, bool last, std::string& out);
  /// Replaces `out` by the frame's content. False when anything about the frame is not as it was sealed.
  [[nodiscard]] bool open(std::string_view sealed, bool last, std::string& out);

 private:
  struct Context;
  [[nodiscard]] bool next_nonce(bool last, std::array<unsigned char, 12>& nonce);
  [[nodiscard]] std::string digest_tag(const std::array<unsigned char, 12>& nonce,
                                       std::string_view content) const;

  std::string header_, data_key_, prefix_;
  std::uint64_t counter_ = 0;
  std::unique_ptr<Context> context_;  ///< null without encryption
};

}  // namespace dbm::artifact
