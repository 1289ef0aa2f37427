#pragma once
/// The API server, or a folder that stands for it: objects by key, their status, events. Knows nothing of
/// migrations.

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace dbm::kubernetes {

struct ObjectKey {
  std::string kind;        ///< "DatabaseMigration", "Secret", "ConfigMap"
  std::string namespace_;  ///< never empty
  std::string name;

  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

/// An object as the server gave it. Copies share the document; it does not change.
struct Object {
  ObjectKey key;
  std::string uid;
  std::int64_t generation = 0;
  std::string resource_version;
  bool deleted = false;                                    ///< deletionTimestamp is set
  std::shared_ptr<const nlohmann::ordered_json> document;  ///< metadata, spec, status, data …
  std::string file;  ///< Where it was read from, for messages; empty with an API server.
  /// Of a JSON pointer in that file; may be empty.
  std::function<Position(const std::string& pointer)> position;
};

enum class EventType { Normal, Warning };

struct Event {
  EventType type = EventType::Normal;
  std::string reason;  ///< One of docs/status.md#events.
  std::string note;    ///< At most 1 KiB.
};

/// Safe to call from any thread.
class Objects {
 public:
  virtual ~Objects() = default;

  /// Empty when there is no such object; an Error only when we could not look.
  virtual Result<std::optional<Object>> get(const ObjectKey& key, Deadline deadline,
                                            const std::stop_token& stop) = 0;
  /// All of a kind, in the order a person would expect (file order; the server's order).
  virtual Result<std::vector<Object>> list(const std::string& kind, Deadline deadline,
                                           const std::stop_token& stop) = 0;
  /// Writes the status of exactly the object that was read: refused (Transient/Conflict) when it has changed
  /// since.
  virtual Result<> apply_status(const Object& object, const nlohmann::ordered_json& status, Deadline deadline,
                                const std::stop_token& stop) = 0;
  /// Best effort: events inform, they prove nothing.
  virtual void emit(const Object& object, const Event& event) = 0;
};

}  // namespace dbm::kubernetes
