#pragma once
/// From facts and a verdict to a status. Pure: the same ledger gives the same status, whoever looks and
/// whenever, but for the times of transitions.

#include <string>

#include "migration/facts.h"

namespace dbm::migration {

enum class Mood {
  New,      ///< first seen
  Running,  ///< a phase runs
  Waiting,  ///< something else has to happen, or transient trouble: it will be tried again
  Stalled,  ///< needs a person
  Done,
};

struct Verdict {
  Mood mood = Mood::New;
  PhaseName phase = PhaseName::Plan;       ///< with Running
  std::optional<ProgressStatus> progress;  ///< with Running
  std::optional<Error> why;                ///< with Waiting and Stalled
};

/// `now` is RFC 3339. lastTransitionTime moves only where a condition's status differs from `previous`, the
/// status written last.
Status project(const Facts& facts, const Status& previous, const Verdict& verdict, const std::string& now);

/// The first of Flux's checks (docs/status.md#readers) that `status` breaks; empty: none. `settled`: no
/// run is in flight.
std::string broken_check(const Status& status, std::int64_t generation, bool settled);

/// The condition of a type; nullptr when it is not there.
const Condition* find_condition(const Status& status, std::string_view type);

}  // namespace dbm::migration
