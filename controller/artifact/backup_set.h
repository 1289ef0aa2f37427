#pragma once
/// A backup set: `<namespace>/<name>/<version>-pre-<UTC>-<random>/` in a store, holding
///
///     artifact.dbm    the dump (stream.h)
///     schema.dbm      the same without rows, where the method is not SchemaOnly
///     manifest.json   what it is (manifest.h)
///     COMPLETE        "sha256:<of manifest.json>"; written last, removed first
///     verified-<level>-<UTC>-<random>.json   the result of one verification, added later
///
/// in this order of writing. Without COMPLETE there is no backup: not listed, not restored, collected after a
/// day. Nothing is ever changed once written.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifact/manifest.h"
#include "artifact/store.h"
#include "artifact/stream.h"
#include "base/deadline.h"

namespace dbm::artifact {

/// How far a backup is verified (docs/backup.md#verify); each level includes those before.
enum class Level { Checksum = 1, Decode, Structure };
std::string to_string(Level level);
std::optional<Level> level_of(const std::string& word);

/// The recorded result of one verification.
struct Verification {
  Level level = Level::Checksum;
  bool passed = false;
  std::string at;       ///< RFC 3339
  std::string message;  ///< why it failed, or its warnings
};

/// A complete set, as read from the store.
struct BackupSet {
  std::string prefix;  ///< "shop/orders/0042-pre-…/"
  Manifest manifest;
  std::vector<Verification> verifications;  ///< oldest first

  /// The highest level passed; empty when none, or when a later verification failed.
  [[nodiscard]] std::optional<Level> verified() const;
};

/// Newer first: by the ledger's own sequence, then the recorded time. Never by name, never by a clock alone.
bool newer(const Manifest& a, const Manifest& b);

struct SetRequest {
  BackupOwner owner;
  std::string method = "Logical";
  std::string engine = "PostgreSQL";
  bool quiesced = false;
  std::string store_key;  ///< empty: not encrypted
};

/// Writes one set. Its two artifacts may be written side by side; else not thread-safe. `store` and `clock`
/// must outlive it. A set that is not completed needs no clean-up here.
class SetWriter {
 public:
  SetWriter(Store& store, SetRequest request, const WallClock& clock);

  [[nodiscard]] const std::string& id() const { return manifest_.id; }
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

  /// Each from any thread, both finished before complete(). The schema is optional.
  Result<std::unique_ptr<ArtifactWriter>> start_artifact();
  Result<std::unique_ptr<ArtifactWriter>> start_schema();

  /// Once the producer is known to have succeeded: reads the stored bytes back, then writes manifest and
  /// COMPLETE. `facts` as Manifest::facts. Returns the set as it reads from the store. BackupCorrupt when the
  /// bytes came back otherwise than they went.
  Result<BackupSet> complete(const std::string& facts, const ArtifactFacts& artifact,
                             const std::optional<ArtifactFacts>& schema);

 private:
  Result<> read_back(const char* leaf, const ArtifactFacts& facts);

  Store& store_;
  const WallClock& clock_;
  std::string store_key_, prefix_;
  Manifest manifest_;
};

/// What is in the store below one migration's prefix.
struct SetListing {
  std::vector<BackupSet> sets;  ///< complete, newest first
  struct Unreadable {
    std::string prefix;
    Error error;
  };
  std::vector<Unreadable>
      unreadable;  ///< complete, but manifest damaged or of an unknown key. Never deleted by us.
  std::vector<std::string> incomplete;  ///< prefixes
  /// Where it was asked for one database (of_database): which, and the sets of this ledger that were taken of
  /// another, newest first: of a copy that was taken over, or of the server before an upgrade.
  DatabaseIdentity of;
  std::vector<BackupSet> elsewhere;
};
/// Moves the sets of other databases from `sets` to `elsewhere`. An `of` without a name moves none.
SetListing of_database(SetListing listing, const DatabaseIdentity& of);
/// Sets of another ledger are left out; an empty `ledger_id` takes all.
Result<SetListing> list_sets(Store& store, const std::string& namespace_, const std::string& name,
                             const std::string& ledger_id, const KeyRing& keys);

/// The complete set at `prefix`. BackupCorrupt when manifest and COMPLETE are not as they were written;
/// Terminal with cause NotFound when there is no complete set.
Result<BackupSet> load_set(Store& store, const std::string& prefix, const KeyRing& keys);

/// The plain bytes of a set's dump (with `schema`: of its schema.dbm), verified as they are read.
enum class Piece { Artifact, Schema };
Result<std::unique_ptr<ArtifactReader>> read_piece(Store& store, const BackupSet& set, Piece piece,
                                                   const KeyRing& keys);

/// Adds a result beside the manifest. Signed as the manifest is.
Result<> record_verification(Store& store, const BackupSet& set, const Verification& result,
                             const KeyRing& keys);

/// Takes COMPLETE away from a set found bad: no longer a backup, kept for a look until it is collected.
Result<> quarantine(Store& store, const BackupSet& set);

/// Removes all of a set, COMPLETE first and the manifest last, so that a half-removed set still says whose it
/// was.
Result<> remove_set(Store& store, const std::string& prefix);

/// When the set of this id or prefix was begun; empty when the text is no id of ours.
std::optional<std::chrono::system_clock::time_point> begun_at(const std::string& id_or_prefix);

/// Whose set that is, as far as its files tell without any key: ledger and database of its manifest, or the
/// owner tag of its artifact, which knows the ledger alone. Unknown when neither is there or readable. An
/// `of` without a name is any database.
enum class Whose { Ours, Foreign, Unknown };
Result<Whose> whose_set(Store& store, const std::string& prefix, const std::string& ledger_id,
                        const DatabaseIdentity& of = {});

}  // namespace dbm::artifact
