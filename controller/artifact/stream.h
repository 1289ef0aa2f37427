#pragma once
/// One backup as bytes: the single pass that compresses, encrypts and hashes it, and the way back.
///
/// ## The format of an artifact, "DBMART1"
///
/// An artifact is an 80 byte header and then one frame or more. Numbers are big-endian.
///
///     offset  size  header
///          0     8  "DBMART1\n"
///          8     1  protection: 0 none, 1 AES-256-GCM-STREAM/1
///          9     1  compression: 1 zstd
///         10     2  zero
///         12     4  content of a full frame in bytes: 65536
///         16     7  nonce prefix, random
///         23     1  zero
///         24     8  key id: the first 8 bytes of SHA-256 of the store's key; zero without encryption
///         32    40  the data key (32 random bytes) wrapped by the store's key with AES-256-KWP (RFC 5649);
///                   zero without encryption
///         72     8  owner: the first 8 bytes of SHA-256 of the ledger id, as text
///
/// A frame is 1 to 65536 bytes of content and a 16 byte tag. All frames but the last are full; the last ends
/// with the file. Nonce of frame number i, counted from 0 (12 bytes): nonce prefix ‖ i in 4 bytes ‖ 1 for the
/// last frame, else 0.
///
/// - Protection 1: content and tag are AES-256-GCM under the data key, the 80 byte header as associated data.
/// - Protection 0: content as it is; tag = the first 16 bytes of SHA-256(header ‖ nonce ‖ content). It finds
///   damage, not malice.
///
/// So a changed, dropped, doubled or moved frame fails, and so does a cut tail: what then ends the file was
/// not sealed as the last frame. The contents of all frames, joined, are exactly one zstd frame (RFC 8878,
/// with its checksum, a window of at most 16 MiB, no dictionary), whose content is the producer's
/// bytes. By hand, without encryption:
///
///     tail -c +81 artifact.dbm | split into 65552 byte pieces, drop the last 16 of each (and of the end) |
///     zstd -d
///
/// A manifest records, per artifact, length and SHA-256 of the plain and of the stored bytes, of every 16 MiB
/// part too.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/keys.h"
#include "artifact/store.h"
#include "base/result.h"

namespace dbm::artifact {

inline constexpr std::uint64_t kPartBytes = 16 << 20;
/// Of zstd. Level 3 takes twice the time of 2 where columns hold hashes and numbers, and leaves more bytes
/// there; of plain text it leaves 4 to 7 in a hundred less. A reader needs to know nothing of it.
inline constexpr int kCompressionLevel = 2;

/// A stretch of the stored bytes; every one but the last is kPartBytes long.
struct Part {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< hex

  friend bool operator==(const Part&, const Part&) = default;
};

/// What is known of one artifact: the manifest's member "artifact".
struct ArtifactFacts {
  std::uint64_t plain_bytes = 0, bytes = 0;
  std::string plain_sha256, sha256;  ///< hex
  std::vector<Part> parts;
  std::string key_id;       ///< empty: not encrypted
  std::string wrapped_key;  ///< hex; empty: not encrypted

  [[nodiscard]] bool encrypted() const { return !key_id.empty(); }
  friend bool operator==(const ArtifactFacts&, const ArtifactFacts&) = default;
};

/// Length and digests of stored bytes as they go by. Not thread-safe.
class StoredSums {
 public:
  StoredSums();
  ~StoredSums();
  void add(std::string_view bytes);
  /// Once, at the end.
  void finish(ArtifactFacts& facts);
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes one artifact. append() and finish() from one thread; compression and all that follows run on a
/// second one, at most 1 MiB behind. Memory does not grow with the artifact. Destroyed before finish()
/// returned well, nothing is stored.
class ArtifactWriter {
 public:
  /// `store_key` is empty to write without encryption. `owner` is the ledger id.
  static Result<std::unique_ptr<ArtifactWriter>> start(std::unique_ptr<Upload> upload,
                                                       const std::string& store_key,
                                                       const std::string& owner);
  ~ArtifactWriter();

  /// The producer's next bytes. The error, once there, is that of the store: every later call gives it again.
  Result<> append(std::string_view bytes);
  /// Only when the producer is known to have succeeded. Durable when it returns.
  Result<ArtifactFacts> finish();
  /// Taken in so far.
  [[nodiscard]] std::uint64_t plain_bytes() const;

 private:
  struct State;
  explicit ArtifactWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Reads one artifact back and believes nothing: a frame is verified before a byte of it is released, and the
/// end is only an end when lengths and digests are those expected. Not thread-safe.
class ArtifactReader {
 public:
  /// `object` names it in errors. BackupCorrupt when it is not the artifact that `expected` describes;
  /// StoreDenied when none of the keys is the one that it was encrypted with.
  static Result<std::unique_ptr<ArtifactReader>> start(std::unique_ptr<Download> download, std::string object,
                                                       const ArtifactFacts& expected,
                                                       const std::string& owner, const KeyRing& keys);
  ~ArtifactReader();

  /// The next plain bytes, 0 at the verified end. `buffer` must not be empty. BackupCorrupt for any damage,
  /// and never more bytes than expected; the error stays.
  Result<std::size_t> read(std::span<char> buffer);

 private:
  struct State;
  explicit ArtifactReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Reads the stored bytes to their end and compares length and digests alone (verify: Checksum). No key is
/// needed.
Result<> check_stored(Download& download, const std::string& object, const ArtifactFacts& expected);

/// Compares what was stored with what should be: "part 3 of 7 (bytes 33554432 to 50331648) differs". Empty
/// when equal.
std::string stored_difference(const ArtifactFacts& found, const ArtifactFacts& expected);

/// The owner tag in an artifact's header, for a look at whose it is: equal to owner_tag_of(ledger id). Empty
/// when this is no artifact.
Result<std::string> read_owner_tag(Download& download);

}  // namespace dbm::artifact
