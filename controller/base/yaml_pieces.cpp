#include "base/yaml_pieces.h"

#include <algorithm>

namespace dbm::yaml {

Error refused(const std::string& file, int line, int column, std::string message) {
  return Error{ErrorKind::Terminal, "InvalidSpec", std::move(message), "InvalidValue"}.with_position(
      {file, line, column});
}

namespace {

/// The first byte that a YAML file cannot hold: not UTF-8, or a control character. npos: none.
std::size_t find_foreign_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      if ((lead < 0x20 && lead != '\n' && lead != '\r' && lead != '\t') || lead == 0x7f) return i;
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return i;
    }
    const auto second = static_cast<unsigned char>(text[i + 1]);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool outside = (lead == 0xed && second >= 0xa0) || (lead == 0xf4 && second >= 0x90);
    if (overlong || outside) return i;
    i += length;
  }
  return std::string_view::npos;
}

Error foreign_byte(const std::string& file, std::string_view text, std::size_t at) {
  const auto before = text.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  const auto column = start == before.npos ? at + 1 : at - start;
  const bool control = static_cast<unsigned char>(text[at]) < 0x80;
  return refused(file, static_cast<int>(line), static_cast<int>(column),
                 control ? "a control character; write it as an escape in a quoted text" : "not UTF-8");
}

bool is_marker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

}  // namespace

Result<std::vector<Piece>> split_documents(std::string_view text, const std::string& file) {
  if (const auto at = find_foreign_byte(text); at != text.npos) return foreign_byte(file, text, at);
  std::vector<Piece> pieces{{"", 1}};
  for (int number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (is_marker(line, "---")) {
      // Blanks in the marker's place, so that what follows on its line keeps its column.
      pieces.push_back({"   " + std::string(line.substr(3)) + "\n", number});
    } else if (is_marker(line, "...")) {
      pieces.push_back({"\n", number});
    } else if (line.starts_with('%') &&
               pieces.back().text.find_first_not_of(" \t\r\n") == std::string::npos) {
      return refused(file, number, 1, "YAML directives (%…) are not supported; remove the line");
    } else {
      pieces.back().text.append(line).append("\n");
    }
  }
  return pieces;
}

}  // namespace dbm::yaml
