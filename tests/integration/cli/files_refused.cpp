/// What lies in the folder of scripts and is no file, and files that go or change while a run is at work.

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "refused.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;

class Files : public Refused {
 protected:
  void refused_as(const std::string& what) {
    expect_refused(world, {1, "Stalled/SourceInvalid", "UnsupportedFile",
                           "dbm: read 0002_b.sql: is " + what +
                               ", not a file [UnsupportedFile]; take it out of the folder, rename it, or "
                               "list it under source.exclude"});
  }
  [[nodiscard]] fs::path second() const { return world.folder() / "scripts/0002_b.sql"; }
};

TEST_F(Files, ThatAreNamedPipes) {
  ASSERT_EQ(::mkfifo(second().c_str(), 0600), 0);

  refused_as("a named pipe");
}

TEST_F(Files, ThatAreLinksToNamedPipes) {
  ASSERT_EQ(::mkfifo((world.folder() / "scripts/pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", second());

  refused_as("a named pipe");
}

TEST_F(Files, ThatAreSockets) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  second().string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(listener);

  refused_as("a socket");
}

TEST_F(Files, ThatAreFolders) {
  write_file(second() / "0003_c.sql", "SELECT 1;\n");

  refused_as("a folder");
}

TEST_F(Files, ThatAreExcludedOrNoScriptsMayBeAnything) {
  ASSERT_EQ(::mkfifo(second().c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((world.folder() / "scripts/pipe").c_str(), 0600), 0);
  fs::create_directory(world.folder() / "scripts/0003_c.sql");
  world.manifest.source = "{directory: {path: scripts}, exclude: [\"000[23]_*\"]}";

  EXPECT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0);
  world.expect_exactly_once({"0001"});
}

TEST_F(Files, ThatAreLinksToNothing) {
  fs::create_symlink("nowhere.sql", second());

  expect_refused(world, {1, "Reconciling/WaitingForReference", "NotFound",
                         "dbm: orders.yaml:14:30: folder scripts: '0002_b.sql' does not exist [NotFound]; "
                         "create what is missing, or correct its name"});
}

/// Two scripts, the first of which waits for a lock that the test holds.
class FilesInFlight : public Refused {
 protected:
  void SetUp() override {
    world.manifest.dry_run = "{mode: Disabled}";
    world.script("0001_step.sql",
                 "DO $$ BEGIN PERFORM count(*) FROM gate; END $$;\n" + witness_lines("0001"));
    world.add_script("0002");
    world.sql("CREATE TABLE gate (); ALTER TABLE gate OWNER TO app");
    holder("BEGIN; LOCK TABLE gate");
  }
  /// Runs it, and does `harm` when the first script is at work.
  Finished apply_while(const std::function<void()>& harm) {
    auto child = world.start_dbm(quiet_apply(world, {"--timeout", "20s"}));
    EXPECT_TRUE(eventually([&] {
      return world.sql("SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND NOT granted") ==
             "1";
    }));
    harm();
    holder("COMMIT");
    auto finished = child.wait(std::chrono::seconds{60});
    world.check(finished);
    return finished;
  }

  Session holder{world.database().address()};
};

constexpr const char* kChanged =
    "dbm: 0002_step.sql is not what the plan was made from: it changed while the run was on "
    "[ChecksumDiffers]; leave the source alone while it is applied, then apply again";

TEST_F(FilesInFlight, ThatChangeAreNotAppliedBeforeTheyWerePlanned) {
  const auto finished = apply_while(
      [&] { world.script("0002_step.sql", witness_lines("0002") + "CREATE TABLE as_changed ();\n"); });
  expect_answer(world, finished, {1, "Stalled/ChangedScript", "ChecksumDiffers", kChanged, "made"});
  world.expect_exactly_once({"0001"});

  EXPECT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0);
  world.expect_exactly_once({"0001", "0002"});
  EXPECT_EQ(world.sql("SELECT to_regclass('as_changed') IS NOT NULL"), "t");
}

TEST_F(FilesInFlight, ThatVanishAreMissed) {
  const auto finished = apply_while([&] { fs::remove(world.folder() / "scripts/0002_step.sql"); });
  expect_answer(
      world, finished,
      {1, "Reconciling/WaitingForReference", "NotFound",
       "dbm: script 0002_step.sql does not exist [NotFound]; create what is missing, or correct its "
       "name",
       "made"});
  world.expect_exactly_once({"0001"});

  EXPECT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0);
  world.expect_exactly_once({"0001"});
}

/// Which would be waited for for ever, if it were opened as a file is.
TEST_F(FilesInFlight, ThatBecomeNamedPipesAreNotWaitedFor) {
  const auto finished = apply_while([&] {
    fs::remove(world.folder() / "scripts/0002_step.sql");
    ASSERT_EQ(::mkfifo((world.folder() / "scripts/0002_step.sql").c_str(), 0600), 0);
  });

  expect_answer(world, finished, {1, "Stalled/ChangedScript", "ChecksumDiffers", kChanged, "made"});
  world.expect_exactly_once({"0001"});
}

}  // namespace
}  // namespace dbm::test
