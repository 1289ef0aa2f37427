#include "local/objects.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/redact.h"
#include "base/yaml.h"
#include "local/folder.h"
#include "local/secrets.h"
#include "local/status_file.h"

namespace dbm::local {
namespace {

using Json = nlohmann::ordered_json;
using kubernetes::Object;
using kubernetes::ObjectKey;

Error conflict(const ObjectKey& key, const std::string& what) {
  return {ErrorKind::Transient, "Conflict", key.kind + " " + key.namespace_ + "/" + key.name + " " + what,
          "Conflict"};
}

/// The last net: no known secret gets into a status, whatever text it came in.
void scrub(Json& value) {
  if (value.is_string()) value = redact::scrub(value.get<std::string>());
  if (value.is_structured()) {
    for (Json& child : value) scrub(child);
  }
}

/// A Secret that the command line makes, where no manifest has it.
Object secret_of_flags(const ObjectKey& key) {
  Object object;
  object.key = key;
  object.generation = 1;
  object.resource_version = "1";
  object.document =
      std::make_shared<const Json>(Json{{"apiVersion", "v1"},
                                        {"kind", "Secret"},
                                        {"metadata", {{"name", key.name}, {"namespace", key.namespace_}}},
                                        {"data", Json::object()}});
  return object;
}

/// Lays what the command line says over a Secret, read now: a file may have been rotated.
Result<> add_flags(Object& secret, const std::vector<SecretFlag>& flags) {
  Json document = *secret.document;
  for (const SecretFlag& flag : flags) {
    if (flag.name != secret.key.name) continue;
    const auto value = read_value(flag);
    if (!value) return value.error().during("Secret " + flag.name + ", key " + flag.key);
    set_secret_value(document, flag.key, *value);
  }
  secret.document = std::make_shared<const Json>(std::move(document));
  return {};
}

}  // namespace

struct LocalObjects::State {
  explicit State(ObjectsOptions options) : folder(std::move(options)) {}

  std::mutex mutex;
  Folder folder;

  [[nodiscard]] bool flags_name(const std::string& secret) const {
    const auto& flags = folder.options().secrets;
    return std::any_of(flags.begin(), flags.end(),
                       [&](const SecretFlag& flag) { return flag.name == secret; });
  }
};

LocalObjects::LocalObjects(std::unique_ptr<State> state) : state_(std::move(state)) {}
LocalObjects::~LocalObjects() = default;

Result<std::unique_ptr<LocalObjects>> LocalObjects::load(ObjectsOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  if (const auto read = state->folder.refresh(); !read) return read.error();
  for (const SecretFlag& flag : state->folder.options().secrets) {
    if (const auto value = read_value(flag)) remember_secret_value(flag.key, *value);
  }
  return std::unique_ptr<LocalObjects>(new LocalObjects(std::move(state)));
}

Result<std::optional<Object>> LocalObjects::get(const ObjectKey& key, Deadline, const std::stop_token&) {
  const std::scoped_lock lock{state_->mutex};
  if (const auto read = state_->folder.refresh(); !read) return read.error();
  auto object = state_->folder.find(key);
  if (key.kind == "Secret" && state_->flags_name(key.name)) {
    if (!object) object = secret_of_flags(key);
    if (const auto added = add_flags(*object, state_->folder.options().secrets); !added) return added.error();
  }
  return object;
}

Result<std::vector<Object>> LocalObjects::list(const std::string& kind, Deadline, const std::stop_token&) {
  const std::scoped_lock lock{state_->mutex};
  if (const auto read = state_->folder.refresh(); !read) return read.error();
  auto all = state_->folder.all_of(kind);
  if (kind != "Secret") return all;
  for (const SecretFlag& flag : state_->folder.options().secrets) {
    if (std::none_of(all.begin(), all.end(),
                     [&](const Object& object) { return object.key.name == flag.name; }))
      all.push_back(secret_of_flags({"Secret", state_->folder.options().default_namespace, flag.name}));
  }
  for (Object& secret : all) {
    if (const auto added = add_flags(secret, state_->folder.options().secrets); !added) return added.error();
  }
  return all;
}

Result<> LocalObjects::apply_status(const Object& object, const Json& status, Deadline,
                                    const std::stop_token&) {
  const std::scoped_lock lock{state_->mutex};
  Folder& folder = state_->folder;
  if (const auto read = folder.refresh(); !read) return read.error().during("write the status");
  Known* const known = folder.known_of(object.key);
  if (known == nullptr) return conflict(object.key, "is no longer there");
  if (std::to_string(known->resource_version) != object.resource_version)
    return conflict(object.key, "has changed since it was read");

  // The caller may know the true generation from the ledger; of this spec only, not of one that was edited
  // meanwhile.
  if (same_spec(*object.document, *known->document)) known->generation = object.generation;

  auto clean = std::make_shared<Json>(status);
  scrub(*clean);
  // The caller compares what it says; scrubbed it may say what stands there already.
  if (known->status != nullptr && *known->status == *clean) return {};
  Json document = *folder.find(object.key)->document;
  document["metadata"]["resourceVersion"] = std::to_string(known->resource_version + 1);
  document["status"] = *clean;
  const std::string path = folder.status_file_of(*folder.manifest_of(object.key));
  if (const auto written = write_status_file(path, yaml::emit(document)); !written) return written.error();
  ++known->resource_version;
  known->status = std::move(clean);
  known->status_stamp = stamp_of(path);
  return {};
}

void LocalObjects::emit(const Object& object, const kubernetes::Event& event) {
  const auto& sink = state_->folder.options().on_event;
  if (!sink) return;
  kubernetes::Event clean = event;
  clean.note = redact::scrub(std::move(clean.note));
  sink(object, clean);
}

std::string LocalObjects::status_file(const Object& object) const {
  return status_path(object.file, object.key.name, state_->folder.options().status_dir);
}

}  // namespace dbm::local
