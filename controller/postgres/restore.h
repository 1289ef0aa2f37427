#pragma once
/// A backup into a new database, proved equal; and the reading of an archive to its end.

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "migration/engine.h"

namespace dbm::postgres {

/// Gives an archive's bytes, 0 at its end.
using ArchiveReader = std::function<Result<std::size_t>(std::span<char>)>;

/// Whether a database can have this name: the server would cut a longer one short without a word that we see,
/// and restore into another database than was named. Terminal/InvalidSpec/InvalidValue.
Result<> check_new_name(std::string_view new_database);

/// Creates `new_database` (open to its owner, the login, alone), restores into it in a single job, analyses
/// it and compares counts, sums, schema fingerprint and sequences with `facts`. Errors:
/// InvalidSpec/InvalidValue when the name is none or the database exists; ValidationFailed/RestoreDiffers
/// naming what differs, the database is kept; RestoreFailed when the archive or the server refused, the
/// half-made database is dropped.
Result<> restore_database(const migration::Target& target, const std::string& new_database,
                          const std::string& facts, const ArchiveReader& read, Deadline deadline,
                          const std::stop_token& stop, const migration::ProgressSink& progress);

/// Reads the archive once, to its end, with pg_restore, and returns the tables its list names
/// ("public.orders", quoted where it must be). BackupFailed/BackupCorrupt when the program refuses it.
Result<std::vector<std::string>> read_whole_archive(int server_version_num, const ArchiveReader& read,
                                                    Deadline deadline, const std::stop_token& stop);

}  // namespace dbm::postgres
