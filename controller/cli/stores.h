#pragma once
/// The stores of the configuration, ready to use, with the keys that encrypt and decrypt in them.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/configuration.h"
#include "kubernetes/objects.h"
#include "migration/surroundings.h"

namespace dbm::cli {

struct OpenedStores {
  std::map<std::string, migration::ConfiguredStore> stores;
  std::vector<std::string> notices;  ///< one line each: what was made, and where
};

/// With no store configured, `default` is $XDG_STATE_HOME/dbm/backups (~/.local/state/dbm/backups) with a key
/// made once beside it, mode 0600. Keys are found in `objects` or in files. InvalidSpec for a key that is
/// none, WaitingForReference/NotFound for one that is not there.
Result<OpenedStores> open_stores(const Configuration& configuration, kubernetes::Objects& objects);

}  // namespace dbm::cli
