#include "artifact/backup_set.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <tuple>

#include "artifact/errors.h"
#include "artifact/frame.h"
#include "artifact/manifest_json.h"
#include "artifact/set_names.h"
#include "artifact/small_object.h"
#include "base/digest.h"
#include "base/inject.h"

namespace dbm::artifact {
namespace {

constexpr std::size_t kVersionInIdMax = 64;
constexpr std::string_view kPre = "-pre-";

/// A version is free text; as part of a folder's name it is letters, digits, dot, dash and underscore.
std::string version_in_id(const std::string& version) {
  std::string text = version.substr(0, kVersionInIdMax);
  for (char& c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  if (text.empty() || text.front() == '.') text.insert(0, "v");
  return text;
}

}  // namespace

bool newer(const Manifest& a, const Manifest& b) {
  const auto order = [](const Manifest& m) {
    return std::tuple{m.owner.epoch, from_rfc3339(m.started_at), from_rfc3339(m.finished_at)};
  };
  if (order(a) != order(b)) return order(a) > order(b);
  return a.id > b.id;  // equal in all that counts: only so that the order is one
}

std::optional<std::chrono::system_clock::time_point> begun_at(const std::string& id_or_prefix) {
  std::string id = id_or_prefix;
  while (!id.empty() && id.back() == '/') id.pop_back();
  id = id.substr(id.rfind('/') + 1);
  const auto pre = id.rfind(kPre);  // the version may hold one too
  if (pre == std::string::npos) return {};
  std::tm parts{};
  const char* rest = ::strptime(id.c_str() + pre + kPre.size(), "%Y%m%dT%H%M%SZ-", &parts);
  if (rest == nullptr || *rest == '\0') return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

SetWriter::SetWriter(Store& store, SetRequest request, const WallClock& clock)
    : store_(store), clock_(clock), store_key_(std::move(request.store_key)) {
  const auto now = clock_.now();
  manifest_.id = version_in_id(request.owner.version) + std::string(kPre) + to_compact_utc(now) + "-" +
                 to_hex(random_bytes(4));
  manifest_.started_at = to_rfc3339(now);
  manifest_.method = std::move(request.method);
  manifest_.engine = std::move(request.engine);
  manifest_.quiesced = request.quiesced;
  manifest_.owner = std::move(request.owner);
  prefix_ = manifest_.owner.namespace_ + "/" + manifest_.owner.name + "/" + manifest_.id + "/";
}

Result<std::unique_ptr<ArtifactWriter>> SetWriter::start_artifact() {
  auto upload = store_.create(prefix_ + kArtifactName);
  if (!upload) return upload.error();
  return ArtifactWriter::start(std::move(*upload), store_key_, manifest_.owner.ledger_id);
}

Result<std::unique_ptr<ArtifactWriter>> SetWriter::start_schema() {
  auto upload = store_.create(prefix_ + kSchemaName);
  if (!upload) return upload.error();
  return ArtifactWriter::start(std::move(*upload), store_key_, manifest_.owner.ledger_id);
}

Result<> SetWriter::read_back(const char* leaf, const ArtifactFacts& facts) {
  const std::string object = store_.describe() + ": " + prefix_ + leaf;
  const auto download = store_.open(prefix_ + leaf);
  if (!download) return download.error();
  if (!*download) return corrupt(object, "is gone from the store right after it was written");
  return check_stored(**download, object, facts);
}

Result<BackupSet> SetWriter::complete(const std::string& facts, const ArtifactFacts& artifact,
                                      const std::optional<ArtifactFacts>& schema) {
  if (const auto back = read_back(kArtifactName, artifact); !back) return back.error();
  if (schema) {
    if (const auto back = read_back(kSchemaName, *schema); !back) return back.error();
  }
  manifest_.finished_at = to_rfc3339(clock_.now());
  manifest_.facts = facts;
  manifest_.artifact = artifact;
  manifest_.schema = schema;
  const auto text = write_manifest(manifest_, store_key_);
  if (!text) return text.error();
  DBM_EFFECT(describing, "backup.manifest");
  if (describing.must_fail()) return corrupt(prefix_ + kManifestName, "could not be written");
  if (const auto put = put_object(store_, prefix_ + kManifestName, *text); !put) return put.error();
  describing.done();
  // From here on the set counts.
  DBM_EFFECT(completing, "backup.complete");
  if (completing.must_fail()) return corrupt(prefix_ + kCompleteName, "could not be written");
  if (const auto put = put_object(store_, prefix_ + kCompleteName, "sha256:" + sha256_hex(*text) + "\n");
      !put)
    return put.error();
  completing.done();
  KeyRing own;
  if (!store_key_.empty()) own.keys.push_back(store_key_);
  return load_set(store_, prefix_, own);
}

Result<std::unique_ptr<ArtifactReader>> read_piece(Store& store, const BackupSet& set, Piece piece,
                                                   const KeyRing& keys) {
  const char* leaf = piece == Piece::Artifact ? kArtifactName : kSchemaName;
  const std::string object = store.describe() + ": " + set.prefix + leaf;
  if (piece == Piece::Schema && !set.manifest.schema) return corrupt(object, "is not part of this set");
  auto download = store.open(set.prefix + leaf);
  if (!download) return download.error();
  if (!*download) return corrupt(object, "is missing, though its manifest names it");
  const ArtifactFacts& facts = piece == Piece::Artifact ? set.manifest.artifact : *set.manifest.schema;
  return ArtifactReader::start(std::move(*download), object, facts, set.manifest.owner.ledger_id, keys);
}

Result<> quarantine(Store& store, const BackupSet& set) { return store.remove(set.prefix + kCompleteName); }

Result<> remove_set(Store& store, const std::string& prefix) {
  auto objects = store.list(prefix);
  if (!objects) return objects.error();
  const auto turn = [&](const StoredObject& object) {
    const std::string leaf = object.name.substr(prefix.size());
    return leaf == kCompleteName ? 0 : leaf == kManifestName ? 2 : 1;
  };
  std::stable_sort((*objects).begin(), (*objects).end(),
                   [&](const auto& a, const auto& b) { return turn(a) < turn(b); });
  for (const StoredObject& object : *objects) {
    if (const auto removed = store.remove(object.name); !removed) return removed.error();
  }
  return {};
}

Result<Whose> whose_set(Store& store, const std::string& prefix, const std::string& ledger_id,
                        const DatabaseIdentity& of) {
  const auto manifest = get_object(store, prefix + kManifestName, kJsonBytesMax);
  if (!manifest) return manifest.error();
  if (*manifest) {
    const std::string found = peek_ledger_id(**manifest);
    const bool ours = of.name.empty() || same_database(peek_database(**manifest), of);
    if (!found.empty()) return found == ledger_id && ours ? Whose::Ours : Whose::Foreign;
  }
  for (const char* leaf : {kArtifactName, kSchemaName}) {
    const auto download = store.open(prefix + leaf);
    if (!download) return download.error();
    if (!*download) continue;
    const auto tag = read_owner_tag(**download);
    if (!tag) return tag.error();
    if (!(*tag).empty()) return *tag == owner_tag_of(ledger_id) ? Whose::Ours : Whose::Foreign;
  }
  return Whose::Unknown;
}

}  // namespace dbm::artifact
