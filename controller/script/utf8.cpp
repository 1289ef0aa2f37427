#include "script/utf8.h"

#include <cstring>

namespace dbm::script {

std::optional<std::int64_t> Utf8Check::add(std::string_view block) {
  std::size_t at = 0;
  while (at < block.size()) {
    // Eight plain bytes at a time: none has the high bit, none is NUL.
    while (need_ == 0 && at + 8 <= block.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, block.data() + at, 8);
      if (((word | (word - 0x0101010101010101ULL)) & 0x8080808080808080ULL) != 0) break;
      at += 8;
    }
    // Then singly, until the text is plain again.
    const std::size_t until = at + 8;
    for (; at < block.size() && (at < until || need_ > 0); ++at) {
      if (!take(static_cast<unsigned char>(block[at]))) return static_cast<std::int64_t>(at) - seen_;
    }
  }
  return std::nullopt;
}

bool Utf8Check::take(unsigned char byte) {
  if (need_ > 0) {
    if (byte < lowest_ || byte > highest_) return false;
    lowest_ = 0x80;
    highest_ = 0xbf;
    seen_ = --need_ == 0 ? 0 : seen_ + 1;
    return true;
  }
  if (byte < 0x80) return byte != 0;
  if (byte < 0xc2 || byte > 0xf4) return false;
  need_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  seen_ = 1;
  // No overlong forms, no surrogates, nothing above U+10FFFF.
  if (byte == 0xe0) lowest_ = 0xa0;
  if (byte == 0xed) highest_ = 0x9f;
  if (byte == 0xf0) lowest_ = 0x90;
  if (byte == 0xf4) highest_ = 0x8f;
  return true;
}

}  // namespace dbm::script
