#pragma once
/// What a migration needs of the program around it: the operator's configuration, resolved, and the
/// interfaces.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "artifact/store.h"
#include "kubernetes/objects.h"
#include "migration/engine.h"
#include "script/text.h"

namespace dbm::migration {

/// A store of the operator's configuration, ready to use.
struct ConfiguredStore {
  std::shared_ptr<artifact::Store> store;
  std::string active_key;             ///< 32 bytes; empty: not encrypted
  std::vector<std::string> all_keys;  ///< every key that may decrypt
  std::string unencrypted_reason;     ///< why not encrypted, said in Plan
};

/// Looking leaves no trace; only who is about to take a backup makes what is not there.
enum class IfMissing { LeaveIt, Make };
/// A store that is not there before the first backup, as it is now: one with nothing in it, with a key of no
/// use, until it was made. Safe from any thread.
using StoreOnDemand = std::function<Result<ConfiguredStore>(IfMissing)>;

/// Turns a source spec into texts: inline, ConfigMaps, a directory. Implemented in room `source`.
class Sources {
 public:
  virtual ~Sources() = default;
  /// Waiting/WaitingForReference/NotFound for what is missing; InvalidSpec/PathOutsideRoot.
  virtual Result<std::vector<script::Text>> texts(const Migration& migration, Deadline deadline,
                                                  const std::stop_token& stop) = 0;
};

struct Surroundings {
  kubernetes::Objects* objects = nullptr;
  Engine* engine = nullptr;
  Sources* sources = nullptr;
  std::map<std::string, ConfiguredStore> stores;
  std::map<std::string, StoreOnDemand> stores_on_demand;
  std::string cluster_id = "local";
  bool allow_superuser = false;
  std::vector<std::string> allowed_hosts;  ///< empty: any host
  bool take_over = false;
  std::string holder;                ///< host or pod name and pid
  const WallClock* clock = nullptr;  ///< nullptr: the world's

  [[nodiscard]] std::chrono::system_clock::time_point now() const {
    return clock == nullptr ? std::chrono::system_clock::now() : clock->now();
  }
};

}  // namespace dbm::migration
