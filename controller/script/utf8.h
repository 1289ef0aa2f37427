#pragma once
/// Checks bytes for UTF-8 block by block. Internal to the room.

#include <cstdint>
#include <optional>
#include <string_view>

namespace dbm::script {

/// Finds the first byte that is not UTF-8 (RFC 3629), or is NUL. A character may be split between blocks.
class Utf8Check {
 public:
  /// The offset in `block` of the first bad character, negative when it began in an earlier block. After one,
  /// the object is of no more use.
  std::optional<std::int64_t> add(std::string_view block);
  /// Bytes of a character that the text ended in; 0 when it ended between two.
  [[nodiscard]] int unfinished() const { return seen_; }

 private:
  bool take(unsigned char byte);

  int need_ = 0;                 ///< Continuation bytes still to come.
  int seen_ = 0;                 ///< Bytes of the character at hand.
  unsigned char lowest_ = 0x80;  ///< Bounds of the next one.
  unsigned char highest_ = 0xbf;
};

}  // namespace dbm::script
