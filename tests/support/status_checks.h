#pragma once
/// Flux's checks on conditions (its runtime/conditions/check, numbers 0001–0011 and the warnings), as rules
/// for every status that is ever written.

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace dbm::test {

enum class StatusOf {
  Settled,  ///< no run was in flight when it was written
  Running,  ///< one was, or the writer was killed
};

/// What is wrong with the object's status, one line each; empty: nothing.
std::vector<std::string> status_violations(const nlohmann::ordered_json& object, StatusOf state);

/// Every *.status.yaml below `folder`, in order of their names.
std::vector<std::filesystem::path> status_files(const std::filesystem::path& folder);
/// The object of a status file; throws std::runtime_error when it is no YAML.
nlohmann::ordered_json read_status(const std::filesystem::path& file);

}  // namespace dbm::test
