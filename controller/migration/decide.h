#pragma once
/// What is next, and why. Pure: from facts alone.

#include <optional>

#include "migration/facts.h"

namespace dbm::migration {

enum class Next {
  Nothing,    ///< the database is where the spec says
  Suspended,  ///< nothing is started, nothing is written
  Run,        ///< start a run
  Retry,      ///< transient trouble: look again after a back-off
  Wait,       ///< something else has to happen first
  Stalled,    ///< a person, the spec or the source has to change
};

struct Decision {
  Next next = Next::Nothing;
  std::optional<Error> why;  ///< with Retry, Wait and Stalled
};

/// `take_over`: the person accepts another owner or a changed identity.
Decision decide(const Facts& facts, bool take_over);

/// What follows from an error, whoever met it.
Decision decide_on(const Error& error);

/// Whether the condition reason is one of Stalled's.
bool is_stalled_reason(std::string_view reason);
/// The reason of Stalled for a terminal error: its own, or that of the phase it happened in.
std::string stalled_reason(const Error& error);
/// The reason of Reconciling for an error that is not terminal.
std::string reconciling_reason(const Error& error);

}  // namespace dbm::migration
