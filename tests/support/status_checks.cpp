#include "support/status_checks.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/yaml.h"
#include "support/folder.h"

namespace dbm::test {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kStatusBytesMax = 24U * 1024;

struct Conditions {
  std::map<std::string, Json> by_type;

  [[nodiscard]] std::string status(const std::string& type) const {
    const auto found = by_type.find(type);
    return found == by_type.end() ? "" : found->second.value("status", "");
  }
  [[nodiscard]] bool has(const std::string& type) const { return by_type.count(type) != 0; }
};

struct Judge {
  const Json& status;
  Conditions conditions;
  std::int64_t generation, root;
  std::vector<std::string> violations{};

  void require(bool holds, const std::string& rule) {
    if (!holds) violations.push_back(rule);
  }

  void shape() {
    require(status.dump().size() <= kStatusBytesMax, "K: status is larger than 24 KiB");
    require(status.begin() != status.end() &&
                (status.begin().key() == "conditions" || status.begin().key() == "observedGeneration"),
            "K1: conditions do not come first");
    for (const auto& [type, condition] : conditions.by_type) {
      const auto reason = condition.value("reason", "");
      const auto message = condition.value("message", "");
      require(!reason.empty(), "K1: " + type + " has no reason");
      require(message.size() <= (type == "Ready" ? 1024U : 256U) + 64U,
              "K1: the message of " + type + " is too long");
      require(!condition.value("lastTransitionTime", "").empty(),
              "K1: " + type + " has no lastTransitionTime");
      require(condition.value("observedGeneration", 0) >= 1,
              "warning 0005: observedGeneration of " + type + " is below 1");
    }
  }

  void always() {
    require(conditions.has("Ready"), "0002: Ready is absent");
    require(conditions.status("Stalled") != "True" || conditions.status("Ready") == "False",
            "0004: Stalled without Ready=False");
    require(!conditions.has("Reconciling") || !conditions.has("Stalled"),
            "0005: both Reconciling and Stalled");
    require(root <= generation, "0006: observedGeneration is newer than the generation");
    require(conditions.status("Ready") != "Unknown" || conditions.status("Reconciling") == "True",
            "0011: Ready=Unknown without Reconciling");
    for (const std::string type : {"Reconciling", "Stalled"}) {
      require(!conditions.has(type) || conditions.status(type) == "True",
              "warnings 0003, 0004: " + type + " is present and not True");
    }
  }

  void settled() {
    const bool ready = conditions.status("Ready") == "True";
    require(!ready || (conditions.status("Reconciling") != "True" && conditions.status("Stalled") != "True"),
            "0001: Ready=True beside Reconciling or Stalled");
    require(conditions.status("Reconciling") != "True" || conditions.status("Ready") == "False",
            "0003: Reconciling without Ready=False");
    require(root >= generation || !ready, "0007: Ready=True for an older generation");
    for (const auto& [type, condition] : conditions.by_type) {
      const auto observed = condition.value("observedGeneration", std::int64_t{0});
      require(!ready || observed >= generation,
              "0008: Ready=True and " + type + " is of an older generation");
      require(!ready || observed == root, "0009: Ready=True and " + type + " differs from the root");
    }
  }

  void running() {
    require(conditions.status("Ready") != "True", "0010: Ready=True while a run is in flight");
  }
};

}  // namespace

std::vector<std::string> status_violations(const Json& object, StatusOf state) {
  if (!object.contains("status")) return {"there is no status"};
  const Json& status = object.at("status");
  Conditions conditions;
  for (const auto& condition : status.value("conditions", Json::array())) {
    const auto type = condition.value("type", "");
    if (!conditions.by_type.emplace(type, condition).second) return {"K1: " + type + " is there twice"};
  }
  const auto metadata = object.value("metadata", Json::object());
  Judge judge{status, conditions, metadata.value("generation", std::int64_t{1}),
              status.value("observedGeneration", std::int64_t{-1})};
  judge.shape();
  judge.always();
  if (state == StatusOf::Settled) {
    judge.settled();
  } else {
    judge.running();
  }
  return judge.violations;
}

std::vector<fs::path> status_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.size() > 12 && name.substr(name.size() - 12) == ".status.yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Json read_status(const fs::path& file) {
  auto documents = yaml::parse(read_file(file), file.string());
  if (!documents) throw std::runtime_error(documents.error().message);
  if (documents->size() != 1) throw std::runtime_error(file.string() + " holds not one document");
  return *documents->front().value;
}

}  // namespace dbm::test
