/// Reads the #include lines of controller/ and compares them with the arrows of controller/README.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "support/folder.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;

/// Which rooms a room may include, itself apart.
const std::map<std::string, std::set<std::string>> kMayKnow{
    {"base", {}},
    {"script", {"base"}},
    {"artifact", {"base"}},
    {"kubernetes", {"base"}},
    {"migration", {"base", "script", "artifact", "kubernetes"}},
    {"postgres", {"base", "script", "artifact", "kubernetes", "migration"}},
    {"source", {"base", "script", "artifact", "kubernetes", "migration"}},
    {"local", {"base", "kubernetes"}},
    {"cli", {"base", "script", "artifact", "kubernetes", "migration", "postgres", "source", "local"}},
    {"", {"cli"}},  // main.cpp
};

/// A library's headers, by how their names begin, and the files (below controller/) that may include them.
struct Fence {
  std::string library, headers, files;
};
const std::vector<Fence> kFences{
    {"libpqxx", "pqxx/", "postgres/.*"},
    {"libpq", "libpq", "postgres/.*"},
    {"yaml-cpp", "yaml-cpp/", "base/yaml[a-z_]*\\.cpp"},
    {"OpenSSL", "openssl/", "(base/digest|artifact/).*\\.cpp"},
    {"zstd", "zstd", "artifact/.*\\.cpp"},
    {"libpg_query", "pg_query", "script/classify[a-z_]*\\.cpp"},
    {"CLI11", "CLI/", "cli/parse[a-z_]*\\.cpp"},
    {"spdlog", "spdlog/", "base/log.*"},
    {"nlohmann-json in headers (json_fwd.hpp is for them)", "nlohmann/json.hpp", ".*\\.cpp"},
};

struct Include {
  std::string file;  ///< below controller/
  std::string room;  ///< of that file
  std::string header;
};

std::vector<Include> includes() {
  const fs::path controller = fs::path(DBM_SOURCE_DIR) / "controller";
  const std::regex line_form("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  std::vector<Include> all;
  for (const auto& entry : fs::recursive_directory_iterator(controller)) {
    const auto extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    const auto file = fs::relative(entry.path(), controller).string();
    const auto slash = file.find('/');
    std::istringstream text(read_file(entry.path()));
    std::smatch found;
    for (std::string line; std::getline(text, line);) {
      if (!std::regex_match(line, found, line_form)) continue;
      all.push_back({file, slash == std::string::npos ? "" : file.substr(0, slash), found[1].str()});
    }
  }
  return all;
}

TEST(Arrows, PointOneWay) {
  const auto all = includes();
  ASSERT_FALSE(all.empty());
  for (const auto& include : all) {
    const auto allowed = kMayKnow.find(include.room);
    ASSERT_NE(allowed, kMayKnow.end())
        << include.file << ": the room " << include.room << " is not in the table";
    const auto other = include.header.substr(0, include.header.find('/'));
    const bool ours = other != include.header && kMayKnow.count(other) != 0;
    if (!ours || other == include.room) continue;
    EXPECT_EQ(allowed->second.count(other), 1U) << include.file << " includes " << include.header;
  }
}

TEST(Arrows, LocalKnowsOfKubernetesTheInterfaceOnly) {
  for (const auto& include : includes()) {
    if (include.room != "local" || include.header.rfind("kubernetes/", 0) != 0) continue;
    EXPECT_EQ(include.header, "kubernetes/objects.h") << include.file;
  }
}

TEST(Arrows, LibrariesStayInTheirRoom) {
  for (const auto& include : includes()) {
    for (const auto& fence : kFences) {
      if (include.header.rfind(fence.headers, 0) != 0) continue;
      EXPECT_TRUE(std::regex_match(include.file, std::regex(fence.files)))
          << include.file << " includes " << include.header << ": " << fence.library << " stays in "
          << fence.files;
    }
  }
}

}  // namespace
}  // namespace dbm::test
