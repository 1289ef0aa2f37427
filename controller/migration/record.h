#pragma once
/// The only writer of status and events.

#include <map>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "migration/facts.h"
#include "migration/project.h"
#include "migration/surroundings.h"

namespace dbm::migration {

/// What the change from one status to the next tells the world. Pure. `applied`: scripts a run has just
/// applied.
std::vector<kubernetes::Event> events_of(const Status& before, const Status& after, int applied);

/// Events that are said once in a while, however often their cause is met. Thread-safe.
class EventMemory {
 public:
  using Time = std::chrono::system_clock::time_point;
  /// LockTimeout at most once in 30 minutes, WaitingForReference once, after 5 minutes of waiting; others
  /// always.
  bool allows(const kubernetes::ObjectKey& key, const std::string& reason, const Status& status, Time now);

 private:
  Guarded<std::map<std::pair<kubernetes::ObjectKey, std::string>, Time>> said_;
};

/// Writes what one pass finds, each status only where it differs from the one before.
class Recorder {
 public:
  Recorder(const Surroundings& surroundings, EventMemory& memory, kubernetes::Object object, Status previous);

  /// Projects, asserts Flux's checks, writes, emits. Transient/Conflict when somebody else wrote in between
  /// and the object is another now: the pass has to be made again.
  Result<> record(const Facts& facts, const Verdict& verdict, int applied = 0);

  [[nodiscard]] const Status& last() const { return last_; }

 private:
  Result<> write(const Facts& facts, const Status& status);

  const Surroundings& surroundings_;
  EventMemory& memory_;
  kubernetes::Object object_;
  Status last_;
};

}  // namespace dbm::migration
