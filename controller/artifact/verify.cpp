#include "artifact/verify.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "artifact/errors.h"
#include "artifact/set_names.h"

namespace dbm::artifact {
namespace {

constexpr std::uint64_t kComparableBytes = 64 << 10;
constexpr std::size_t kReadBytes = 256 << 10;

std::optional<Error> interrupted(const VerifyRequest& request) {
  if (request.stop.stop_requested())
    return Error{ErrorKind::Cancelled, "Stopping", "stopped while verifying a backup"};
  if (request.deadline.passed())
    return Error{ErrorKind::Transient, "Timeout", "the time for verifying a backup is over"};
  return {};
}

/// Lets a verification be stopped between two reads of the store.
class StoppableDownload final : public Download {
 public:
  StoppableDownload(std::unique_ptr<Download> inner, const VerifyRequest& request)
      : inner_(std::move(inner)), request_(request) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    if (auto error = interrupted(request_)) return *error;
    return inner_->read(buffer);
  }

 private:
  std::unique_ptr<Download> inner_;
  const VerifyRequest& request_;
};

Result<> check_piece_stored(Store& store, const std::string& name, const ArtifactFacts& facts,
                            const VerifyRequest& request) {
  const std::string object = store.describe() + ": " + name;
  auto download = store.open(name);
  if (!download) return download.error();
  if (!*download) return corrupt(object, "is missing, though its manifest names it");
  StoppableDownload stoppable{std::move(*download), request};
  return check_stored(stoppable, object, facts);
}

/// To the end, which is where the reader proves the whole.
Result<> drain(const ReadPlain& read) {
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    const auto got = read(buffer);
    if (!got) return got.error();
    if (*got == 0) return {};
  }
}

Result<> compare_tables(const std::string& object, const Manifest& manifest,
                        const std::vector<std::string>& found) {
  const std::set<std::string> listed(found.begin(), found.end());
  const auto named = table_names(manifest);
  std::vector<std::string> missing;
  std::copy_if(named.begin(), named.end(), std::back_inserter(missing),
               [&](const auto& t) { return !listed.contains(t); });
  if (missing.empty()) return {};
  return corrupt(object, "its list lacks " + std::to_string(missing.size()) + " of " +
                             std::to_string(named.size()) + " tables of the manifest, " + missing.front() +
                             " first");
}

Result<> decode_piece(Store& store, const BackupSet& set, Piece piece, const KeyRing& keys,
                      const VerifyRequest& request, bool structure) {
  const auto reader = read_piece(store, set, piece, keys);
  if (!reader) return reader.error();
  std::optional<Error> damage;
  const ReadPlain read = [&](std::span<char> buffer) -> Result<std::size_t> {
    if (auto error = interrupted(request)) return *error;
    auto got = (*reader)->read(buffer);
    if (!got) damage = got.error();
    return got;
  };
  if (!structure) return drain(read);
  const auto tables = request.read_structure(read);
  // What the client program makes of damaged bytes is beside the point: the damage is the news.
  if (damage) return *damage;
  const std::string object = store.describe() + ": " + set.prefix + kArtifactName;
  if (!tables) return tables.error().during(object);
  if (const auto rest = drain(read); !rest) return rest.error();
  return compare_tables(object, set.manifest, *tables);
}

Result<> check_size(const std::string& object, std::uint64_t now, const VerifyRequest& request,
                    VerifyReport& report) {
  if (now == 0) return corrupt(object, "holds nothing");
  const std::uint64_t before = request.previous_plain_bytes.value_or(0);
  if (before < kComparableBytes) return {};
  const std::string change =
      "has " + std::to_string(now) + " bytes of data, the backup before had " + std::to_string(before);
  if (now <= before / 10) return corrupt(object, change + ": nine tenths are gone");
  if (now <= before / 2) report.warnings.push_back(object + ": " + change);
  return {};
}

}  // namespace

Result<VerifyReport> verify_set(Store& store, const BackupSet& set, const KeyRing& keys,
                                const VerifyRequest& request) {
  if (request.level == Level::Structure && !request.read_structure) std::abort();
  VerifyReport report{request.level, {}};
  const auto stored = load_set(store, set.prefix, keys);
  if (!stored) return stored.error();
  if (!((*stored).manifest == set.manifest))
    return corrupt(store.describe() + ": " + set.prefix + kManifestName, "is not what it was before");
  const Manifest& manifest = set.manifest;
  const std::string object = store.describe() + ": " + set.prefix + kArtifactName;
  if (const auto sized = check_size(object, manifest.artifact.plain_bytes, request, report); !sized)
    return sized.error();
  if (request.level == Level::Checksum) {
    if (const auto sound = check_piece_stored(store, set.prefix + kArtifactName, manifest.artifact, request);
        !sound)
      return sound.error();
    if (manifest.schema) {
      const auto sound = check_piece_stored(store, set.prefix + kSchemaName, *manifest.schema, request);
      if (!sound) return sound.error();
    }
    return report;
  }
  const bool structure = request.level == Level::Structure;
  if (const auto sound = decode_piece(store, set, Piece::Artifact, keys, request, structure); !sound)
    return sound.error();
  if (manifest.schema) {
    const auto sound = decode_piece(store, set, Piece::Schema, keys, request, false);
    if (!sound) return sound.error();
  }
  return report;
}

std::optional<std::uint64_t> previous_plain_bytes(const SetListing& listing, const Manifest& of) {
  for (const BackupSet& set : listing.sets) {  // newest first
    const Manifest& other = set.manifest;
    if (other.id != of.id && other.method == of.method && newer(of, other)) return other.artifact.plain_bytes;
  }
  return {};
}

}  // namespace dbm::artifact
