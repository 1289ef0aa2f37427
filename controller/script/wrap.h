#pragma once
/// BEGIN and COMMIT as a script's own wrap. Internal to the room.

#include "script/summary.h"

namespace dbm::script {

enum class Wrap : unsigned char {
  None,     ///< Any other statement.
  Begin,    ///< BEGIN, START TRANSACTION, with at most what our own transaction has too.
  Special,  ///< BEGIN with another isolation level, COMMIT AND CHAIN: means something that taking it away
            ///< would lose.
  End       ///< COMMIT, END
};

/// Told from the first words; a body's BEGIN ATOMIC never begins a statement.
Wrap wrap_of(const Summary& summary);

}  // namespace dbm::script
