#pragma once
/// Puts the parts together for a verb: objects of the folder, sources, stores with their keys, the engine.

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/configuration.h"
#include "cli/options.h"
#include "migration/surroundings.h"

namespace dbm::cli {

class Wiring {
 public:
  enum class Need { Objects, Everything };

  /// InvalidSpec (usage) for what flags, configuration or manifests get wrong; BackupFailed/StoreMissing for
  /// a store.
  static Result<std::unique_ptr<Wiring>> make(const Options& options, Need need);
  ~Wiring();

  /// The DatabaseMigrations of -f, in file order. InvalidSpec/NotFound when there is none.
  Result<std::vector<kubernetes::Object>> migrations();
  [[nodiscard]] migration::Surroundings& surroundings();
  [[nodiscard]] kubernetes::Objects& objects();
  /// Stops when SIGINT or SIGTERM arrives: work ends at the next safe point. A second signal ends the program
  /// at once, which is as safe as a crash.
  [[nodiscard]] std::stop_token stop() const;

 private:
  struct Parts;
  explicit Wiring(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace dbm::cli
