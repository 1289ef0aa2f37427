#pragma once
/// What would be done and why. Pure: from the source, the ledger and the spec to a plan or to the reason
/// there is none.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/engine.h"
#include "migration/object.h"
#include "script/analysis.h"
#include "script/script.h"

namespace dbm::migration {

/// A script that will run, and why it is pending.
struct PendingScript {
  script::Script script;
  script::Analysis analysis;
  std::string why;               ///< "new", "failed before, nothing in effect", "3 of 9 statements in effect"
  std::int64_t continue_at = 0;  ///< statements already in effect (journalled scripts)
};

struct Plan {
  std::vector<PendingScript> pending;
  std::vector<PendingScript>
      baseline;        ///< to be recorded as baseline only; analysis holds the normalised checksum
  std::string digest;  ///< "sha256:…", docs/status.md#plan-digest
  unsigned effects = 0;
  std::int64_t statements = 0;
  std::vector<std::string> warnings;             ///< one line each: docs/scripts.md#notices
  std::vector<std::string> outside_transaction;  ///< script names, with the statement that forces it

  [[nodiscard]] bool empty() const { return pending.empty() && baseline.empty(); }
};

/// Compares source and ledger (docs/scripts.md#runs-again). Analyses only what is pending or changed.
/// Terminal: ChangedScript (ChecksumDiffers, ScriptMissing), OutOfOrder, SourceInvalid (MissingDependency,
/// words of analyse), InvalidSpec for a target or baseline that does not exist or lies below what is applied.
Result<Plan> make_plan(const Migration& migration, const script::ScriptSet& source,
                       const Inspection& database);

}  // namespace dbm::migration
