/// Every word that a status can show is explained (docs/status.md#reasons), and no word there is dead.

#include <gmock/gmock.h>

#include <cctype>
#include <filesystem>
#include <set>
#include <string>

#include "support/folder.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using Words = std::set<std::string>;

const fs::path kRoot = DBM_SOURCE_DIR;

/// "ServerTooOld", "Deadlock": begins with a capital letter, has a small one, and nothing but letters and
/// digits.
bool is_word(const std::string& text) {
  bool small = false;
  for (const char letter : text) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) return false;
    small = small || std::islower(static_cast<unsigned char>(letter)) != 0;
  }
  return small && text.size() > 3 && std::isupper(static_cast<unsigned char>(text[0])) != 0;
}

/// Words between two equal marks: "…" in a source, `…` in a page.
Words words_between(const std::string& text, char mark) {
  Words found;
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const auto end = text.find(mark, at + 1);
    if (end == std::string::npos) break;
    if (const auto word = text.substr(at + 1, end - at - 1); is_word(word)) found.insert(word);
  }
  return found;
}

/// Of controller/, but for what has words of its own: nodes of the parser, other tools' names, units.
Words words_of_source() {
  Words found;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "controller")) {
    const auto name = entry.path().filename().string();
    const bool source = entry.path().extension() == ".cpp" || entry.path().extension() == ".h";
    if (!source || name.rfind("tree_", 0) == 0 || name.rfind("formats.", 0) == 0 || name == "units.cpp")
      continue;
    found.merge(words_between(read_file(entry.path()), '"'));
  }
  return found;
}

Words section(const std::string& page, const std::string& heading) {
  const auto begin = page.find("\n## " + heading + "\n");
  if (begin == std::string::npos) return {};
  return words_between(page.substr(begin, page.find("\n## ", begin + 1) - begin), '`');
}

/// In a source, but never a word of a status.
const Words kOthers{
    "AccessShareLock",
    "ConfigMap",
    "DatabaseMigration",
    "OperatorConfiguration",
    "Secret",
    "List",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
    "LibSQL",
    "SQLite",
    "PostgreSQL",
    "ShareUpdateExclusiveLock",
    "Terminal",
    "Transient",
    "Waiting",
    "InDoubt",
    "Validation",
    "Before",
    "After",
    "InTransaction",
    "Plan",
    "Backup",
    "DryRun",
    "Apply",
    "Validate",
    "Restore",
    "Ready",
    "True",
    "False",
    "Unknown",
};

TEST(Status, EveryWordOfTheSourceIsExplained) {
  const auto status = words_between(read_file(kRoot / "docs/status.md"), '`');
  const auto fields = words_between(read_file(kRoot / "crds/README.md"), '`');
  Words missing;
  for (const auto& word : words_of_source()) {
    if (status.count(word) + fields.count(word) + kOthers.count(word) == 0) missing.insert(word);
  }

  EXPECT_THAT(missing, IsEmpty()) << "explain them in the page";
}

TEST(Status, EveryReasonAndCauseExplainedIsMadeSomewhere) {
  const auto page = read_file(kRoot / "docs/status.md");
  auto explained = section(page, "Reasons");
  explained.merge(section(page, "Causes"));
  explained.merge(section(page, "Conditions"));
  explained.merge(section(page, "Events"));
  ASSERT_GE(explained.size(), 100U);
  const auto made = words_of_source();
  Words dead;
  for (const auto& word : explained) {
    if (made.count(word) == 0) dead.insert(word);
  }

  EXPECT_THAT(dead, IsEmpty());
}

}  // namespace
}  // namespace dbm::test
