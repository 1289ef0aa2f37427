#pragma once
/// Backups of one migration: whether one can be taken, is fresh, and what people do with those that are
/// there.

#include <memory>
#include <optional>
#include <string>

#include "artifact/backup_set.h"
#include "artifact/verify.h"
#include "migration/facts.h"
#include "migration/surroundings.h"

namespace dbm::migration {

/// The store that spec.backup names; not longer than `surroundings`. Terminal/BackupFailed/StoreMissing when
/// the configuration has none of that name, StoreDenied where one cannot be made.
Result<std::shared_ptr<const ConfiguredStore>> store_of(const Spec& spec, const Surroundings& surroundings,
                                                        IfMissing missing = IfMissing::LeaveIt);
artifact::KeyRing keys_of(const ConfiguredStore& store);

/// Size, space and method: BackupFailed with DatabaseTooLarge, NoSpace, StoreMissing; InvalidSpec for
/// SchemaOnly where the plan's risk is not Safe.
Result<> check_backup_possible(const Facts& facts, const Surroundings& surroundings,
                               std::uint64_t database_bytes);

/// Whether `backup` is verified, younger than an hour, of this database and still in the store: then the run
/// that goes on after a crash, or tries the same plan again, need not take another.
bool is_fresh(const BackupStatus& backup, const Facts& facts, const Surroundings& surroundings);

/// Verifies a set as far as `level` and writes the result beside it.
Result<artifact::VerifyReport> prove(const Facts& facts, const Surroundings& surroundings,
                                     const ConfiguredStore& store, const artifact::BackupSet& set,
                                     artifact::Level level, Deadline deadline, const std::stop_token& stop);

/// After a success: removes what spec.backup.retention no longer keeps of this database's sets. Trouble is
/// logged, never an error.
void apply_retention(const Facts& facts, const Surroundings& surroundings);

// ---- for people (dbm backup, dbm restore)
// ----------------------------------------------------------------------------

/// Backups of this migration, newest first; of this ledger alone where the database can be asked which it is.
/// Those of other databases are set apart (SetListing::elsewhere); where the database cannot be asked, the
/// name it is connected by tells.
Result<artifact::SetListing> list_backups(const Facts& facts, const Surroundings& surroundings);
/// One of them by its id, whatever database it is of. Terminal/BackupFailed/NotFound, naming the newest ones
/// there are.
Result<artifact::BackupSet> find_backup(const Facts& facts, const Surroundings& surroundings,
                                        const std::string& id);
/// Proves it at Decode, then restores it into a database that does not exist yet and compares counts and
/// sums.
Result<> restore_backup(const Facts& facts, const Surroundings& surroundings, const std::string& id,
                        const std::string& new_database, Deadline deadline, const std::stop_token& stop,
                        const ProgressSink& progress);

}  // namespace dbm::migration
