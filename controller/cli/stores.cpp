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

/// The store nobody configured: made on first use and announced, so that nobody has to look for their
/// backups.
Result<> open_default(OpenedStores& opened) {
  const fs::path root = state_folder() / "backups";
  std::error_code failed;
  fs::create_directories(root, failed);
  if (failed)
    return Error{ErrorKind::Terminal, "BackupFailed",
                 "cannot make the default store " + root.string() + ": " + failed.message(), "StoreDenied"}
        .with_remedy("name a folder with --store default=DIR");
  const fs::path key_file = state_folder() / "backup-key";
  const auto key = artifact::load_or_make_key_file(key_file);
  if (!key) return key.error();
  redact::remember(key->key);
  opened.stores["default"] = {
      std::make_shared<artifact::DirectoryStore>(root.string()), key->key, {key->key}, {}};
  if (key->origin == artifact::KeyFile::Made) {
    opened.notices.push_back("Backups go to " + root.string() + " (choose with --store default=DIR).");
    opened.notices.push_back("They are encrypted with a new key, " + key_file.string() +
                             ": keep a copy elsewhere, without it no backup can be read.");
  }
  return {};
}

}  // namespace

Result<OpenedStores> open_stores(const Configuration& configuration, kubernetes::Objects& objects) {
  OpenedStores opened;
  for (const StoreConfiguration& one : configuration.stores) {
    auto store = keys_of(one.encryption, one.name, objects);
    if (!store) return store.error().during("store " + one.name);
    for (const std::string& key : store->all_keys) redact::remember(key);
    store->store = std::make_shared<artifact::DirectoryStore>(one.directory);
    opened.stores[one.name] = std::move(*store);
  }
  if (configuration.stores.empty()) {
    if (const auto made = open_default(opened); !made) return made.error();
  }
  return opened;
}

}  // namespace dbm::cli
