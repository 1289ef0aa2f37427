#pragma once
/// The file a migration's status stands in without an API server. It may be deleted at any time.

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "kubernetes/objects.h"

namespace dbm::local {

/// What a status file says of an object.
struct StoredStatus {
  std::shared_ptr<const nlohmann::ordered_json> spec, status;
  std::int64_t generation = 1;
  std::int64_t resource_version = 0;
};

/// "<name>.status.yaml" in `status_dir`, or beside the manifest if that is empty.
std::string status_path(const std::string& manifest, const std::string& name, const std::string& status_dir);

/// Empty when there is none, or when it cannot be understood (said in the log: it will be written anew).
/// Terminal/InvalidSpec/InvalidValue when the file is something else than the status of this object: it is
/// not ours to overwrite.
Result<std::optional<StoredStatus>> read_status_file(const std::string& path,
                                                     const kubernetes::ObjectKey& key);

/// Replaces the file in one step and durably. Transient/Conflict while another process writes it; Transient
/// or Terminal/StatusNotWritten when it cannot be written.
Result<> write_status_file(const std::string& path, const std::string& text);

}  // namespace dbm::local
