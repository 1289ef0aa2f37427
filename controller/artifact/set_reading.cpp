// The reading half of backup_set.h: loading and listing sets, and the results of their verifications.

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "artifact/backup_set.h"
#include "artifact/errors.h"
#include "artifact/manifest_json.h"
#include "artifact/set_names.h"
#include "artifact/small_object.h"
#include "base/digest.h"
#include "base/inject.h"

namespace dbm::artifact {
namespace {

constexpr char kVerificationFormat[] = "dbm-verification/1";
constexpr std::size_t kSmallFileMax = 64 << 10;

/// A result counts only when it speaks of this very artifact and, in an encrypted set, is signed.
std::optional<Verification> read_verification(std::string_view text, const Manifest& manifest,
                                              const KeyRing& keys) {
  const auto document = parse_strict(text, "verification");
  if (!document) return {};
  if (manifest.artifact.encrypted()) {
    const std::string* key = keys.find(manifest.artifact.key_id);
    if (key == nullptr || !signature_holds(*document, *key)) return {};
  }
  Members members{*document, ""};
  const auto level = level_of(members.text("level"));
  const bool about_this = members.text("format") == kVerificationFormat &&
                          members.text("id") == manifest.id &&
                          members.text("artifactSha256") == manifest.artifact.sha256;
  Verification result{level.value_or(Level::Checksum), members.flag("passed"), members.text("at"),
                      members.text("message")};
  if (!level || !about_this || !members.trouble().empty()) return {};
  return result;
}

Result<std::vector<Verification>> read_verifications(Store& store, const std::string& prefix,
                                                     const Manifest& manifest, const KeyRing& keys) {
  std::vector<Verification> results;
  const auto objects = store.list(prefix + kVerifiedStem);
  if (!objects) return objects.error();
  for (const StoredObject& object : *objects) {
    const auto text = get_object(store, object.name, kSmallFileMax);
    if (!text) return text.error();
    if (!*text) continue;
    if (auto result = read_verification(**text, manifest, keys)) results.push_back(std::move(*result));
  }
  // A failure of the same second counts as the later one.
  std::stable_sort(results.begin(), results.end(), [](const Verification& a, const Verification& b) {
    return std::pair{a.at, !a.passed} < std::pair{b.at, !b.passed};
  });
  return results;
}

/// "shop/orders/" of "shop/orders/0042-pre-…/".
std::string parent_of(const std::string& prefix) {
  return prefix.substr(0, prefix.rfind('/', prefix.size() - 2) + 1);
}

}  // namespace

std::string to_string(Level level) {
  switch (level) {
    case Level::Checksum:
      return "Checksum";
    case Level::Decode:
      return "Decode";
    case Level::Structure:
      break;
  }
  return "Structure";
}

std::optional<Level> level_of(const std::string& word) {
  for (const Level level : {Level::Checksum, Level::Decode, Level::Structure}) {
    if (to_string(level) == word) return level;
  }
  return {};
}

std::optional<Level> BackupSet::verified() const {
  std::optional<Level> highest;
  for (const Verification& result : verifications) {
    if (!result.passed)
      highest.reset();
    else if (!highest || *highest < result.level)
      highest = result.level;
  }
  return highest;
}

Result<BackupSet> load_set(Store& store, const std::string& prefix, const KeyRing& keys) {
  const std::string object = store.describe() + ": " + prefix + kManifestName;
  const auto complete = get_object(store, prefix + kCompleteName, kSmallFileMax);
  if (!complete) return complete.error();
  if (!*complete) return backup_failed("NotFound", store.describe(), "there is no complete backup " + prefix);
  const auto text = get_object(store, prefix + kManifestName, kJsonBytesMax);
  if (!text) return text.error();
  if (!*text) return corrupt(object, "is missing, though the set is complete");
  auto manifest = read_manifest(**text, object, keys);
  if (!manifest) return manifest.error();
  if (**complete != "sha256:" + sha256_hex(**text) + "\n")
    return corrupt(object, "is not the manifest that this set was completed with");
  const BackupOwner& owner = (*manifest).owner;
  if (prefix != owner.namespace_ + "/" + owner.name + "/" + (*manifest).id + "/")
    return corrupt(object, "is the manifest of another set, " + (*manifest).id);
  auto results = read_verifications(store, prefix, *manifest, keys);
  if (!results) return results.error();
  return BackupSet{prefix, std::move(*manifest), std::move(*results)};
}

Result<SetListing> list_sets(Store& store, const std::string& namespace_, const std::string& name,
                             const std::string& ledger_id, const KeyRing& keys) {
  const std::string base = namespace_ + "/" + name + "/";
  const auto objects = store.list(base);
  if (!objects) return objects.error();
  std::map<std::string, bool> complete_by_prefix;
  for (const StoredObject& object : *objects) {
    const auto slash = object.name.rfind('/');
    const std::string prefix = object.name.substr(0, slash + 1);
    if (prefix.size() <= base.size() || parent_of(prefix) != base) continue;
    complete_by_prefix[prefix] |= object.name.substr(slash + 1) == kCompleteName;
  }
  SetListing listing;
  for (const auto& [prefix, complete] : complete_by_prefix) {
    if (!complete) {
      listing.incomplete.push_back(prefix);
      continue;
    }
    auto set = load_set(store, prefix, keys);
    if (set && (ledger_id.empty() || (*set).manifest.owner.ledger_id == ledger_id)) {
      listing.sets.push_back(std::move(*set));
    } else if (!set) {
      // One that is being removed at this moment is no error; one of another cluster, with its own key, not
      // ours.
      if (set.error().cause == "NotFound") continue;
      if (!set.error().cause.empty() && !ledger_id.empty()) {
        const auto whose = whose_set(store, prefix, ledger_id);
        if (whose && *whose == Whose::Foreign) continue;
      }
      listing.unreadable.push_back({prefix, set.error()});
    }
  }
  std::sort(listing.sets.begin(), listing.sets.end(),
            [](const BackupSet& a, const BackupSet& b) { return newer(a.manifest, b.manifest); });
  return listing;
}

SetListing of_database(SetListing listing, const DatabaseIdentity& of) {
  listing.of = of;
  if (of.name.empty()) return listing;
  const auto others = std::stable_partition(
      listing.sets.begin(), listing.sets.end(),
      [&](const BackupSet& set) { return same_database(database_of(set.manifest), of); });
  listing.elsewhere.assign(std::make_move_iterator(others), std::make_move_iterator(listing.sets.end()));
  listing.sets.erase(others, listing.sets.end());
  return listing;
}

Result<> record_verification(Store& store, const BackupSet& set, const Verification& result,
                             const KeyRing& keys) {
  nlohmann::ordered_json document{{"format", kVerificationFormat},
                                  {"id", set.manifest.id},
                                  {"artifactSha256", set.manifest.artifact.sha256},
                                  {"level", to_string(result.level)},
                                  {"passed", result.passed},
                                  {"at", result.at},
                                  {"message", result.message}};
  if (set.manifest.artifact.encrypted()) {
    const std::string* key = keys.find(set.manifest.artifact.key_id);
    if (key == nullptr)
      return store_denied(set.prefix, "its key " + set.manifest.artifact.key_id + " is none of this store's");
    document["hmac"] = sign_json(document, *key);
  }
  const std::string name = set.prefix + kVerifiedStem + to_string(result.level) + "-" +
                           to_compact_utc(from_rfc3339(result.at)) + "-" + to_hex(random_bytes(4)) + ".json";
  using ErrorHandler = nlohmann::ordered_json::error_handler_t;
  DBM_EFFECT(recording, "backup.verified");
  if (recording.must_fail()) return backup_failed("", store.describe() + ": " + name, "could not be written");
  auto put = put_object(store, name, document.dump(1, ' ', false, ErrorHandler::replace) + "\n");
  if (put) recording.done();
  return put;
}

}  // namespace dbm::artifact
