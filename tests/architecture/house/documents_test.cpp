/// What documents say of the tree must be so: links lead somewhere, `make` targets exist.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "support/folder.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> documents() {
  std::vector<fs::path> found;
  const fs::path root = DBM_SOURCE_DIR;
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator();
       ++entry) {
    const auto name = entry->path().filename().string();
    if (entry->is_directory() && (name == "build" || name.front() == '.')) entry.disable_recursion_pending();
    if (entry->path().extension() == ".md") found.push_back(entry->path());
  }
  return found;
}

std::set<std::string> all_matches(const std::string& text, const std::string& form) {
  const std::regex expression(form);
  std::set<std::string> found;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), expression); at != std::sregex_iterator();
       ++at) {
    found.insert((*at)[1].str());
  }
  return found;
}

TEST(Documents, LinksLeadSomewhere) {
  for (const auto& document : documents()) {
    for (const auto& link : all_matches(read_file(document), "\\]\\(([^)#: ]+)[^)]*\\)")) {
      EXPECT_TRUE(fs::exists(document.parent_path() / link)) << document << " links to " << link;
    }
  }
}

TEST(Documents, MakeTargetsExist) {
  const auto targets = all_matches(read_file(fs::path(DBM_SOURCE_DIR) / "Makefile"), "(?:^|\n)([a-z]+):");
  ASSERT_EQ(targets.count("test"), 1U);
  for (const auto& document : documents()) {
    for (const auto& target : all_matches(read_file(document), "(?:`|\n)make ([a-z]+)")) {
      EXPECT_EQ(targets.count(target), 1U) << document << " names make " << target;
    }
  }
}

TEST(Documents, EveryMakeTargetHasItsLineOfHelp) {
  const auto makefile = read_file(fs::path(DBM_SOURCE_DIR) / "Makefile");
  const auto targets = all_matches(makefile, "(?:^|\n)([a-z]+):[^=]");
  EXPECT_EQ(targets, all_matches(makefile, "(?:^|\n)([a-z]+):[^\n]*## "));
}

}  // namespace
}  // namespace dbm::test
