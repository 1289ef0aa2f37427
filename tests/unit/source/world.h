#pragma once
/// What the tests of room `source` share: a folder to fill, a migration to ask with, objects that stand in a
/// map.

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kubernetes/objects.h"
#include "source/kinds.h"
#include "support/temp_dir.h"

namespace dbm::source {

class MapOfObjects final : public kubernetes::Objects {
 public:
  std::map<kubernetes::ObjectKey, nlohmann::ordered_json> all;

  Result<std::optional<kubernetes::Object>> get(const kubernetes::ObjectKey& key, Deadline,
                                                const std::stop_token&) override {
    const auto found = all.find(key);
    if (found == all.end()) return std::optional<kubernetes::Object>{};
    kubernetes::Object object;
    object.key = key;
    object.document = std::make_shared<const nlohmann::ordered_json>(found->second);
    return std::optional{object};
  }
  Result<std::vector<kubernetes::Object>> list(const std::string&, Deadline,
                                               const std::stop_token&) override {
    return std::vector<kubernetes::Object>{};
  }
  Result<> apply_status(const kubernetes::Object&, const nlohmann::ordered_json&, Deadline,
                        const std::stop_token&) override {
    return {};
  }
  void emit(const kubernetes::Object&, const kubernetes::Event&) override {}
};

class Sources : public testing::Test {
 protected:
  Sources() {
    migration.object.key = {"DatabaseMigration", "shop", "orders"};
    migration.object.position = [this](const std::string& pointer) {
      return migration.object.file.empty() ? Position{} : Position{pointer};
    };
  }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((root / name).parent_path());
    std::ofstream{root / name} << text;
  }

  Result<Texts> texts(const SourceRoots& roots = {}) {
    return make_sources(objects, roots)->texts(migration, Deadline::never(), {});
  }

  /// "name=content" of each text; or kind, words and message of the error.
  std::vector<std::string> seen(const Result<Texts>& texts) {
    if (!texts) {
      const Error& error = texts.error();
      return {std::string(to_string(error.kind)) + " " + error.reason + " " + error.cause, error.message};
    }
    std::vector<std::string> all;
    for (const auto& text : *texts) all.push_back(text.name + "=" + content(text));
    return all;
  }

  static std::string content(const script::Text& text) {
    const auto reader = text.open();
    if (!reader) return "ERROR " + reader.error().message;
    std::string bytes;
    std::array<char, 7> buffer;
    while (true) {
      const auto got = (*reader)->read(buffer);
      if (!got) return "ERROR " + got.error().message;
      if (*got == 0) return bytes;
      bytes.append(buffer.data(), *got);
    }
  }

  TempDir folder = [] {
    auto made = TempDir::make("dbm-source");
    if (!made) std::abort();
    return std::move(*made);
  }();
  std::filesystem::path root = std::filesystem::canonical(folder.path());
  MapOfObjects objects;
  migration::Migration migration;
};

using Seen = std::vector<std::string>;

}  // namespace dbm::source
