#include "script/display.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace dbm::script {
namespace {

struct Range {
  std::uint32_t first, last;
};

// After Unicode's EastAsianWidth (W and F) and the blocks of combining marks, as far as names hold them.
constexpr std::array kWide{
    Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x23e9, 0x23ec},   Range{0x2614, 0x2615},
    Range{0x2648, 0x2653},   Range{0x26aa, 0x26ab},   Range{0x26bd, 0x26be},   Range{0x2705, 0x2705},
    Range{0x270a, 0x270b},   Range{0x2728, 0x2728},   Range{0x274c, 0x274c},   Range{0x2753, 0x2755},
    Range{0x2795, 0x2797},   Range{0x2b50, 0x2b50},   Range{0x2e80, 0x303e},   Range{0x3041, 0x4dbf},
    Range{0x4e00, 0xa4cf},   Range{0xa960, 0xa97f},   Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},
    Range{0xfe30, 0xfe6f},   Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x17000, 0x18cff},
    Range{0x1f300, 0x1f64f}, Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd}};
constexpr std::array kNone{Range{0x0300, 0x036f}, Range{0x0483, 0x0489},  Range{0x0591, 0x05bd},
                           Range{0x0610, 0x061a}, Range{0x064b, 0x065f},  Range{0x1ab0, 0x1aff},
                           Range{0x1dc0, 0x1dff}, Range{0x20d0, 0x20ff},  Range{0xfe00, 0xfe0f},
                           Range{0xfe20, 0xfe2f}, Range{0xe0100, 0xe01ef}};
constexpr std::array kHidden{Range{0x0080, 0x009f}, Range{0x00ad, 0x00ad}, Range{0x061c, 0x061c},
                             Range{0x200b, 0x200f}, Range{0x2028, 0x202e}, Range{0x2060, 0x206f},
                             Range{0xfeff, 0xfeff}, Range{0xfff9, 0xfffb}, Range{0xe0000, 0xe007f}};

template <std::size_t N>
bool is_in(const std::array<Range, N>& ranges, std::uint32_t point) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return point >= range.first && point <= range.last; });
}

/// Bytes of the character that begins here, of the valid text it stands in.
std::size_t size_of(unsigned char lead) { return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; }

std::string_view take_character(std::string_view& text) {
  const std::string_view character = text.substr(0, size_of(static_cast<unsigned char>(text.front())));
  text.remove_prefix(character.size());
  return character;
}

std::uint32_t point_of(std::string_view character) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(character[i]));
  };
  if (character.size() == 1) return byte(0);
  std::uint32_t point = byte(0) & (0xffU >> (character.size() + 1));
  for (std::size_t i = 1; i < character.size(); ++i) point = point << 6 | (byte(i) & 0x3fU);
  return point;
}

std::size_t columns_of(std::string_view character) {
  if (character.size() == 1) return 1;
  const std::uint32_t point = point_of(character);
  return is_in(kWide, point) ? 2 : is_in(kNone, point) ? 0 : 1;
}

}  // namespace

std::size_t shown_columns(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) columns += columns_of(take_character(text));
  return columns;
}

std::string showable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::string_view character = take_character(text);
    const auto byte = static_cast<unsigned char>(character.front());
    if (byte < 0x20 || byte == 0x7f)
      shown += ' ';
    else if (byte >= 0x80 && is_in(kHidden, point_of(character)))
      shown += '?';
    else
      shown += character;
  }
  return shown;
}

std::pair<std::string, std::size_t> cut_around(std::string_view line, std::size_t caret, std::size_t before,
                                               std::size_t most) {
  std::string cut;
  std::size_t columns = 0;
  if (caret > before) {
    std::size_t dropped = 0;
    while (!line.empty() && dropped < caret - before + 1) dropped += columns_of(take_character(line));
    cut = "…";
    columns = 1;
    caret -= dropped - 1;
  }
  while (!line.empty()) {
    const std::size_t more = columns_of(line.substr(0, size_of(static_cast<unsigned char>(line.front()))));
    if (columns + more > most) return {cut + "…", caret};
    cut += take_character(line);
    columns += more;
  }
  return {cut, caret};
}

}  // namespace dbm::script
