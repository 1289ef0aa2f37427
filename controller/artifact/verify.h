#pragma once
/// Proving that a stored backup is what it was. Everything is read back from the store; the stored bytes go
/// by once, whatever the level.

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "artifact/backup_set.h"
#include "base/deadline.h"

namespace dbm::artifact {

/// Plain bytes of an archive, 0 at the end.
using ReadPlain = std::function<Result<std::size_t>(std::span<char>)>;
/// Reads an archive to its end with a client program and returns the names of the tables its list holds,
/// written as the manifest writes them.
using ReadStructure = std::function<Result<std::vector<std::string>>(const ReadPlain&)>;

struct VerifyRequest {
  Level level = Level::Structure;
  ReadStructure read_structure;  ///< needed at Structure
  /// Of the backup before this one: half as much now is a warning, a tenth a failure. Below 64 KiB nothing is
  /// compared.
  std::optional<std::uint64_t> previous_plain_bytes;
  Deadline deadline = Deadline::never();
  std::stop_token stop;
};

struct VerifyReport {
  Level level = Level::Checksum;      ///< what was proven
  std::vector<std::string> warnings;  ///< one line each
};

/// BackupFailed/BackupCorrupt when anything is not as it was written; the errors of the store, of
/// `read_structure`, Transient/Timeout and Cancelled mean that it could not be told.
Result<VerifyReport> verify_set(Store& store, const BackupSet& set, const KeyRing& keys,
                                const VerifyRequest& request);

/// The size to compare a new backup of this owner and method with; empty when it is the first.
std::optional<std::uint64_t> previous_plain_bytes(const SetListing& listing, const Manifest& of);

}  // namespace dbm::artifact
