#include "artifact/manifest.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "artifact/errors.h"
#include "artifact/frame.h"
#include "artifact/manifest_json.h"

namespace dbm::artifact {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kCipherName[] = "AES-256-GCM-STREAM/1";
/// The members that are ours; all others are the engine's facts.
constexpr std::array kOwnMembers{"format",    "id",     "startedAt", "finishedAt",     "method", "quiesced",
                                 "migration", "engine", "artifact",  "schemaArtifact", "hmac"};

bool is_own(const std::string& name) {
  return std::any_of(kOwnMembers.begin(), kOwnMembers.end(), [&](const char* own) { return name == own; });
}

bool is_hex(const std::string& text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Json artifact_to_json(const ArtifactFacts& facts) {
  Json parts = Json::array();
  for (const Part& part : facts.parts)
    parts.push_back({{"n", parts.size() + 1}, {"bytes", part.bytes}, {"sha256", part.sha256}});
  Json out{{"plainBytes", facts.plain_bytes},
           {"plainSha256", facts.plain_sha256},
           {"bytes", facts.bytes},
           {"sha256", facts.sha256},
           {"parts", std::move(parts)}};
  out["compression"] = {{"algo", "zstd"}, {"level", kCompressionLevel}};
  if (facts.encrypted())
    out["encryption"] = {{"algo", kCipherName},
                         {"keyId", facts.key_id},
                         {"wrappedKey", facts.wrapped_key},
                         {"frame", kFrameBytes}};
  return out;
}

void read_parts(Members& members, ArtifactFacts& facts) {
  std::uint64_t total = 0;
  for (const Json& item : members.array("parts")) {
    if (!item.is_object()) return members.refuse("parts", "a list of objects");
    Members part{item, ""};
    const std::uint64_t number = part.size("n");
    facts.parts.push_back({part.size("bytes"), part.text("sha256")});
    total += facts.parts.back().bytes;
    if (!part.trouble().empty() || number != facts.parts.size() || !is_hex(facts.parts.back().sha256, 64))
      return members.refuse("parts", "numbered from 1, each with bytes and sha256");
  }
  if (total != facts.bytes) members.refuse("parts", "as long together as the artifact");
}

void read_encryption(const Json& object, Members& members, ArtifactFacts& facts) {
  if (!object.contains("encryption")) return;
  Members encryption{members.object("encryption"), ""};
  facts.key_id = encryption.text("keyId");
  facts.wrapped_key = encryption.text("wrappedKey");
  if (encryption.text("algo") != kCipherName || encryption.size("frame") != kFrameBytes ||
      !is_hex(facts.key_id, 16) || !is_hex(facts.wrapped_key, 2 * kWrappedKeyBytes) ||
      !encryption.trouble().empty())
    members.refuse("encryption", "AES-256-GCM-STREAM/1 with frame 65536, keyId and wrappedKey");
}

/// Returns the trouble, empty when all was well.
std::string artifact_from_json(const Json& object, const std::string& path, ArtifactFacts& facts) {
  Members members{object, path};
  facts.plain_bytes = members.size("plainBytes");
  facts.bytes = members.size("bytes");
  facts.plain_sha256 = members.text("plainSha256");
  facts.sha256 = members.text("sha256");
  if (!is_hex(facts.plain_sha256, 64)) members.refuse("plainSha256", "64 hexadecimal digits");
  if (!is_hex(facts.sha256, 64)) members.refuse("sha256", "64 hexadecimal digits");
  Members compression{members.object("compression"), ""};
  if (compression.text("algo") != "zstd") members.refuse("compression", "zstd");
  read_parts(members, facts);
  read_encryption(object, members, facts);
  return members.trouble();
}

Result<Json> parse_facts(const std::string& facts) {
  const Error refused =
      corrupt("manifest", "the engine's facts must be a JSON object without members of the manifest's own");
  auto document = parse_strict(facts, "manifest");
  if (!document) return refused;
  for (const auto& [name, value] : (*document).items()) {
    if (is_own(name)) return refused;
  }
  return document;
}

std::string read_members(const Json& document, Manifest& manifest) {
  Members members{document, ""};
  manifest.id = members.text("id");
  manifest.started_at = members.text("startedAt");
  manifest.finished_at = members.text("finishedAt");
  manifest.method = members.text("method");
  manifest.quiesced = members.flag("quiesced");
  manifest.engine = members.text("engine");
  Members migration{members.object("migration"), "migration."};
  manifest.owner = {migration.text("namespace"),  migration.text("name"),     migration.text("version"),
                    migration.text("planDigest"), migration.text("ledgerId"), migration.number("epoch")};
  if (!members.trouble().empty()) return members.trouble();
  if (!migration.trouble().empty()) return migration.trouble();
  const Json& artifact = members.object("artifact");
  if (!members.trouble().empty()) return members.trouble();
  if (auto trouble = artifact_from_json(artifact, "artifact.", manifest.artifact); !trouble.empty())
    return trouble;
  if (document.contains("schemaArtifact")) {
    const Json& schema = members.object("schemaArtifact");
    if (!members.trouble().empty()) return members.trouble();
    if (auto trouble = artifact_from_json(schema, "schemaArtifact.", manifest.schema.emplace());
        !trouble.empty())
      return trouble;
    if (manifest.schema->key_id != manifest.artifact.key_id) return "both artifacts must have the same keyId";
  }
  Json facts = Json::object();
  for (const auto& [name, value] : document.items()) {
    if (!is_own(name)) facts[name] = value;
  }
  manifest.facts = facts.dump();
  return {};
}

}  // namespace

Result<std::string> write_manifest(const Manifest& manifest, const std::string& store_key) {
  const auto facts = parse_facts(manifest.facts);
  if (!facts) return facts.error();
  const BackupOwner& owner = manifest.owner;
  Json document{{"format", kManifestFormat},        {"id", manifest.id},
                {"startedAt", manifest.started_at}, {"finishedAt", manifest.finished_at},
                {"method", manifest.method},        {"quiesced", manifest.quiesced}};
  document["migration"] = {{"namespace", owner.namespace_}, {"name", owner.name},
                           {"version", owner.version},      {"planDigest", owner.plan_digest},
                           {"ledgerId", owner.ledger_id},   {"epoch", owner.epoch}};
  document["engine"] = manifest.engine;
  document.update(*facts);
  document["artifact"] = artifact_to_json(manifest.artifact);
  if (manifest.schema) document["schemaArtifact"] = artifact_to_json(*manifest.schema);
  try {
    if (!store_key.empty()) document["hmac"] = sign_json(document, store_key);
    std::string text = document.dump(1) + "\n";
    if (text.size() > kJsonBytesMax) return corrupt("manifest", "would be longer than 16 MiB");
    return text;
  } catch (const Json::exception&) {
    return corrupt("manifest", "holds a text that is not UTF-8");
  }
}

Result<Manifest> read_manifest(std::string_view text, const std::string& object, const KeyRing& keys) {
  auto document = parse_strict(text, object);
  if (!document) return document.error();
  Members members{*document, ""};
  const std::string format = members.text("format");
  if (!members.trouble().empty()) return corrupt(object, members.trouble());
  if (format != kManifestFormat)
    return corrupt(
        object,
        "its format must be dbm-backup/1; this one was not written by this program or by a newer one");
  Manifest manifest;
  if (const std::string trouble = read_members(*document, manifest); !trouble.empty())
    return corrupt(object, trouble);
  if (!manifest.artifact.encrypted()) {
    if (keys.trusts_unencrypted()) return manifest;
    return corrupt(object, "is not signed, though everything in this store must be");
  }
  const std::string* key = keys.find(manifest.artifact.key_id);
  if (key == nullptr)
    return store_denied(object,
                        "is signed with key " + manifest.artifact.key_id + ", which is none of this store's")
        .with_remedy("add that key to the store's Secret");
  if (!(*document).contains("hmac")) return corrupt(object, "has no hmac");
  if (!signature_holds(*document, *key)) return corrupt(object, "was changed: its hmac does not fit");
  return manifest;
}

std::string peek_ledger_id(std::string_view manifest_text) {
  const auto document = parse_strict(manifest_text, "manifest");
  if (!document || !(*document).contains("migration") || !(*document)["migration"].is_object()) return {};
  Members migration{(*document)["migration"], ""};
  return migration.text("ledgerId");
}

bool same_database(const DatabaseIdentity& a, const DatabaseIdentity& b) {
  if (a.name.empty() || a.name != b.name) return false;
  return a.system_identifier.empty() || b.system_identifier.empty() ||
         a.system_identifier == b.system_identifier;
}

DatabaseIdentity database_of(const Manifest& manifest) { return peek_database(manifest.facts); }

DatabaseIdentity peek_database(std::string_view manifest_text) {
  const auto document = parse_strict(manifest_text, "manifest");
  if (!document) return {};
  const auto text = [](const Json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto database = document->find("database");
  return {database == document->end() ? "" : text(*database, "name"), text(*document, "systemIdentifier")};
}

std::vector<std::string> table_names(const Manifest& manifest) {
  std::vector<std::string> names;
  const auto facts = parse_strict(manifest.facts, "manifest");
  if (!facts || !(*facts).contains("tables")) return names;
  for (const Json& table : (*facts)["tables"]) {
    if (table.is_object() && table.contains("name") && table["name"].is_string())
      names.push_back(table["name"].get<std::string>());
  }
  return names;
}

}  // namespace dbm::artifact
