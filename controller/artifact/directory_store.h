#pragma once
/// A store in a folder, usually a mounted volume.
///
/// The root is opened anew for every call, so a volume may be mounted late or swapped; nothing beneath it is
/// reached through a link. An object is written under a random name in `.incoming/`, made durable, and only
/// then linked to its own name, so what is visible is whole. What a crash leaves in `.incoming/` is nobody's
/// once its writer's lock is gone and it has rested for a while; the next create() removes it. Folders are
/// 0700, files 0600.

#include <chrono>
#include <string>

#include "artifact/store.h"

namespace dbm::artifact {

class DirectoryStore final : public Store {
 public:
  /// Looks at nothing yet: a missing root is StoreMissing at the first use.
  explicit DirectoryStore(std::string root);

  Result<std::unique_ptr<Upload>> create(const std::string& name) override;
  Result<std::unique_ptr<Download>> open(const std::string& name) override;
  Result<std::vector<StoredObject>> list(const std::string& prefix) override;
  /// Folders left empty go too.
  Result<> remove(const std::string& name) override;
  Result<std::optional<std::uint64_t>> free_bytes() override;
  [[nodiscard]] std::string describe() const override;

  /// How long an abandoned upload rests before it is removed.
  static constexpr std::chrono::minutes kAbandonedAfter{15};

 private:
  std::string root_;
};

}  // namespace dbm::artifact
