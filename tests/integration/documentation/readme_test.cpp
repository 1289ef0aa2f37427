/// The commands of README.md, run as they stand there by someone with a database of their own.

#include <gmock/gmock.h>

#include <regex>

#include "integration/documentation/clone.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

TEST(Readme, LeadsAStrangerToTheirOwnDatabase) {
  const auto database = PostgresServer::shared().fresh_database();
  const auto commands = shell_blocks(readme_section("Your own database"));
  ASSERT_THAT(commands, HasSubstr("postgres://USER:PASSWORD@HOST:5432/DATABASE"));

  const auto finished = run_in_clone(commands, database);

  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_EQ(sql(database, "SELECT to_regclass('notes')"), "notes");
  EXPECT_THAT(finished.out, HasSubstr("0001"));
  EXPECT_EQ((finished.out + finished.err).find(kPassword), std::string::npos);
}

TEST(Readme, NamesVerbsThatExplainThemselves) {
  const auto readme = document("README.md");
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
