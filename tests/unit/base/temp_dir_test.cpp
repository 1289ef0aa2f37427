#include "base/temp_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <optional>

namespace dbm {
namespace {

TEST(TempDirs, AreOursAloneAndGoWithAllTheyHold) {
  std::filesystem::path path;
  {
    const auto made = TempDir::make("dbm-test");
    ASSERT_TRUE(made);
    path = made->path();
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0700u);
    std::filesystem::create_directories(path / "a/b");
    std::ofstream{path / "a/b/file"} << "x";
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempDirs, GoOnceWhenTheyWereMoved) {
  auto made = TempDir::make("dbm-test");
  ASSERT_TRUE(made);
  std::optional<TempDir> moved{std::move(*made)};

  EXPECT_TRUE(made->path().empty());
  EXPECT_TRUE(std::filesystem::exists(moved->path()));
}

TEST(TempDirs, SayWhereTheyCouldNotBeMade) {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", "/nowhere", 1);
  const auto made = TempDir::make("dbm-test");
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "cannot make a temporary folder below /nowhere: No such file or directory");
}

}  // namespace
}  // namespace dbm
