#pragma once
/// What the tests of room `local` share: a folder with manifests in it, and objects read from it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "local/objects.h"
#include "support/temp_dir.h"

namespace dbm::local {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Desk : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream{root / name} << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream{root / name}.rdbuf();
    return text.str();
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (root / name).string(); }

  static std::string migration(const std::string& name, const std::string& spec = "{a: 1}",
                               const std::string& more = "") {
    return "apiVersion: dbmigration.dev/v1alpha1\nkind: DatabaseMigration\nmetadata: {name: " + name + more +
           "}\nspec: " + spec + "\n";
  }

  std::unique_ptr<LocalObjects> load(ObjectsOptions options = {}) {
    if (options.paths.empty()) options.paths = {root.string()};
    auto loaded = LocalObjects::load(std::move(options));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? std::move(*loaded) : nullptr;
  }
  /// "place: message", the folder left out.
  std::string refusal(ObjectsOptions options = {}) {
    if (options.paths.empty()) options.paths = {root.string()};
    const auto loaded = LocalObjects::load(std::move(options));
    if (loaded) return "accepted";
    EXPECT_EQ(loaded.error().reason, "InvalidSpec");
    std::string text = to_string(loaded.error().at) + ": " + loaded.error().message;
    for (auto at = text.find(root.string() + "/"); at != text.npos; at = text.find(root.string() + "/"))
      text.erase(at, root.string().size() + 1);
    return text;
  }

  static kubernetes::Object get(LocalObjects& objects, const std::string& kind, const std::string& name) {
    const auto found = objects.get({kind, "default", name}, Deadline::never(), {});
    EXPECT_TRUE(found) << found.error().message;
    EXPECT_TRUE(*found) << kind << " " << name;
    return **found;
  }
  static kubernetes::Object get(LocalObjects& objects, const std::string& name = "orders") {
    return get(objects, "DatabaseMigration", name);
  }
  static Result<> apply(LocalObjects& objects, const kubernetes::Object& object, const Json& status) {
    return objects.apply_status(object, status, Deadline::never(), {});
  }

  TempDir folder = [] {
    auto made = TempDir::make("dbm-local");
    if (!made) std::abort();
    return std::move(*made);
  }();
  fs::path root = fs::canonical(folder.path());
};

}  // namespace dbm::local
