#pragma once
/// Scripts that cannot be one transaction: statement by statement, each with its intent before and its
/// outcome after (docs/exactly-once.md#journal).

#include "postgres/execution.h"

namespace dbm::postgres {

/// Runs the script from the first statement that is not in effect yet. Ok: applied and closed. After an error
/// the row is closed as failed with how far it came, or stays open where only a look at the database (by the
/// next run, or by a person: Terminal/ManualInterventionRequired) can tell.
Result<migration::AppliedScript> apply_journalled(Execution& execution,
                                                  const migration::PendingScript& script);

/// Closes the row of a script that an earlier run left unfinished, unless this plan goes on with it.
Result<> close_unfinished(Execution& execution);

}  // namespace dbm::postgres
