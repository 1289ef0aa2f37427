#include "base/memory_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "base/process.h"

namespace dbm {
namespace {

using namespace std::chrono_literals;

TEST(MemoryFiles, AreFilesOfOursAlone) {
  const auto file = MemoryFile::make("secret");
  ASSERT_TRUE(file);

  struct stat found {};
  ASSERT_EQ(::stat(file->path().c_str(), &found), 0);
  EXPECT_TRUE(S_ISREG(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_EQ(found.st_uid, ::geteuid());
  EXPECT_EQ(found.st_nlink, 0u);
}

TEST(MemoryFiles, AreReadFromTheirBeginningEachTime) {
  const auto file = MemoryFile::make("twice");
  ASSERT_TRUE(file);

  for (int time = 0; time < 2; ++time) {
    std::ifstream opened{file->path()};
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>{opened}, {}), "twice");
    EXPECT_EQ(*file->read(), "twice");
  }
}

TEST(MemoryFiles, AreGoneWithTheValue) {
  std::optional<MemoryFile> file;
  {
    auto made = MemoryFile::make("x");
    ASSERT_TRUE(made);
    file = std::move(*made);
  }
  const std::string path = file->path();
  EXPECT_TRUE(std::ifstream{path}.good());

  file.reset();

  EXPECT_FALSE(std::ifstream{path}.good());
}

TEST(MemoryFiles, AreReadAndWrittenByAChildThatGetsThemAndByNoOther) {
  const auto given = MemoryFile::make("given");
  const auto kept = MemoryFile::make("kept");
  const auto answer = MemoryFile::make();
  ASSERT_TRUE(given && kept && answer);
  ProcessSpec spec{.argv = {"/bin/sh", "-c",
                            "cat " + given->path() + " > " + answer->path() + "; cat " + kept->path() +
                                " >> " + answer->path() + " 2>/dev/null; ls /proc/self/fd | wc -l >> " +
                                answer->path()}};
  // In any order, and one of them twice.
  spec.keep_open = {answer->descriptor(), given->descriptor(), answer->descriptor()};

  auto child = ChildProcess::start(spec);

  ASSERT_TRUE(child);
  EXPECT_EQ(*child->wait(Deadline::after(20s), {}), 0);
  EXPECT_EQ(*answer->read(), "given6\n");  // 0, 1, 2, these two and the listing itself
}

TEST(MemoryFiles, AreKnownByTheirPaths) {
  const auto file = MemoryFile::make("x");
  ASSERT_TRUE(file);

  EXPECT_EQ(MemoryFile::descriptor_of(file->path()), file->descriptor());
  for (const char* const other : {"", "/proc/self/fd/", "/proc/self/fd/7x", "/proc/self/fd/-1", "/tmp/7"})
    EXPECT_FALSE(MemoryFile::descriptor_of(other)) << other;
}

}  // namespace
}  // namespace dbm
