#include "local/folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/digest.h"
#include "local/secrets.h"

namespace dbm::local {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMigration = "DatabaseMigration";

bool is_regular(const std::string& file) {
  struct stat facts {};
  return ::stat(file.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

std::string name_of(const kubernetes::ObjectKey& key) {
  return key.kind + " " + key.namespace_ + "/" + key.name;
}

}  // namespace

bool same_spec(const Json& a, const Json& b) {
  const auto sorted = [](const Json& document) {
    return nlohmann::json::parse(
        document.value("spec", Json::object()).dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  return sorted(a) == sorted(b);
}

std::string Folder::status_file_of(const Manifest& manifest) const {
  return status_path(manifest.file, manifest.key.name, options_.status_dir);
}

/// A pipe (a shell's <(…)) can be read once only and never counts as changed.
bool Folder::has_changed(const std::vector<std::string>& paths) const {
  return !std::equal(paths.begin(), paths.end(), files_.begin(), files_.end(),
                     [](const std::string& path, const File& file) {
                       return path == file.path && (!file.regular || stamp_of(path) == file.stamp);
                     });
}

Result<> Folder::check_unique(const std::vector<Manifest>& manifests) const {
  std::map<kubernetes::ObjectKey, const Manifest*> seen;
  std::map<std::string, const Manifest*> status_files;
  for (const Manifest& manifest : manifests) {
    const auto [first, added] = seen.emplace(manifest.key, &manifest);
    if (!added) {
      return Error{ErrorKind::Terminal, "InvalidSpec",
                   name_of(manifest.key) + " must be given once; it also stands in " +
                       to_string(first->second->position("")),
                   "InvalidValue"}
          .with_position(manifest.position(""));
    }
    if (manifest.key.kind != kMigration) continue;
    const auto [other, alone] = status_files.emplace(status_file_of(manifest), &manifest);
    if (!alone) {
      return Error{ErrorKind::Terminal, "InvalidSpec",
                   name_of(manifest.key) + " must have a status file of its own; " + other->first +
                       " is that of " + name_of(other->second->key) + " too",
                   "InvalidValue"}
          .with_position(manifest.position(""))
          .with_remedy("keep the two in different folders, without --status-dir");
    }
  }
  return {};
}

Result<> Folder::refresh() {
  const auto paths = files_of(options_.paths);
  if (!paths) return paths.error();
  if (!loaded_ || has_changed(*paths)) {
    std::vector<File> files;
    std::vector<Manifest> manifests;
    for (const std::string& path : *paths) {
      files.push_back({path, stamp_of(path),
                       is_regular(path)});  // before it is read: a change meanwhile is seen next time
      const auto known = std::find_if(files_.begin(), files_.end(),
                                      [&](const File& file) { return file.path == path && !file.regular; });
      if (loaded_ && known != files_.end()) {
        std::copy_if(manifests_.begin(), manifests_.end(), std::back_inserter(manifests),
                     [&](const Manifest& m) { return m.file == path; });
        continue;
      }
      auto read = read_manifests(path, options_.default_namespace);
      if (!read) return read.error();
      std::move(read->begin(), read->end(), std::back_inserter(manifests));
    }
    if (const auto unique = check_unique(manifests); !unique) return unique;
    files_ = std::move(files);
    manifests_ = std::move(manifests);
    loaded_ = true;
  }
  for (const Manifest& manifest : manifests_) {
    if (manifest.key.kind != kMigration) continue;
    if (const auto read = refresh_status(manifest); !read) return read;
  }
  return {};
}

/// Brings what is known of a migration up to its manifest and its status file.
Result<> Folder::refresh_status(const Manifest& manifest) {
  const std::string path = status_file_of(manifest);
  const auto found = known_.find(manifest.key);
  const bool is_new = found == known_.end();
  Known known = is_new ? Known{} : found->second;

  if (const Stamp stamp = stamp_of(path); is_new || stamp != known.status_stamp) {
    const auto stored = read_status_file(path, manifest.key);
    if (!stored) return stored.error();
    known.status_stamp = stamp;
    known.status = *stored ? (*stored)->status : nullptr;
    if (*stored && is_new) {
      // As if the manifest of then were known: whether the spec has changed is asked below.
      Json before = Json::object();
      before["spec"] = (*stored)->spec != nullptr ? *(*stored)->spec : Json::object();
      known.document = std::make_shared<const Json>(std::move(before));
      known.generation = (*stored)->generation;
    }
    // Another process wrote it: an object that was read before is out of date.
    if (*stored)
      known.resource_version =
          std::max(known.resource_version + (is_new ? 0 : 1), (*stored)->resource_version);
  }
  if (known.document != manifest.document) {
    if (known.document != nullptr && !same_spec(*known.document, *manifest.document)) ++known.generation;
    if (!is_new) ++known.resource_version;
    known.document = manifest.document;
  }
  known_[manifest.key] = std::move(known);
  return {};
}

const Manifest* Folder::manifest_of(const kubernetes::ObjectKey& key) const {
  const auto found = std::find_if(manifests_.begin(), manifests_.end(),
                                  [&](const Manifest& manifest) { return manifest.key == key; });
  return found == manifests_.end() ? nullptr : &*found;
}

Known* Folder::known_of(const kubernetes::ObjectKey& key) {
  const auto found = known_.find(key);
  return manifest_of(key) == nullptr || found == known_.end() ? nullptr : &found->second;
}

kubernetes::Object Folder::object_of(const Manifest& manifest) const {
  kubernetes::Object object;
  object.key = manifest.key;
  object.file = manifest.file;
  object.position = [manifest](const std::string& pointer) { return manifest.position(pointer); };
  const std::string owner = "local/" + manifest.key.namespace_ + "/" + manifest.key.name;
  object.uid = named_uuid(manifest.key.kind == kMigration ? owner : manifest.key.kind + "/" + owner);
  object.generation = 1;
  object.resource_version = "1";
  Json document = *manifest.document;
  if (const auto known = known_.find(manifest.key); known != known_.end()) {
    object.generation = known->second.generation;
    object.resource_version = std::to_string(known->second.resource_version);
    if (known->second.status != nullptr) document["status"] = *known->second.status;
  }
  Json& metadata = document["metadata"];
  metadata["uid"] = object.uid;
  metadata["generation"] = object.generation;
  metadata["resourceVersion"] = object.resource_version;
  object.deleted = metadata.contains("deletionTimestamp") && !metadata["deletionTimestamp"].is_null();
  object.document = std::make_shared<const Json>(std::move(document));
  return object;
}

std::optional<kubernetes::Object> Folder::find(const kubernetes::ObjectKey& key) const {
  const Manifest* const manifest = manifest_of(key);
  if (manifest == nullptr) return {};
  return object_of(*manifest);
}

std::vector<kubernetes::Object> Folder::all_of(const std::string& kind) const {
  std::vector<kubernetes::Object> all;
  for (const Manifest& manifest : manifests_) {
    if (manifest.key.kind == kind) all.push_back(object_of(manifest));
  }
  return all;
}

}  // namespace dbm::local
