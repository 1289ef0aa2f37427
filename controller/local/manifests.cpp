#include "local/manifests.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "local/names.h"
#include "local/secrets.h"

namespace dbm::local {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBytes =
    4 * 1024 * 1024;  // base/yaml refuses more; reading one byte past it is enough
constexpr std::string_view kOurGroup = "dbmigration.dev";
constexpr std::string_view kOurVersion = "dbmigration.dev/v1alpha1";
constexpr std::string_view kConfigGroup = "config.dbmigration.dev";
constexpr std::string_view kConfigVersion = "config.dbmigration.dev/v1alpha1";

Error unreadable(const std::string& path, const std::string& words) {
  return Error{ErrorKind::Terminal, "InvalidSpec", "cannot read " + path + ": " + words, "NotFound"}
      .with_position({path});
}

bool is_manifest_name(const std::string& name) {
  return !name.starts_with('.') && !name.ends_with(".status.yaml") &&
         (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

std::string text_at(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Result<std::string> read_file(const std::string& file) {
  std::ifstream stream{file, std::ios::binary};
  if (!stream) return unreadable(file, std::strerror(errno));
  std::string text(kMostBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return unreadable(file, std::strerror(errno));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

/// Takes the objects of one file's documents one by one.
class Taker {
 public:
  Taker(const std::string& file, const std::string& default_namespace)
      : file_(file), default_namespace_(default_namespace) {}

  Result<> take_document(yaml::Document document) {
    positions_ = std::make_shared<const yaml::Positions>(std::move(document.positions));
    return take(*document.value, "");
  }

  std::vector<Manifest> manifests;

 private:
  [[nodiscard]] Error refused(const std::string& pointer, std::string message,
                              const char* cause = "InvalidValue") const {
    return Error{ErrorKind::Terminal, "InvalidSpec", std::move(message), cause}.with_position(
        yaml::position_of(*positions_, file_, pointer));
  }

  Result<> take(const Json& object, const std::string& pointer) {
    const std::string version = text_at(object, "apiVersion");
    const std::string kind = text_at(object, "kind");
    if (version.empty() || kind.empty()) return refused(pointer, "a manifest must have apiVersion and kind");
    if (kind == "List" && version == "v1") return take_list(object, pointer);
    const auto wanted = is_wanted(version, kind, pointer);
    if (!wanted) return wanted.error();
    return *wanted == Wanted::Yes ? add(object, kind, pointer) : Result<>{};
  }

  Result<> take_list(const Json& list, const std::string& pointer) {
    const auto items = list.find("items");
    if (items == list.end() || !items->is_array()) return refused(pointer, "a List must have items");
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (const auto taken = take((*items)[i], pointer + "/items/" + std::to_string(i)); !taken) return taken;
    }
    return {};
  }

  enum class Wanted { Yes, No };
  Result<Wanted> is_wanted(const std::string& version, const std::string& kind,
                           const std::string& pointer) const {
    const std::string group = version.substr(0, version.find('/'));
    const auto must_be = [&](std::string_view known) {
      return refused(pointer + "/apiVersion",
                     "apiVersion of a " + kind + " must be " + std::string(known) + ", not " + version);
    };
    if (group == kOurGroup && kind != "DatabaseMigration")
      return refused(pointer + "/kind",
                     "kind must be DatabaseMigration in group dbmigration.dev, not " + kind);
    if (group == kConfigGroup && kind != "OperatorConfiguration")
      return refused(pointer + "/kind",
                     "kind must be OperatorConfiguration in group config.dbmigration.dev, not " + kind);
    if (kind == "DatabaseMigration")
      return version == kOurVersion ? Result<Wanted>{Wanted::Yes} : must_be(kOurVersion);
    if (kind == "OperatorConfiguration")
      return version == kConfigVersion ? Result<Wanted>{Wanted::No} : must_be(kConfigVersion);
    return version == "v1" && (kind == "Secret" || kind == "ConfigMap") ? Wanted::Yes : Wanted::No;
  }

  Result<> add(const Json& object, const std::string& kind, const std::string& pointer) {
    const auto metadata = object.find("metadata");
    const Json none = Json::object();
    const Json& named = metadata != object.end() ? *metadata : none;
    Manifest manifest;
    manifest.key = {kind, text_at(named, "namespace"), text_at(named, "name")};
    if (manifest.key.namespace_.empty()) manifest.key.namespace_ = default_namespace_;
    if (!is_object_name(manifest.key.name)) {
      return refused(pointer + "/metadata/name",
                     "metadata.name must be given: lower-case letters, digits, '-' and '.', at most 253, "
                     "such as orders");
    }
    if (!is_namespace_name(manifest.key.namespace_) ||
        (named.contains("namespace") && !named["namespace"].is_string()))
      return refused(pointer + "/metadata/namespace",
                     "metadata.namespace must be lower-case letters, digits and '-', at most 63");

    Json document = object;
    document.erase("status");  // of a printed object: ours is the status file
    document["metadata"]["namespace"] = manifest.key.namespace_;
    if (kind == "Secret") {
      if (const auto normal = normalise_secret(
              document,
              [&](const std::string& at) { return yaml::position_of(*positions_, file_, pointer + at); });
          !normal)
        return normal.error();
    }
    manifest.document = std::make_shared<const Json>(std::move(document));
    manifest.file = file_;
    manifest.pointer = pointer;
    manifest.positions = positions_;
    manifests.push_back(std::move(manifest));
    return {};
  }

  const std::string& file_;
  const std::string& default_namespace_;
  std::shared_ptr<const yaml::Positions> positions_;
};

}  // namespace

Position Manifest::position(const std::string& of) const {
  return yaml::position_of(*positions, file, pointer + of);
}

Stamp stamp_of(const std::string& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) return {};
  const auto nanoseconds = [](const timespec& at) {
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
  };
  return {facts.st_dev, facts.st_ino, facts.st_size, nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim)};
}

Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code cause;
    if (!fs::is_directory(path, cause)) {
      if (cause) return unreadable(path, cause.message());
      if (path.ends_with(".status.yaml")) return unreadable(path, "it is a status file; give the manifest");
      files.push_back(path);
      continue;
    }
    std::vector<std::string> names;
    for (fs::directory_iterator entry{path, cause}, end; !cause && entry != end; entry.increment(cause)) {
      std::error_code gone;
      const std::string name = entry->path().filename();
      if (is_manifest_name(name) && !entry->is_directory(gone)) names.push_back(name);
    }
    if (cause) return unreadable(path, cause.message());
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) files.push_back((fs::path(path) / name).string());
  }
  return files;
}

Result<std::vector<Manifest>> read_manifests(const std::string& file, const std::string& default_namespace) {
  const auto text = read_file(file);
  if (!text) return text.error();
  auto documents = yaml::parse(*text, file);
  if (!documents) return documents.error();
  Taker taker{file, default_namespace};
  for (yaml::Document& document : *documents) {
    if (const auto taken = taker.take_document(std::move(document)); !taken) return taken.error();
  }
  return std::move(taker.manifests);
}

}  // namespace dbm::local
