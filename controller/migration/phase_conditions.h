#pragma once

#include "migration/project.h"

namespace dbm::migration {

/// Adds BackupCompleted, DryRunSucceeded, Applied and Validated: what the newest run's row proves of each.
void add_phase_conditions(const Facts& facts, const Verdict& verdict, Status& status);

}  // namespace dbm::migration
