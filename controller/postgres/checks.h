#pragma once
/// The spec's checks and those that are always on (docs/checks.md#gates): what is asked, when, and what
/// the answer says.

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "migration/engine.h"
#include "migration/object.h"
#include "migration/plan.h"
#include "postgres/catalog.h"
#include "postgres/schema_change.h"
#include "postgres/session.h"

namespace dbm::postgres {

class LookSessions;

/// The database before a run touched it: what After is compared with. Filled by take_baseline.
struct CheckBaseline {
  SchemaSnapshot schema;
  std::map<std::string, bool> held;  ///< checks of kind sql, table, column, index by name: true already then
};

/// Where and how checks are asked. Pointers outlive the call; `baseline` may be null (`dbm validate`, or a
/// run that goes on after a crash): then what cannot be told new from old is a warning. `looks` may be null:
/// then each gate makes its own connection.
struct CheckRequest {
  const migration::Target* target = nullptr;
  const migration::Spec* spec = nullptr;
  const migration::Plan* plan = nullptr;  ///< null: none pending
  const CheckBaseline* baseline = nullptr;
  std::chrono::milliseconds timeout{60'000};   ///< of one check at Before and After
  const RehearsedChange* rehearsed = nullptr;  ///< null: nothing to hold the schema's change against
  LookSessions* looks = nullptr;
};

/// Gates Before and After: in one REPEATABLE READ READ ONLY transaction of a connection that is not `work` (a
/// check can unlock advisory locks; it may run for minutes), and that nothing of the user's ran on before or
/// will run on afterwards. At After the always-on
/// checks are added: noInvalidIndexes, constraintsValid, schemaDiff, sequences. An Error only when the checks
/// could not be asked: no connection, a lock that did not come, the deadline, a stop request.
Result<migration::ChecksStatus> check_gate(migration::Gate gate, const CheckRequest& request,
                                           Deadline deadline, const std::stop_token& stop);

/// Asks every check of After and InTransaction on the untouched database and takes a snapshot of the schema.
Result<CheckBaseline> take_baseline(const CheckRequest& request, Deadline deadline,
                                    const std::stop_token& stop);

/// Gate InTransaction: in the script's open transaction on `work`, after its last statement, within a
/// savepoint that is set READ ONLY and rolled back; at most `budget` for all of them together. Role and
/// search_path are what they were afterwards. Checks that did not come to their end within the budget are
/// Failed (timed out).
Result<migration::ChecksStatus> check_in_transaction(Session& work, const CheckRequest& request,
                                                     std::chrono::milliseconds budget, Deadline deadline,
                                                     const std::stop_token& stop);
constexpr std::chrono::milliseconds kInTransactionBudget{2000};

/// Adds the results of `more`; of a check that was asked at the same gate before, the verdict that needs more
/// attention stays. What needs attention comes first.
void merge_checks(migration::ChecksStatus& all, const migration::ChecksStatus& more);

/// The first failing check as Terminal/ValidationFailed/CheckFailed: "check no-orphans failed: …". Ok when
/// none failed.
Result<> refuse_failed(const migration::ChecksStatus& checks);

}  // namespace dbm::postgres
