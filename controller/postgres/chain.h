#pragma once
/// Chains: consecutive small scripts as one pipeline, COMMITs and all, with one Sync
/// (docs/exactly-once.md#chains). After an error the server executes nothing until the Sync: what follows a
/// failed script does not run, the COMMITs before it stand.

#include <span>

#include "postgres/execution.h"

namespace dbm::postgres {

/// How many of the first scripts may go out as one chain; 0 or 1: none.
std::size_t chain_length(const migration::Spec& spec, std::span<const migration::PendingScript> scripts);

struct ChainOutcome {
  std::vector<migration::AppliedScript>
      applied;  ///< committed, in order; the script after them is the one `error` is about
  std::optional<Error>
      error;            ///< InDoubt when the connection was lost: each version is looked up by the next run
  bool durable = true;  ///< false: the last of them was committed without waiting for the disk
};

/// Sends the scripts and reads what came of each. COMMITs are asynchronous where the next script follows at
/// once, so a crash of the server loses a suffix, rows and effects together; the last is as the database has
/// it.
ChainOutcome apply_chain(Execution& execution, std::span<const migration::PendingScript> scripts,
                         Milliseconds lock_limit);

}  // namespace dbm::postgres
