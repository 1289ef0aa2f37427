#pragma once
/// The stores of the configuration, ready to use, with the keys that encrypt and decrypt in them.

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "cli/configuration.h"
#include "kubernetes/objects.h"
#include "migration/surroundings.h"

namespace dbm::cli {

struct OpenedStores {
  std::map<std::string, migration::ConfiguredStore> stores;
  std::map<std::string, migration::StoreOnDemand> on_demand;
};

/// Takes one line for people: what was made, and where.
using Announce = std::function<void(const std::string&)>;

/// With no store configured, `default` is $XDG_STATE_HOME/dbm/backups (~/.local/state/dbm/backups) with a key
/// beside it, mode 0600; both are made when the first backup is taken, never by looking. Keys are found in
/// `objects` or in files. InvalidSpec for a key that is none, WaitingForReference/NotFound for one that is
/// not there.
Result<OpenedStores> open_stores(const Configuration& configuration, kubernetes::Objects& objects,
                                 Announce announce);

}  // namespace dbm::cli
