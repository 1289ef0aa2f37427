#include "cli/stores.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "artifact/directory_store.h"
#include "artifact/keys.h"
#include "base/digest.h"
#include "base/redact.h"

namespace dbm::cli {
namespace {

namespace fs = std::filesystem;
using migration::ConfiguredStore;

/// Every entry of a Secret that is a key; the named one must be.
Result<ConfiguredStore> keys_of_secret(const StoreEncryption& from, kubernetes::Objects& objects) {
  const auto secrets = objects.list("Secret", Deadline::never(), {});
  if (!secrets) return secrets.error();
  const auto secret = std::find_if(secrets->begin(), secrets->end(),
                                   [&](const auto& s) { return s.key.name == from.secret_name; });
  const auto missing = [&](const std::string& what) {
    return Error{ErrorKind::Waiting, "WaitingForReference", what + " of the store's encryption is not there",
                 "NotFound"}
        .with_remedy("give it with --secret " + from.secret_name + "=" + from.secret_key + ":@FILE");
  };
  if (secret == secrets->end()) return missing("Secret " + from.secret_name);
  const auto data = secret->document->value("data", nlohmann::ordered_json::object());
  ConfiguredStore store;
  for (const auto& [name, value] : data.items()) {
    const auto bytes = from_base64(value.is_string() ? value.get<std::string>() : "");
    const auto key = bytes ? artifact::parse_key(*bytes, "Secret " + from.secret_name + ", key " + name)
                           : Result<std::string>{bytes.error()};
    if (name == from.secret_key && !key) return key.error();
    if (!key) continue;
    store.all_keys.push_back(*key);
    if (name == from.secret_key) store.active_key = *key;
  }
  if (store.active_key.empty()) return missing("key " + from.secret_key + " in Secret " + from.secret_name);
  return store;
}

Result<ConfiguredStore> keys_of(const StoreEncryption& from, const std::string& name,
                                kubernetes::Objects& objects) {
  if (!from.secret_name.empty()) return keys_of_secret(from, objects);
  ConfiguredStore store;
  if (!from.key_file.empty()) {
    const auto key = artifact::load_key_file(from.key_file);
    if (!key) return key.error();
    store.active_key = *key;
    store.all_keys = {*key};
    return store;
  }
  store.unencrypted_reason = from.waived_reason.empty()
                                 ? "store " + name + " was given without a key (--store-key)"
                                 : from.waived_reason;
  return store;
}

fs::path state_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return fs::path(state) / "dbm";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr && *home == '/' ? home : "/var/lib") / ".local/state/dbm";
}

/// A folder that is not there yet: nothing is in it, and looking does not make it.
class FolderToCome final : public artifact::Store {
 public:
  explicit FolderToCome(fs::path root) : root_(std::move(root)) {}

  Result<std::unique_ptr<artifact::Upload>> create(const std::string&) override { return missing(); }
  Result<std::unique_ptr<artifact::Download>> open(const std::string&) override {
    return std::unique_ptr<artifact::Download>{};
  }
  Result<std::vector<artifact::StoredObject>> list(const std::string&) override {
    return std::vector<artifact::StoredObject>{};
  }
  Result<> remove(const std::string&) override { return {}; }
  /// Of the disk where it will be.
  Result<std::optional<std::uint64_t>> free_bytes() override {
    std::error_code failed;
    fs::path there = root_;
    while (there.has_relative_path() && !fs::exists(there, failed)) there = there.parent_path();
    const auto space = fs::space(there, failed);
    if (failed) return std::optional<std::uint64_t>{};
    return std::optional<std::uint64_t>{space.available};
  }
  [[nodiscard]] std::string describe() const override {
    return "directory " + root_.string() + ", made with the first backup";
  }

 private:
  [[nodiscard]] Error missing() const {
    return {ErrorKind::Terminal, "BackupFailed", "directory " + root_.string() + ": there is no such folder",
            "StoreMissing"};
  }
  fs::path root_;
};

/// The store nobody configured. Where it is said when it is made, so that nobody has to look for their
/// backups.
class DefaultStore {
 public:
  explicit DefaultStore(Announce announce) : announce_(std::move(announce)) {}

  Result<ConfiguredStore> operator()(migration::IfMissing missing) const {
    return missing == migration::IfMissing::Make ? make() : as_it_is();
  }

 private:
  [[nodiscard]] Result<ConfiguredStore> as_it_is() const {
    std::error_code failed;
    ConfiguredStore store;
    if (fs::exists(fs::symlink_status(root_, failed)))
      store.store = std::make_shared<artifact::DirectoryStore>(root_.string());
    else
      store.store = std::make_shared<FolderToCome>(root_);
    // Until there is a key, one that fits nothing stands for it: what lies there unsigned is not to be
    // trusted.
    std::string key = random_bytes(artifact::kKeyBytes);
    if (fs::exists(fs::symlink_status(key_file_, failed))) {
      auto loaded = artifact::load_key_file(key_file_);
      if (!loaded) return of_store(loaded.error());
      key = *std::move(loaded);
    }
    store.active_key = key;
    store.all_keys = {std::move(key)};
    return store;
  }

  [[nodiscard]] Result<ConfiguredStore> make() const {
    std::error_code failed;
    fs::create_directories(root_, failed);
    if (failed)
      return Error{ErrorKind::Terminal, "BackupFailed",
                   "cannot make the default store " + root_.string() + ": " + failed.message(), "StoreDenied"}
          .with_remedy("name a folder with --store default=DIR");
    const auto key = artifact::load_or_make_key_file(key_file_);
    if (!key) return of_store(key.error());
    redact::remember(key->key);
    if (key->origin == artifact::KeyFile::Made) {
      announce_("Backups go to " + root_.string() + " (choose with --store default=DIR).");
      announce_("They are encrypted with a new key, " + key_file_.string() +
                ": keep a copy elsewhere, without it no backup can be read.");
    }
    return ConfiguredStore{
        std::make_shared<artifact::DirectoryStore>(root_.string()), key->key, {key->key}, {}};
  }

  /// Nobody was told to give this key, so nobody is waited for: the store cannot be used.
  static Error of_store(Error error) {
    if (error.cause != "NotFound") return error;
    return Error{ErrorKind::Terminal, "BackupFailed", error.message, "StoreDenied"}.with_remedy(
        "name a folder with --store default=DIR");
  }

  fs::path root_ = state_folder() / "backups";
  fs::path key_file_ = state_folder() / "backup-key";
  Announce announce_;
};

}  // namespace

Result<OpenedStores> open_stores(const Configuration& configuration, kubernetes::Objects& objects,
                                 Announce announce) {
  OpenedStores opened;
  for (const StoreConfiguration& one : configuration.stores) {
    auto store = keys_of(one.encryption, one.name, objects);
    if (!store) return store.error().during("store " + one.name);
    for (const std::string& key : store->all_keys) redact::remember(key);
    store->store = std::make_shared<artifact::DirectoryStore>(one.directory);
    opened.stores[one.name] = std::move(*store);
  }
  if (configuration.stores.empty()) opened.on_demand["default"] = DefaultStore{std::move(announce)};
  return opened;
}

}  // namespace dbm::cli
