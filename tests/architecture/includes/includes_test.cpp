#include <gmock/gmock.h>

#include <algorithm>

#include "architecture/includes/arrows.h"

namespace dbm::architecture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Arrows, PointOneWayThroughTheWholeTree) {
  const auto files = controller_files();
  std::vector<std::string> broken;
  for (const std::string& file : files) {
    const auto of_file = broken_arrows(file, read_controller_file(file));
    broken.insert(broken.end(), of_file.begin(), of_file.end());
  }

  EXPECT_FALSE(files.empty());
  EXPECT_THAT(broken, IsEmpty()) << joined(broken);
}

TEST(Arrows, AreSeenWhenTheyPointTheWrongWay) {
  EXPECT_THAT(
      broken_arrows(
          "script/split.cpp",
          "#include \"script/split.h\"\n#include \"base/result.h\"\n  #  include \"migration/plan.h\"\n"),
      ElementsAre("controller/script/split.cpp:3: script must not include migration/plan.h"));
  EXPECT_THAT(broken_arrows("local/objects.cpp",
                            "#include \"kubernetes/objects.h\"\n#include \"kubernetes/watch.h\"\n"),
              ElementsAre("controller/local/objects.cpp:2: local must not include kubernetes/watch.h"));
  EXPECT_THAT(broken_arrows("attic/old.cpp", "#include \"base/result.h\"\n"),
              ElementsAre("controller/attic/old.cpp:1: attic is not in the table of arrows"));
  EXPECT_THAT(broken_arrows("main.cpp", "#include \"postgres/engine.h\"\n"),
              ElementsAre("controller/main.cpp:1: main.cpp must not include postgres/engine.h"));
}

TEST(Arrows, KeepThirdPartyHeadersInTheirRoom) {
  EXPECT_THAT(
      broken_arrows("cli/run.cpp", "#include <vector>\n#include <sys/stat.h>\n#include <libpq-fe.h>\n"),
      ElementsAre(
          "controller/cli/run.cpp:3: cli/run.cpp must not include libpq-fe.h, which stays in postgres"));
  EXPECT_THAT(
      broken_arrows("base/log.h", "#include <nlohmann/json.hpp>\n"),
      ElementsAre(
          "controller/base/log.h:1: a header must include nlohmann/json_fwd.hpp, not nlohmann/json.hpp"));
  EXPECT_THAT(
      broken_arrows("base/log.cpp", "#include <nlohmann/json.hpp>\n#include <boost/any.hpp>\n"),
      ElementsAre("controller/base/log.cpp:2: boost/any.hpp is not in the table of third-party headers"));
}

TEST(Files, AreShortEnoughToBeRead) {
  constexpr long kMostLines = 400;
  std::vector<std::string> longer;
  for (const std::string& file : controller_files()) {
    const std::string text = read_controller_file(file);
    const auto lines = std::count(text.begin(), text.end(), '\n');
    if (lines > kMostLines)
      longer.push_back("controller/" + file + ": " + std::to_string(lines) + " lines, at most " +
                       std::to_string(kMostLines));
  }

  EXPECT_THAT(longer, IsEmpty()) << joined(longer);
}

}  // namespace
}  // namespace dbm::architecture
