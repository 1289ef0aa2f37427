#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "source/kinds.h"

namespace dbm::source {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 9> kArchives{".gz", ".tgz", ".tar", ".zip", ".bz2",
                                                    ".xz", ".zst", ".7z",  ".Z"};

Error not_found(const std::string& message) {
  return {ErrorKind::Waiting, "WaitingForReference", message, "NotFound"};
}
Error unsupported(const std::string& message) {
  return {ErrorKind::Terminal, "SourceInvalid", message, "UnsupportedFile"};
}

/// A member of the ConfigMap, an empty object when it is not there.
const Json& member(const Json& document, const char* name) {
  static const Json none = Json::object();
  const auto found = document.find(name);
  return found != document.end() && found->is_object() ? *found : none;
}

bool leaves_the_volume(const std::string& path) {
  if (path.empty() || path.front() == '/') return true;
  for (std::size_t from = 0; from <= path.size();) {
    const auto end = std::min(path.find('/', from), path.size());
    const auto part = path.substr(from, end - from);
    if (part.empty() || part == "." || part == "..") return true;
    from = end + 1;
  }
  return false;
}

/// Collects the texts of one ConfigMap after another.
class Collector {
 public:
  explicit Collector(const migration::Migration& migration) : migration_(migration) {}

  Result<> add_all(const Json& config_map, const std::string& name) {
    const Json& binary = member(config_map, "binaryData");
    if (!binary.empty()) return binary_entry(name, binary.begin().key());
    for (const auto& [key, value] : member(config_map, "data").items()) {
      if (const auto added = add(name, key, key, value); !added) return added;
    }
    return {};
  }

  Result<> add_items(const Json& config_map, const std::string& name,
                     const std::vector<migration::KeyToPath>& items, const std::string& pointer) {
    const Json& data = member(config_map, "data");
    for (std::size_t i = 0; const auto& [key, path] : items) {
      const Position at = position_in(migration_, pointer + "/" + std::to_string(i++));
      if (leaves_the_volume(path)) {
        return Error{ErrorKind::Terminal, "InvalidSpec",
                     "path '" + path + "' must be relative and without '..'", "PathOutsideRoot"}
            .with_position(at);
      }
      if (member(config_map, "binaryData").contains(key)) return binary_entry(name, key).with_position(at);
      if (!data.contains(key))
        return not_found("ConfigMap " + name + " has no key '" + key + "'").with_position(at);
      if (const auto added = add(name, key, path, data[key]); !added) return added;
    }
    return {};
  }

  Texts take() {
    std::sort(texts_.begin(), texts_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return std::move(texts_);
  }

 private:
  static Error binary_entry(const std::string& name, const std::string& key) {
    return unsupported("ConfigMap " + name + ": '" + key +
                       "' is binary data; only plain text under data is read");
  }

  Result<> add(const std::string& config_map, const std::string& key, const std::string& path,
               const Json& value) {
    if (std::any_of(kArchives.begin(), kArchives.end(),
                    [&](std::string_view end) { return key.ends_with(end); }))
      return unsupported("ConfigMap " + config_map + ": '" + key +
                         "' is an archive; only plain scripts are read");
    if (!value.is_string())
      return unsupported("ConfigMap " + config_map + ": the value of '" + key + "' must be text");
    const auto [first, added] = given_by_.emplace(path, config_map);
    if (!added) {
      const std::string who = first->second == config_map
                                  ? "ConfigMap " + config_map + " gives"
                                  : "ConfigMaps " + first->second + " and " + config_map + " both give";
      return Error{ErrorKind::Terminal, "SourceInvalid",
                   who + " '" + path + "'" + (first->second == config_map ? " twice" : "") +
                       "; each path may come once",
                   "DuplicateFile"};
    }
    texts_.push_back(script::text_of(path, value.get<std::string>()));
    return {};
  }

  const migration::Migration& migration_;
  std::map<std::string, std::string> given_by_;
  Texts texts_;
};

}  // namespace

Result<Texts> read_config_maps(const migration::Migration& migration, kubernetes::Objects& objects,
                               Deadline deadline, const std::stop_token& stop) {
  Collector collector{migration};
  for (std::size_t i = 0; const migration::ConfigMapSource& source : migration.spec.source.config_maps) {
    const std::string pointer = "/spec/source/configMaps/" + std::to_string(i++);
    const std::string name = migration.object.key.namespace_ + "/" + source.name;
    const auto found =
        objects.get({"ConfigMap", migration.object.key.namespace_, source.name}, deadline, stop);
    if (!found) return found.error().during("read ConfigMap " + name);
    if (!*found)
      return not_found("ConfigMap " + name + " does not exist")
          .with_position(position_in(migration, pointer));

    const Json& document = *(*found)->document;
    const auto added = source.items.empty()
                           ? collector.add_all(document, name)
                           : collector.add_items(document, name, source.items, pointer + "/items");
    if (!added)
      return added.error().at.file.empty() ? added.error().with_position(position_in(migration, pointer))
                                           : added.error();
  }
  return collector.take();
}

}  // namespace dbm::source
