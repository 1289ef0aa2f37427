#pragma once
/// A folder, or files, in the place of the API server: manifests as objects, each migration's status in a
/// file beside it. What changes on disk is seen at the next call.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kubernetes/objects.h"
#include "local/secret_flags.h"

namespace dbm::local {

struct ObjectsOptions {
  std::vector<std::string> paths;  ///< files and folders, in the order in which list() gives what is in them
  std::string status_dir;          ///< empty: beside each manifest
  std::string default_namespace = "default";
  std::vector<SecretFlag>
      secrets;  ///< they belong to every namespace and win over a manifest's entry of that key
  std::function<void(const kubernetes::Object&, const kubernetes::Event&)>
      on_event;  ///< may be empty; from any thread
};

/// The uid is a UUID of version 5 of "local/<namespace>/<name>", so that it never changes. The generation
/// starts from the status file's, grows when the spec changes, and is 1 where nothing is known. A Secret's
/// document has `data` in base64 only, as from an API server.
class LocalObjects final : public kubernetes::Objects {
 public:
  /// Reads everything once. Terminal/InvalidSpec with file, line and column for a manifest that is wrong, an
  /// object given twice, two migrations that would share a status file.
  static Result<std::unique_ptr<LocalObjects>> load(ObjectsOptions options);
  ~LocalObjects() override;

  Result<std::optional<kubernetes::Object>> get(const kubernetes::ObjectKey& key, Deadline deadline,
                                                const std::stop_token& stop) override;
  Result<std::vector<kubernetes::Object>> list(const std::string& kind, Deadline deadline,
                                               const std::stop_token& stop) override;
  /// Only a DatabaseMigration has a status. Refused (Transient/Conflict) unless `object` is what get() would
  /// give now; but its generation may be a higher one, which the ledger told, and is kept.
  Result<> apply_status(const kubernetes::Object& object, const nlohmann::ordered_json& status,
                        Deadline deadline, const std::stop_token& stop) override;
  void emit(const kubernetes::Object& object, const kubernetes::Event& event) override;

  /// Where the object's status is written.
  [[nodiscard]] std::string status_file(const kubernetes::Object& object) const;

 private:
  struct State;
  explicit LocalObjects(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dbm::local
