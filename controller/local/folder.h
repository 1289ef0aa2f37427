#pragma once
/// What LocalObjects holds: the manifests as they were read last, and what is known of each migration beyond
/// them.

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kubernetes/objects.h"
#include "local/manifests.h"
#include "local/objects.h"
#include "local/status_file.h"

namespace dbm::local {

/// What no manifest says: how often the spec changed, and the status.
struct Known {
  std::shared_ptr<const nlohmann::ordered_json> document;  ///< the manifest this belongs to
  std::shared_ptr<const nlohmann::ordered_json> status;    ///< may be null
  std::int64_t generation = 1;
  std::int64_t resource_version = 1;
  Stamp status_stamp;
};

/// Whether two documents have the same spec; the order of keys says nothing.
bool same_spec(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

/// Not safe for several threads: LocalObjects guards it.
class Folder {
 public:
  explicit Folder(ObjectsOptions options) : options_(std::move(options)) {}

  /// Reads again what has changed on disk since the last call; cheap when nothing has. On an error the last
  /// good state stays.
  Result<> refresh();

  [[nodiscard]] std::optional<kubernetes::Object> find(const kubernetes::ObjectKey& key) const;
  [[nodiscard]] std::vector<kubernetes::Object> all_of(const std::string& kind) const;
  [[nodiscard]] const Manifest* manifest_of(const kubernetes::ObjectKey& key) const;
  Known* known_of(const kubernetes::ObjectKey& key);
  [[nodiscard]] std::string status_file_of(const Manifest& manifest) const;
  [[nodiscard]] const ObjectsOptions& options() const { return options_; }

 private:
  struct File {
    std::string path;
    Stamp stamp;
    bool regular;
    friend bool operator==(const File&, const File&) = default;
  };

  [[nodiscard]] bool has_changed(const std::vector<std::string>& paths) const;
  [[nodiscard]] Result<> check_unique(const std::vector<Manifest>& manifests) const;
  Result<> refresh_status(const Manifest& manifest);
  [[nodiscard]] kubernetes::Object object_of(const Manifest& manifest) const;

  ObjectsOptions options_;
  bool loaded_ = false;
  std::vector<File> files_;
  std::vector<Manifest> manifests_;
  std::map<kubernetes::ObjectKey, Known> known_;
};

}  // namespace dbm::local
