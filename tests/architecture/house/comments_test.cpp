/// Who clones this reads every rule that the code refers to: a page that a source names is in the tree, with
/// the heading it is named by.

#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "support/folder.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

const fs::path kRoot = DBM_SOURCE_DIR;

std::set<std::string> split_lines(const std::string& text, std::string_view beginning) {
  std::set<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (text.compare(at, beginning.size(), beginning) == 0) found.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

/// The anchors of a page, as GitHub makes them of its headings: "## Exit codes" is "exit-codes".
std::set<std::string> anchors(const std::string& page) {
  std::set<std::string> found;
  for (const std::string& heading : split_lines(page, "#")) {
    std::string anchor;
    for (const char letter : heading.substr(std::min(heading.find(' ') + 1, heading.size()))) {
      const auto byte = static_cast<unsigned char>(letter);
      if (std::isalnum(byte) != 0 || letter == '-' || letter == '_' || byte >= 0x80) {
        anchor += static_cast<char>(std::tolower(byte));
      } else if (letter == ' ') {
        anchor += '-';
      }
    }
    found.insert(anchor);
  }
  return found;
}

struct Mention {
  std::string file;    ///< "docs/status.md"
  std::string anchor;  ///< empty: none
};

bool in_a_path(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 ||
         std::string_view("_./-").find(letter) != std::string_view::npos;
}

std::vector<Mention> mentions(const std::string& text) {
  static const std::string kEnd = ".md";
  std::vector<Mention> found;
  for (auto at = text.find(kEnd); at != std::string::npos; at = text.find(kEnd, at + 1)) {
    auto begin = at;
    while (begin > 0 && in_a_path(text[begin - 1])) --begin;
    auto end = at + kEnd.size();
    if (begin == at || (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end])) != 0))
      continue;
    const bool opened = begin > 0 && text[begin - 1] == '"';  // a test that reads the page itself
    if (opened && end < text.size() && text[end] == '"') continue;
    Mention mention{text.substr(begin, end - begin), ""};
    if (end < text.size() && text[end] == '#') {
      for (++end; end < text.size() && in_a_path(text[end]) && text[end] != '.'; ++end)
        mention.anchor += text[end];
    }
    found.push_back(mention);
  }
  return found;
}

/// Empty when a reader finds what is mentioned. A page of docs/ must be named with its heading.
std::string broken(const Mention& mention, const fs::path& mentioned_in) {
  fs::path page = kRoot / mention.file;
  if (!fs::exists(page)) page = mentioned_in.parent_path() / mention.file;
  // Tests of folders make READMEs of their own.
  if (!fs::exists(page) && page.filename() == "README.md") return "";
  if (!fs::exists(page)) return mention.file + " is not in the tree";
  if (mention.anchor.empty())
    return mention.file.rfind("docs/", 0) == 0 ? mention.file + " is named without a heading" : "";
  return anchors(read_file(page)).count(mention.anchor) == 1
             ? ""
             : mention.file + " has no heading #" + mention.anchor;
}

std::vector<fs::path> sources() {
  static const std::set<std::string> kEndings{".h", ".cpp", ".sql", ".py", ".sh", ".yaml", ".cmake", ".txt"};
  std::vector<fs::path> found;
  for (const auto* folder : {"controller", "tests", "migrations", "crds", "cmake", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (entry.is_regular_file() && kEndings.count(entry.path().extension()) == 1)
        found.push_back(entry.path());
    }
  }
  for (const auto* file : {"Makefile", "CMakeLists.txt"}) found.push_back(kRoot / file);
  return found;
}

TEST(Comments, NamePagesAndHeadingsThatExist) {
  std::vector<std::string> all;
  int pages = 0;
  for (const fs::path& source : sources()) {
    if (source.filename() == "comments_test.cpp") continue;  // what is broken below is broken on purpose
    for (const Mention& mention : mentions(read_file(source))) {
      pages += mention.anchor.empty() ? 0 : 1;
      const auto what = broken(mention, source);
      if (!what.empty()) all.push_back(source.lexically_relative(kRoot).string() + ": " + what);
    }
  }

  EXPECT_THAT(all, IsEmpty());
  EXPECT_GE(pages, 40) << "comments refer to pages, or this test does not find them";
}

TEST(Comments, AreSeenWhenTheyNameWhatIsNotThere) {
  const auto found =
      mentions("(DESIGN.md 3), docs/status.md#exit-codes. docs/status.md#moods, docs/status.md");

  std::vector<std::string> wrong;
  for (const Mention& mention : found) wrong.push_back(broken(mention, kRoot / "controller/main.cpp"));
  EXPECT_THAT(wrong, ElementsAre("DESIGN.md is not in the tree", "", "docs/status.md has no heading #moods",
                                 "docs/status.md is named without a heading"));
}

TEST(Documents, LinkToHeadingsThatExist) {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kRoot / "docs")) {
    const auto text = read_file(entry.path());
    const auto own = anchors(text);
    for (auto at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
      const auto link = text.substr(at + 2, text.find(')', at) - at - 2);
      const auto hash = link.find('#');
      if (hash == std::string::npos || link.rfind("http", 0) == 0) continue;
      const auto page = link.substr(0, hash);
      const auto there = page.empty() ? own : anchors(read_file(entry.path().parent_path() / page));
      if (there.count(link.substr(hash + 1)) == 0)
        all.push_back(entry.path().filename().string() + ": " + link);
    }
  }

  EXPECT_THAT(all, IsEmpty());
}

}  // namespace
}  // namespace dbm::test
