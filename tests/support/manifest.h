#pragma once
/// Manifests for tests, as a user would write them.

#include <string>

namespace dbm::test {

/// Values are YAML as they stand; an empty one leaves its field out.
struct ManifestOptions {
  std::string name = "orders";
  std::string namespace_name = "shop";
  std::string url;  ///< goes into the Secret "<name>-db", in the same file
  std::string source = "{directory: {path: scripts}}";
  std::string backup = "{method: None, reason: a test that needs none}";
  std::string dry_run;  ///< "{mode: Plan}"
  std::string apply;    ///< "{lockTimeout: 100ms}"
  std::string checks;   ///< "[{name: …, sql: {query: …}}]"
  std::string more;     ///< whole lines of the spec, indented by two: "  targetVersion: \"0002\"\n"
};

/// The Secret and the DatabaseMigration, two documents.
std::string manifest(const ManifestOptions& options);

}  // namespace dbm::test
