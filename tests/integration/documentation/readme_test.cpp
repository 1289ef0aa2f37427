/// The commands of README.md, run as they stand there by someone with a database of their own.

#include <gmock/gmock.h>

#include <regex>

#include "support/world.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

/// The ```sh blocks of README.md below a heading, one after the other.
std::string shell_blocks_below(const std::string& heading) {
  const auto readme = read_file(std::filesystem::path(DBM_SOURCE_DIR) / "README.md");
  const auto begin = readme.find("\n## " + heading + "\n");
  if (begin == std::string::npos) throw std::runtime_error("README.md has no heading " + heading);
  const auto section = readme.substr(begin, readme.find("\n## ", begin + 1) - begin);
  std::string commands;
  const std::string open = "```sh\n";
  for (auto at = section.find(open); at != std::string::npos; at = section.find(open, at + 1)) {
    const auto from = at + open.size();
    commands += section.substr(from, section.find("```", from) - from);
  }
  return commands;
}

TEST(Readme, LeadsAStrangerToTheirOwnDatabase) {
  const auto database = PostgresServer::shared().fresh_database();
  const Folder clone("dbm-readme");
  std::filesystem::create_symlink(std::filesystem::path(DBM_SOURCE_DIR) / "migrations",
                                  clone.path() / "migrations");
  std::filesystem::create_directory(clone.path() / "build");
  std::filesystem::create_symlink(DBM_BINARY, clone.path() / "build/dbm");
  auto commands = shell_blocks_below("Your own database");
  const std::string url = "postgres://USER:PASSWORD@HOST:5432/DATABASE";
  ASSERT_NE(commands.find(url), std::string::npos);
  commands.replace(commands.find(url), url.size(), database.url());

  const auto finished =
      run({.argv = {"/bin/bash", "-e", "-c", commands},
           .environment = {{"HOME", clone.path()}, {"XDG_STATE_HOME", clone.path() / "state"}},
           .folder = clone.path()});

  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_EQ(sql(database, "SELECT to_regclass('notes')"), "notes");
  EXPECT_THAT(finished.out, HasSubstr("0001"));
  EXPECT_EQ((finished.out + finished.err).find(kPassword), std::string::npos);
}

TEST(Readme, NamesVerbsThatExplainThemselves) {
  const auto readme = read_file(std::filesystem::path(DBM_SOURCE_DIR) / "README.md");
  const std::regex form("\n\\| `dbm ([a-z]+)");
  int verbs = 0;
  for (auto at = std::sregex_iterator(readme.begin(), readme.end(), form); at != std::sregex_iterator();
       ++at, ++verbs) {
    const auto finished = run({.argv = {DBM_BINARY, (*at)[1].str(), "--help"}, .environment = {}});
    EXPECT_EQ(finished.exit_code, 0) << (*at)[1] << finished.err;
    EXPECT_THAT(finished.out, HasSubstr((*at)[1].str()));
  }
  EXPECT_GE(verbs, 8);
}

}  // namespace
}  // namespace dbm::test
