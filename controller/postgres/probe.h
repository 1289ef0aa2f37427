#pragma once
/// What a statement outside a transaction is about to do, and, after a crash or a failure, whether it did:
/// the table of docs/exactly-once.md#journal.

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/run_context.h"
#include "script/classify.h"
#include "script/statements.h"

namespace dbm::postgres {

/// Kept in the ledger before the statement is sent, so that whoever comes later can look without the script.
struct Intent {
  std::string kind;  ///< "CREATE INDEX CONCURRENTLY"
  script::ProbeKind probe = script::ProbeKind::Unknown;
  std::string object;    ///< quoted, with its schema: the index, the partition, the type, the database
  std::string relation;  ///< the table of an index, the parent of a partition
  std::string before;  ///< "absent", "present", "invalid"; for REINDEX the oids of invalid leftovers that are
                       ///< not ours
  std::string definition;   ///< of the index as intended, without names
  std::string label;        ///< of an enum
  std::string done_when;    ///< a SELECT that returns true once it took effect
  bool idempotent = false;  ///< may simply run again
};
/// The ledger's column state_before, and back.
std::string encode_intent(const Intent& intent);
Intent decode_intent(const std::string& kind, const std::string& object, const std::string& state_before);

/// Looks at the catalog before the statement, with the session as the script has set it up; no transaction
/// stays open.
Result<Intent> look_before(RunContext& run, const script::Statement& statement,
                           const script::StatementClass& what, bool script_is_idempotent, Deadline deadline);

enum class Verdict {
  Done,        ///< it took effect
  NotDone,     ///< it did not: it may run (again)
  CleanUp,     ///< half an effect: `clean_up` first, then probe again
  InProgress,  ///< a session of the server is still at it: wait, then probe again
  Unknown,     ///< only a person can tell
};
struct Probed {
  Verdict verdict = Verdict::Unknown;
  std::vector<std::string> clean_up;  ///< statements for outside a transaction, in order
  std::string look_at;                ///< for Unknown: what a person has to look at
};
/// Under the run lock, outside a transaction.
Result<Probed> probe(RunContext& run, const Intent& intent, Deadline deadline);

/// Probes, cleans up, waits, until the verdict is Done, NotDone or Unknown.
Result<Probed> probe_and_clean(RunContext& run, const Intent& intent, Deadline deadline,
                               const std::stop_token& stop);

/// ManualInterventionRequired for a statement whose outcome nobody can tell from here.
Error ask_a_person(const std::string& version, std::int64_t index, const Intent& intent,
                   const Probed& probed);

}  // namespace dbm::postgres
