#pragma once
/// What an earlier run left open, settled before anything new begins (docs/exactly-once.md#settle).

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "postgres/run_context.h"

namespace dbm::postgres {

struct Settled {
  std::vector<std::string> lines;  ///< one line each, for the log and the event OutcomeResolved
};

/// Under run lock and fence. Every script left running: each statement whose outcome is unknown is probed,
/// half effects are cleaned up, then the row is closed: as applied when all is in effect, else as failed with
/// how far it came, so that the plan goes on from there. A transaction whose COMMIT got no reply needs
/// nothing: its row is there or it is not. Terminal/ManualInterventionRequired for what only a person can
/// tell, and for an applied row that was never closed (its script ended our transaction).
Result<Settled> settle(RunContext& run, Deadline deadline, const std::stop_token& stop);

}  // namespace dbm::postgres
