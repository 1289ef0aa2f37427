#pragma once
/// The checks that are on at After without being written: invalid indexes, unvalidated constraints, the
/// schema's difference as a whole, sequences behind their columns.

#include <string>
#include <vector>

#include "migration/object.h"
#include "postgres/ask_check.h"
#include "postgres/catalog.h"
#include "postgres/checks.h"
#include "postgres/plan_words.h"

namespace dbm::postgres {

/// What catalogs alone can answer, from the snapshots. A change that differs from the rehearsal's is Warned.
/// `rehearsed` may be null. Pure.
std::vector<migration::CheckResult> judge_schema(const SchemaSnapshot& now, const CheckBaseline* baseline,
                                                 const PlanWords& words,
                                                 const RehearsedChange* rehearsed = nullptr);

/// last_value >= max(column) for every owned, ascending sequence whose column is indexed or whose table is
/// small; 1 s for all. The steps, within a transaction, and what follows from the answer of the last one;
/// `asking.timeout` is not used. Skipped where it takes longer: the transaction has failed then.
std::vector<std::string> sequence_steps();
Result<migration::CheckResult> judge_sequences(const Asking& asking, const Result<Rows>& sequences);

}  // namespace dbm::postgres
