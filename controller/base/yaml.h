#pragma once
/// YAML as JSON, by the JSON schema's rules: a quoted scalar is a string, a plain one true, false, null or a
/// number where it reads as one, else a string (`yes`, `on`, `017`, `1.0.0` are strings, 0x and octal are not
/// read).

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dbm::yaml {

/// Where in the file each value stands, by JSON pointer ("/spec/source/inline/0/name"): a scalar where it
/// begins, a map or list at the key it belongs to. What an alias stands for has the alias's place only.
using Positions = std::map<std::string, Position, std::less<>>;

struct Document {
  Document();
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  std::unique_ptr<nlohmann::ordered_json> value;  ///< Never null; a JSON object for a manifest.
  Positions positions;
};

/// Adds `name` to a JSON pointer, escaped.
std::string pointer(std::string_view parent, std::string_view name);

/// The place of `pointer`, or of the nearest value around it whose place is known; only the file if there is
/// none.
Position position_of(const Positions& positions, const std::string& file, std::string_view pointer);

/// All documents of a file, empty ones left out. `file` names it in positions and errors. Refused, with file
/// and line (Terminal/InvalidSpec/InvalidValue): more than 4 MiB, more than 100,000 nodes with aliases
/// expanded, deeper than 100, duplicate keys, merge keys, tags, invalid UTF-8, anything that is no YAML.
Result<std::vector<Document>> parse(std::string_view text, const std::string& file);

/// JSON as YAML for people: block style, every string that needs it double-quoted, long SQL as it stands.
std::string emit(const nlohmann::ordered_json& value);

}  // namespace dbm::yaml
