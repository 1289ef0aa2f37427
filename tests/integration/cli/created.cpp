/// `dbm create`, and what people do next: append to the file it wrote.

#include <filesystem>
#include <fstream>

#include "refused.h"

namespace dbm::test {
namespace {

class Created : public Refused {
 protected:
  std::filesystem::path created(const std::string& name) {
    const auto made = world.run_dbm({"create", name, "--dir", (world.folder() / "scripts").string()});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  }
};

TEST_F(Created, AScriptThatIsAppendedToRuns) {
  std::ofstream(created("add_note"), std::ios::app) << "ALTER TABLE canary ADD note text;\n";

  const auto finished = world.run_dbm(quiet_apply(world));

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(
      world.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'canary'::regclass AND attname = 'note'"),
      "1");
}

}  // namespace
}  // namespace dbm::test
