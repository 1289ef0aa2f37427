#pragma once
/// A user's desk: a folder with a manifest, scripts and a store, a database, and the real program.

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "support/manifest.h"
#include "support/postgres_server.h"
#include "support/status_checks.h"

namespace dbm::test {

using Environment = std::map<std::string, std::string>;

/// A build with injection points dies with this exit status where it was told to.
constexpr int kCrashStatus = 86;
/// Put this into a row and no test that looks through a World lets it out.
inline constexpr std::string_view kRowCanary = "canary-5b1d-row-value";

/// Every test script holds these lines: one row per time it took effect, and a number that tells how often
/// scripts ran.
std::string witness_lines(const std::string& version);
/// What the canary is after `scripts` of them ran once each: 2^(scripts+1) - 1.
std::string canary_after(int scripts);
/// The name of a template with the tables `witness` and `canary`.
std::string witness_template(PostgresServer& server);

/// After each run every status file is held against Flux's checks, and all output against the canaries; a
/// violation fails the test. Not thread-safe, but two Worlds may share a server.
class World {
 public:
  /// A database with witness and canary, and a script NNNN_step.sql for each version.
  explicit World(PostgresServer& server, const std::vector<std::string>& versions = {});

  ManifestOptions manifest;    ///< written anew before each run
  bool keep_manifest = false;  ///< set it after writing the manifest by hand: it is not written anew then

  void script(const std::string& file, const std::string& text) const;
  /// witness_lines and `body`, as NNNN_step.sql.
  void add_script(const std::string& version, const std::string& body = {}) const;
  void write_manifest() const;

  /// The real program, in the folder of the manifest, HOME and state in the World. At the deadline it is
  /// killed: -1.
  Finished run_dbm(const std::vector<std::string>& args, const Environment& environment = {},
                   std::chrono::milliseconds within = std::chrono::seconds{60});
  /// `dbm apply -f <manifest>` and more arguments.
  Finished apply(const Environment& environment = {}, const std::vector<std::string>& more = {});
  /// Starts it and returns; hand what comes of it to `check`.
  Child start_dbm(const std::vector<std::string>& args, const Environment& environment = {});
  /// What every run is held to; `start_dbm` needs it called.
  void check(const Finished& finished) const;

  [[nodiscard]] std::vector<std::string> applied_versions()
      const;                                               ///< of the ledger, in the order of their keys
  [[nodiscard]] std::vector<std::string> witness() const;  ///< versions, one per time a script took effect
  [[nodiscard]] std::string canary() const;
  /// Oracles: each of these versions applied once and nothing else, its effect in the transaction of its
  /// ledger row, no row left open, epochs only grow.
  void expect_exactly_once(const std::vector<std::string>& versions) const;

  /// The object of `<name>.status.yaml`.
  [[nodiscard]] nlohmann::ordered_json status() const;
  /// "status/reason" of a condition, "" when absent.
  [[nodiscard]] std::string condition(const std::string& type) const;

  std::string sql(const std::string& text) const { return test::sql(database_, text); }
  [[nodiscard]] const Database& database() const { return database_; }
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path() / "desk"; }
  [[nodiscard]] std::filesystem::path state() const {
    return folder_.path() / "state";
  }  ///< the default store is below it
  [[nodiscard]] std::filesystem::path manifest_file() const { return folder() / (manifest.name + ".yaml"); }

 private:
  [[nodiscard]] std::string ledger(const std::string& query_of_history) const;

  Folder folder_;
  Database database_;
};

}  // namespace dbm::test
