/// Who only looks makes nothing: the store nobody configured is there with the first backup.

#include <gmock/gmock.h>

#include "refused.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class Stores : public Refused {
 protected:
  void SetUp() override { world.manifest.backup = "{method: Logical}"; }
  [[nodiscard]] bool made() const { return fs::exists(world.state() / "dbm"); }
  [[nodiscard]] std::string root() const { return (world.state() / "dbm/backups").string(); }
};

TEST_F(Stores, AreNotMadeByLooking) {
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"plan"}, {"status"}, {"history"}, {"validate"}, {"backup", "list"}, {"backup", "verify"}}) {
    SCOPED_TRACE(verb.back());
    auto args = verb;
    args.insert(args.end(), {"-f", "orders.yaml"});

    const auto finished = world.run_dbm(args);

    EXPECT_FALSE(made());
    EXPECT_THAT(finished.err, Not(HasSubstr("Backups go to")));
    if (verb.front() == "plan") {
      EXPECT_EQ(finished.exit_code, 0) << finished.err;
      EXPECT_THAT(finished.out,
                  HasSubstr("to store default (directory " + root() + ", made with the first backup)"));
    }
    if (verb.back() == "list") {
      EXPECT_EQ(finished.exit_code, 0) << finished.err;
      EXPECT_EQ(finished.out, "no backups\n");
    }
  }
}

TEST_F(Stores, AreMadeAndAnnouncedWithTheFirstBackup) {
  const auto first = world.apply();
  world.add_script("0002");
  const auto second = world.apply();

  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("Backups go to " + root() + " (choose with --store default=DIR).\n"));
  EXPECT_THAT(first.err, HasSubstr("dbm/backup-key: keep a copy elsewhere"));
  EXPECT_EQ(fs::status(world.state() / "dbm/backup-key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, Not(HasSubstr("Backups go to")));
  const auto listed = world.run_dbm({"backup", "list", "-f", "orders.yaml"});
  EXPECT_THAT(listed.out, HasSubstr("0001-pre-"));
  EXPECT_THAT(listed.out, HasSubstr("0002-pre-"));
  EXPECT_THAT(listed.out, Not(HasSubstr("unreadable")));
}

TEST_F(Stores, AreNotMadeByARunThatTakesNoBackup) {
  world.manifest.backup = "{method: None, reason: a test}";

  EXPECT_EQ(world.apply().exit_code, 0);

  EXPECT_FALSE(made());
}

TEST_F(Stores, ThatCannotBeMadeEndTheRunBeforeAnythingIsTouched) {
  fs::remove(world.state());
  write_file(world.state(), "a file where the folder should be");
  const auto before = fingerprint(world);

  const auto finished = world.apply();

  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.err, HasSubstr("cannot make the default store " + root()));
  EXPECT_EQ(situation(world), "Stalled/BackupFailed");
  EXPECT_EQ(fingerprint(world), before);
}

TEST_F(Stores, WhoseKeyCannotBeReadEndTheRunBeforeAnythingIsTouched) {
  fs::create_directories(world.state() / "dbm/backup-key");
  const auto before = fingerprint(world);

  const auto finished = world.apply();

  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.err, HasSubstr("dbm: key file " + (world.state() / "dbm/backup-key").string() +
                                      ": Is a directory [StoreDenied]; "));
  EXPECT_EQ(situation(world), "Stalled/BackupFailed");
  EXPECT_EQ(fingerprint(world), before);
}

}  // namespace
}  // namespace dbm::test
