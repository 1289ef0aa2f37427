#pragma once
/// Where scripts come from: the other side of migration::Sources.

#include <memory>
#include <string>

#include "kubernetes/objects.h"
#include "migration/surroundings.h"

namespace dbm::source {

/// Beneath which folder a source.directory must stay.
struct SourceRoots {
  /// For an object read from a file: --source-root. Empty: the version-control root around the manifest, else
  /// its folder.
  std::string manifest_root;
  /// For an object of a cluster: the operator's sourceRoot. Empty: source.directory is refused.
  std::string operator_root;
};

/// Safe to call from any thread, as `objects` is, which must outlive it.
std::unique_ptr<migration::Sources> make_sources(kubernetes::Objects& objects, SourceRoots roots);

}  // namespace dbm::source
