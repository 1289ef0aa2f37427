#pragma once
/// Where backups are kept: named byte streams below a prefix. A directory now, S3 later.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace dbm::artifact {

/// An object being written: append in order, then commit. Destroyed without commit, nothing of it stays.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual Result<> append(std::string_view bytes) = 0;
  /// Durable and visible under its name when this returns. Terminal/BackupFailed/StoreDenied if the name
  /// exists.
  virtual Result<> commit() = 0;
};

/// An object being read from its first byte.
class Download {
 public:
  virtual ~Download() = default;
  virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

struct StoredObject {
  std::string name;  ///< below the store's root: "shop/orders/0042-pre-…/artifact.dbm"
  std::uint64_t bytes = 0;
};

/// Safe to call from any thread. Errors: BackupFailed with StoreMissing (no such root), StoreDenied (no
/// right, a link on the way, name taken), NoSpace.
class Store {
 public:
  virtual ~Store() = default;

  virtual Result<std::unique_ptr<Upload>> create(const std::string& name) = 0;
  /// Empty when there is no such object.
  virtual Result<std::unique_ptr<Download>> open(const std::string& name) = 0;
  /// All objects whose names start with `prefix`, sorted by name.
  virtual Result<std::vector<StoredObject>> list(const std::string& prefix) = 0;
  /// Removing what is not there is no error.
  virtual Result<> remove(const std::string& name) = 0;
  /// Bytes that can still be written; empty when the store cannot tell.
  virtual Result<std::optional<std::uint64_t>> free_bytes() = 0;
  /// For people: "directory /var/lib/dbm/backups".
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace dbm::artifact
