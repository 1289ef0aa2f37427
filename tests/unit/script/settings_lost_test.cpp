/// Settings that a script which goes on after a crash could not have again.

#include <gmock/gmock.h>

#include "script/analysis.h"
#include "support.h"

namespace dbm::script {
namespace {

Result<Analysis> outside(const std::string& text) {
  return analyse(script_of("-- dbm:transaction none\n" + text, ""));
}

TEST(SettingsLost, AreRefusedWithTheirPlace) {
  for (const char* text : {"BEGIN;\nSET search_path = o;\nCOMMIT;", "BEGIN;\nRESET ROLE;\nCOMMIT;",
                           "SELECT 1;\nSELECT set_config('search_path', 'o', false);",
                           "SELECT 1;\nDO $$ BEGIN PERFORM set_config('role', 'r', FALSE); END $$;",
                           "SELECT 1;\nDO $$ BEGIN EXECUTE 'SET ROLE r'; END $$;"}) {
    const auto analysis = outside(text);
    ASSERT_FALSE(analysis) << text;
    EXPECT_EQ(analysis.error().cause, "TransactionControl");
    EXPECT_EQ(analysis.error().at.line, 3) << text;
    EXPECT_THAT(analysis.error().message, ::testing::HasSubstr("lost when the script goes on"));
  }
}

TEST(SettingsLost, AreNotThoseThatAreRepeatedOrEndWithTheirTransaction) {
  for (const char* text : {"SET search_path = o;\nSELECT 1;", "BEGIN;\nSET LOCAL search_path = o;\nCOMMIT;",
                           "DO $$ BEGIN END $$;",
                           "BEGIN;\nSELECT set_config('search_path', 'o', true);\nCOMMIT;", "SELECT f();"})
    EXPECT_TRUE(outside(text)) << text;
}

TEST(SettingsLost, DoNotMatterInATransaction) {
  EXPECT_TRUE(analyse(script_of("SELECT set_config('search_path', 'o', false);", "")));
}

}  // namespace
}  // namespace dbm::script
