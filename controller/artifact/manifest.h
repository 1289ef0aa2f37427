#pragma once
/// The manifest of a backup set, format "dbm-backup/1": what was backed up, of whom, from which snapshot, and
/// the digests of the bytes. Encrypted sets carry an HMAC over all of it, so that who can write to the store
/// cannot exchange artifact and manifest together. No secret and no row is in it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/keys.h"
#include "artifact/stream.h"
#include "base/result.h"

namespace dbm::artifact {

inline constexpr char kManifestFormat[] = "dbm-backup/1";

/// Whose backup it is and before what it was taken.
struct BackupOwner {
  std::string namespace_, name;
  std::string version;      ///< the version about to be applied
  std::string plan_digest;  ///< "sha256:…"
  std::string ledger_id;
  std::int64_t epoch = 0;  ///< grows with every run of a ledger: the sequence that orders sets

  friend bool operator==(const BackupOwner&, const BackupOwner&) = default;
};

struct Manifest {
  std::string id;                       ///< "0042-pre-20261120T213655Z-4f2a91c3"
  std::string started_at, finished_at;  ///< RFC 3339, UTC
  std::string method;                   ///< Logical, SchemaOnly
  bool quiesced = false;
  BackupOwner owner;
  std::string engine;  ///< PostgreSQL
  /// A JSON object with the engine's own members: serverVersion, systemIdentifier, tool, database, snapshot,
  /// tables, schema. None may have the name of a member above or below.
  std::string facts = "{}";
  ArtifactFacts artifact;
  std::optional<ArtifactFacts> schema;  ///< of schema.dbm, where there is one; member "schemaArtifact"

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// The manifest as text. `store_key` (empty: no hmac) must be the one the artifacts were encrypted with.
/// Terminal when `facts` is not as promised above.
Result<std::string> write_manifest(const Manifest& manifest, const std::string& store_key);

/// Reads what write_manifest wrote. `object` names it in errors. BackupCorrupt for anything that is not
/// exactly that: no JSON, doubled members, a missing or mistyped member, a foreign format version, a wrong or
/// missing hmac, more than 16 MiB or 32 levels. StoreDenied when it was signed with a key that `keys` has
/// not.
Result<Manifest> read_manifest(std::string_view text, const std::string& object, const KeyRing& keys);

/// The ledger id in a manifest nobody vouches for; empty when there is none. Only for asking whose leftovers
/// these are.
std::string peek_ledger_id(std::string_view manifest_text);

/// A database: its name and which server's data it is in. Members are empty where they are not known.
struct DatabaseIdentity {
  std::string name, system_identifier;
};
/// Whether both are the same one. Where one side does not know its server, the name decides alone; without a
/// name on either side they are not.
bool same_database(const DatabaseIdentity& a, const DatabaseIdentity& b);
/// The database that a set was taken of, as `facts` tell.
DatabaseIdentity database_of(const Manifest& manifest);
/// The same of a manifest nobody vouches for, as peek_ledger_id.
DatabaseIdentity peek_database(std::string_view manifest_text);

/// The names of the tables in `facts`, as the manifest lists them.
std::vector<std::string> table_names(const Manifest& manifest);

}  // namespace dbm::artifact
