#pragma once
/// Reading manifests: files and folders → the objects we know, each with its place.

#include <sys/stat.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "kubernetes/objects.h"

namespace dbm::local {

/// One object of a file, checked as far as its kind, name and namespace, a Secret brought to `data` in
/// base64.
struct Manifest {
  kubernetes::ObjectKey key;
  std::shared_ptr<const nlohmann::ordered_json> document;  ///< without a status
  std::string file;
  std::string pointer;  ///< of the object in its document: empty, or "/items/3" in a List
  std::shared_ptr<const yaml::Positions> positions;

  /// The place of a JSON pointer of the object.
  [[nodiscard]] Position position(const std::string& of) const;
};

/// A file as it was found, to see whether it has changed since. All zero: it is not there.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified = 0, changed = 0;  ///< nanoseconds

  friend bool operator==(const Stamp&, const Stamp&) = default;
};
Stamp stamp_of(const std::string& file);

/// The files that `paths` stand for: files as they are, folders by their *.yaml, *.yml and *.json in the
/// order of names, without hidden ones and *.status.yaml. Terminal/InvalidSpec/NotFound for a path that is
/// not there.
Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths);

/// The DatabaseMigrations, Secrets and ConfigMaps of a file. Objects of other groups are left out, and an
/// OperatorConfiguration; a kind or version that our groups do not have is refused. Every value of a Secret
/// is remembered for redaction. Terminal/InvalidSpec with file, line and column.
Result<std::vector<Manifest>> read_manifests(const std::string& file, const std::string& default_namespace);

}  // namespace dbm::local
