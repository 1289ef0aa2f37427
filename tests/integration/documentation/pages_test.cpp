/// The commands of the pages in docs/, run as they stand there behind those of README.md. A page's ```sh
/// blocks are commands; what only shows a form stands in blocks of another kind.

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "integration/documentation/clone.h"

namespace dbm::test {
namespace {

std::vector<std::string> pages_with_commands() {
  std::vector<std::string> pages;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(DBM_SOURCE_DIR) + "/docs")) {
    const auto name = entry.path().stem().string();
    if (entry.path().extension() == ".md" && !shell_blocks(document("docs/" + name + ".md")).empty())
      pages.push_back(name);
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

class Page : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { server_.sql("ALTER ROLE app CREATEDB"); }
  // The database that pages restore into.
  void TearDown() override { server_.sql("DROP DATABASE IF EXISTS orders_check WITH (FORCE)"); }

  PostgresServer& server_ = PostgresServer::shared();
};

TEST_P(Page, HoldsCommandsThatDoWhatTheySay) {
  const auto database = server_.fresh_database();

  const auto finished = run_in_clone(shell_blocks(readme_section("Your own database")) +
                                         shell_blocks(document("docs/" + GetParam() + ".md")),
                                     database);

  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_EQ((finished.out + finished.err).find(kPassword), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Docs, Page, ::testing::ValuesIn(pages_with_commands()), [](const auto& page) {
  std::string name = page.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace dbm::test
