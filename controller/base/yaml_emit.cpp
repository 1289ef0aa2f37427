// The other half of base/yaml.h: JSON as YAML for people. Needs no library but the document type.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/yaml.h"

namespace dbm::yaml {
namespace {

using Json = nlohmann::ordered_json;

/// Words that some YAML reader takes for something other than text, in lower case.
constexpr std::array<std::string_view, 12> kOtherThanText{"y", "n", "yes",  "no",    "on",   "off",
                                                          "t", "f", "true", "false", "null", "none"};

/// What every reader, of YAML 1.1 or 1.2, takes as the same text without quotes.
bool is_plain(std::string_view text) {
  if (text.empty() || text.size() > 1000) return false;
  const auto first = static_cast<unsigned char>(text.front());
  if (std::isalpha(first) == 0 && first != '_' && first != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool last = i + 1 == text.size();
    if (c == ' ' && (last || text[i + 1] == '#' || text[i + 1] == ' ')) return false;
    if (c == ':' && (last || text[i + 1] == ' ')) return false;
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view(" _-./:@+=,;()<>*'").find(c) == std::string_view::npos)
      return false;
  }
  std::string lower{text};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kOtherThanText.begin(), kOtherThanText.end(), lower) == kOtherThanText.end();
}

std::string hex_escape(unsigned byte) {
  constexpr char digits[] = "0123456789abcdef";
  return {'\\', 'x', digits[(byte >> 4) & 15], digits[byte & 15]};
}

/// Whether at `i` stands a character of several bytes that readers refuse or take for a line end: C1
/// controls, the Unicode line ends, a byte order mark. Gives its escape and its length.
std::pair<std::string, std::size_t> special_character(std::string_view text, std::size_t i) {
  const auto rest = text.substr(i, 3);
  if (rest.size() >= 2 && rest[0] == '\xc2' && static_cast<unsigned char>(rest[1]) < 0xa0)
    return {hex_escape(static_cast<unsigned char>(rest[1])), 2};
  if (rest == "\xe2\x80\xa8") return {"\\u2028", 3};
  if (rest == "\xe2\x80\xa9") return {"\\u2029", 3};
  if (rest == "\xef\xbb\xbf") return {"\\ufeff", 3};
  return {"", 0};
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (const auto [escape, length] = special_character(text, i); length > 0) {
      quoted += escape;
      i += length - 1;
    } else if (byte == '"' || byte == '\\') {
      quoted += {'\\', text[i]};
    } else if (byte == '\n') {
      quoted += "\\n";
    } else if (byte == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += hex_escape(byte);
    } else {
      quoted += text[i];
    }
  }
  return quoted += '"';
}

/// A text of several lines that reads back the same from a literal block: no control characters, no line of
/// blanks.
bool can_be_block(std::string_view text) {
  if (text.find('\n') == text.npos || text.find_first_not_of('\n') == text.npos) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f ||
        special_character(text, i).second > 0)
      return false;
  }
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty() && line.find_first_not_of(" \t") == line.npos) return false;
  }
  return true;
}

std::string block(std::string_view text, std::size_t indent) {
  std::string out = "|";
  // Blanks or an empty line first: a reader could not tell them from the indentation.
  if (text.front() == ' ' || text.front() == '\n' || text.front() == '\t') out += '2';
  if (text.back() != '\n')
    out += '-';
  else if (text.ends_with("\n\n"))
    out += '+';
  if (text.back() == '\n') text.remove_suffix(1);
  while (true) {
    const auto line = text.substr(0, text.find('\n'));
    out += '\n';
    if (!line.empty()) out.append(indent, ' ').append(line);
    if (line.size() == text.size()) return out;
    text.remove_prefix(line.size() + 1);
  }
}

/// Invalid UTF-8 replaced: no YAML file can hold it.
std::string as_utf8(const std::string& text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return text;
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string scalar(const Json& value, std::size_t indent) {
  if (value.is_string()) {
    std::string text = as_utf8(value.get_ref<const std::string&>());
    if (is_plain(text)) return text;
    return indent > 0 && can_be_block(text) ? block(text, indent) : quote(text);
  }
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  return value.dump();
}

void write(std::string& out, const Json& value, std::size_t indent);

/// A value after "key:" or "-", which already stands in `out`.
void write_after(std::string& out, const Json& value, std::size_t indent, bool in_list) {
  if (value.is_structured() && !value.empty()) {
    if (in_list && value.is_object()) {
      // The first entry of a map stands on the line of its dash.
      std::string entries;
      write(entries, value, indent + 2);
      out.append(" ").append(entries, indent + 2);
    } else {
      out += '\n';
      write(out, value, value.is_array() && !in_list ? indent : indent + 2);
    }
  } else {
    out.append(" ").append(scalar(value, indent + 2)).append("\n");
  }
}

void write(std::string& out, const Json& value, std::size_t indent) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, child] : value.items()) {
      const std::string name = as_utf8(key);
      out.append(indent, ' ').append(is_plain(name) ? name : quote(name)).append(":");
      write_after(out, child, indent, false);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const Json& child : value) {
      out.append(indent, ' ').append("-");
      write_after(out, child, indent, true);
    }
  } else {
    out.append(scalar(value, 0)).append("\n");
  }
}

}  // namespace

std::string emit(const Json& value) {
  std::string out;
  write(out, value, 0);
  return out;
}

}  // namespace dbm::yaml
