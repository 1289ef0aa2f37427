/// What is said is said once, and fits what was done.

#include <gmock/gmock.h>

#include <algorithm>

#include "refused.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

int times_in(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(Refused, ARowThatIsThereAlreadyIsNoWorkForAnEarlierScript) {
  world.sql("CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (7); ALTER TABLE b OWNER TO app");
  world.script("0002_b.sql", "INSERT INTO b VALUES (7);\n");

  const auto finished = world.run_dbm(quiet_apply(world));

  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.err, HasSubstr("; a row with this key is there already: leave it out, or say what"));
  EXPECT_THAT(finished.err, Not(HasSubstr("in an earlier script")));
  const auto status = world.run_dbm({"status", "-f", world.manifest_file()});
  const auto failure = status.out.substr(std::min(status.out.find("  failure "), status.out.size()));
  EXPECT_EQ(times_in(failure, "23505"), 1) << status.out;
  EXPECT_THAT(failure, HasSubstr("(SQLSTATE 23505)"));
}

TEST_F(Refused, WhatAnEarlierRunLeftOpenReadsAsWhatHappened) {
  world.script("0002_b.sql", "-- dbm:transaction none\nDO $$ BEGIN PERFORM 1; END $$;\n");
  ASSERT_EQ(world.run_dbm(quiet_apply(world), {{"DBM_INJECT", "journal.statement:1:crash-after"}}).exit_code,
            kCrashStatus);

  const auto finished = world.run_dbm(quiet_apply(world));

  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_THAT(finished.err, HasSubstr("an earlier run left this open: statement 1 (DO) of version 0002"));
}

}  // namespace
}  // namespace dbm::test
