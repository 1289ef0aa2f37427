#pragma once
/// The operator's configuration (kind OperatorConfiguration, config.dbmigration.dev/v1alpha1): from a file,
/// then what the environment and flags say over it.

#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "cli/options.h"

namespace dbm::cli {

/// Where a store's keys come from; at most one of the three is set.
struct StoreEncryption {
  std::string secret_name,
      secret_key;             ///< keySecretRef: this entry encrypts, every entry of the Secret decrypts
  std::string key_file;       ///< --store-key
  std::string waived_reason;  ///< encryption: {mode: None, reason}
};

struct StoreConfiguration {
  std::string name;
  std::string directory;  ///< absolute
  StoreEncryption encryption;
};

struct Configuration {
  std::vector<StoreConfiguration> stores;
  bool allow_superuser = false;
  std::vector<std::string> allowed_hosts;
  std::string source_root;
  std::string pg_binaries = "/usr/lib/postgresql/%/bin";
  log::Level log_level =
      log::Level::Warning;  ///< progress has its own lines; a log on top of it is asked for
  log::Format log_format = log::Format::Text;
};

/// Terminal/InvalidSpec with file and line for what the file gets wrong; UnknownField for a key nobody reads.
Result<Configuration> read_configuration(const Options& options);

}  // namespace dbm::cli
