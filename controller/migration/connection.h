#pragma once
/// From spec.connection and its Secret to libpq keywords.

#include <memory>
#include <string>
#include <vector>

#include "base/memory_file.h"
#include "migration/engine.h"
#include "migration/surroundings.h"

namespace dbm::migration {

struct Connection {
  Target target;
  /// Certificates `target` points at; they live as long as this.
  std::shared_ptr<const std::vector<MemoryFile>> files;
  /// Changes when a referenced Secret does. Keyed by this process, so it says nothing outside it.
  std::string secret_digest;
};

/// Reads the Secret anew each time. Passwords are remembered by redact. Errors:
/// Waiting/WaitingForReference/NotFound for a missing Secret or key (with the key names seen),
/// Terminal/InvalidSpec with InvalidValue or HostNotAllowed.
Result<Connection> resolve_connection(const Migration& migration, const Surroundings& surroundings,
                                      Deadline deadline, const std::stop_token& stop);

}  // namespace dbm::migration
