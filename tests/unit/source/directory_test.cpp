#include <fcntl.h>
#include <sys/stat.h>

#include "source/beneath.h"
#include "unit/source/world.h"

namespace dbm::source {
namespace {

namespace fs = std::filesystem;

class DirectorySource : public Sources {
 protected:
  Result<Texts> texts_of(const std::string& directory) {
    migration.spec.source.directory = directory;
    return texts({.manifest_root = {}, .operator_root = root.string()});
  }
};

TEST_F(DirectorySource, GivesEveryFileBelowItButHiddenOnes) {
  write("m/0002_b.sql", "b longer than a buffer");
  write("m/0001_a.sql", "a");
  write("m/empty.sql", "");
  write("m/README.md", "r");
  write("m/deep/er/0003_c.sql", "c");
  write("m/.hidden.sql", "x");
  write("m/.git/config", "x");
  write("other/0009.sql", "x");

  EXPECT_EQ(seen(texts_of("m/")), (Seen{"0001_a.sql=a", "0002_b.sql=b longer than a buffer", "README.md=r",
                                        "deep/er/0003_c.sql=c", "empty.sql="}));
  EXPECT_EQ(seen(texts_of("other/../m/deep/er")), (Seen{"0003_c.sql=c"}));
}

TEST_F(DirectorySource, RefusesToReadWhatHasAScriptsNameAndIsNoFile) {
  write("m/0001_a.sql", "a");
  write("m/0002_folder.sql/0003_c.sql", "c");
  ASSERT_EQ(::mkfifo((root / "m/0004_pipe.sql").c_str(), 0600), 0);
  fs::create_symlink("0004_pipe.sql", root / "m/0005_link.sql");

  const auto read = texts_of("m");

  ASSERT_TRUE(read);
  std::vector<std::string> refused;
  for (const auto& text : *read)
    if (const auto opened = text.open(); !opened) {
      EXPECT_EQ(opened.error().cause, "UnsupportedFile");
      refused.push_back(text.name + " " + opened.error().message);
    }
  EXPECT_EQ(refused, (std::vector<std::string>{"0002_folder.sql is a folder, not a file",
                                               "0004_pipe.sql is a named pipe, not a file",
                                               "0005_link.sql is a named pipe, not a file"}));
  EXPECT_EQ(read->size(), 4u);
}

TEST_F(DirectorySource, KnowsSizesAndReadsATextAgain) {
  write("0001_a.sql", "twelve bytes");
  const auto read = texts_of(".");
  ASSERT_TRUE(read);

  EXPECT_EQ(read->front().size, 12u);
  EXPECT_EQ(content(read->front()), "twelve bytes");
  EXPECT_EQ(content(read->front()), "twelve bytes");
  write("0001_a.sql", "has grown meanwhile");
  EXPECT_EQ(content(read->front()), "has grown meanwhile");
}

TEST_F(DirectorySource, FollowsLinksThatStayBeneathTheRoot) {
  // As the kubelet mounts a ConfigMap.
  write("m/..2026/0001_a.sql", "a");
  fs::create_directory_symlink("..2026", root / "m/..data");
  fs::create_symlink("..data/0001_a.sql", root / "m/0001_a.sql");
  write("shared/0002_b.sql", "b");
  fs::create_directory_symlink("../shared", root / "m/shared");

  EXPECT_EQ(seen(texts_of("m")), (Seen{"0001_a.sql=a", "shared/0002_b.sql=b"}));
}

TEST_F(DirectorySource, RefusesLinksThatLeaveTheRoot) {
  fs::create_directories(root / "m");
  for (const char* const target : {"/etc/passwd", "../../x", "/proc/self/environ"}) {
    fs::create_symlink(target, root / "m/0001_a.sql");
    EXPECT_EQ(seen(texts_of("m")),
              (Seen{"Terminal InvalidSpec PathOutsideRoot",
                    "folder m: '0001_a.sql' is a link that leads out of the source root"}));
    fs::remove(root / "m/0001_a.sql");
  }
  fs::create_directory_symlink("/etc", root / "away");
  EXPECT_EQ(seen(texts_of("away")),
            (Seen{"Terminal InvalidSpec PathOutsideRoot",
                  "folder away below " + root.string() + " is a link that leads out of the source root"}));
}

TEST_F(DirectorySource, RefusesAFileReplacedByALinkBeforeItIsRead) {
  write("m/0001_a.sql", "a");
  const auto read = texts_of("m");
  ASSERT_TRUE(read);
  fs::remove(root / "m/0001_a.sql");
  fs::create_symlink("/etc/passwd", root / "m/0001_a.sql");

  EXPECT_EQ(content(read->front()), "ERROR script 0001_a.sql is a link that leads out of the source root");
}

TEST_F(DirectorySource, EndsOnALinkToItsOwnFolder) {
  fs::create_directories(root / "m");
  fs::create_directory_symlink(".", root / "m/again");

  const auto read = texts_of("m");

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().cause, "TooManyFiles");
}

TEST_F(DirectorySource, WaitsForWhatIsMissing) {
  EXPECT_EQ(seen(texts_of("nowhere")), (Seen{"Waiting WaitingForReference NotFound",
                                             "folder nowhere below " + root.string() + " does not exist"}));

  write("file", "x");
  EXPECT_EQ(seen(texts_of("file"))[0], "Waiting WaitingForReference NotFound");

  write("m/0001_a.sql", "a");
  const auto read = texts_of("m");
  fs::remove(root / "m/0001_a.sql");
  EXPECT_EQ(content(read->front()), "ERROR script 0001_a.sql does not exist");
}

TEST_F(DirectorySource, RefusesPathsOutsideTheOperatorsRoot) {
  EXPECT_EQ(seen(texts_of("/etc")), (Seen{"Terminal InvalidSpec PathOutsideRoot",
                                          "source.directory.path must be relative, not '/etc'"}));
  EXPECT_EQ(seen(texts_of("m/../../x")),
            (Seen{"Terminal InvalidSpec PathOutsideRoot",
                  "source.directory.path 'm/../../x' leaves the operator's sourceRoot"}));
  migration.spec.source.directory = "m";
  EXPECT_EQ(seen(texts()), (Seen{"Terminal InvalidSpec PathOutsideRoot",
                                 "source.directory cannot be used: the operator has no sourceRoot"}));
}

TEST_F(DirectorySource, IsRelativeToTheManifestWithinItsRepository) {
  write("repository/.git/HEAD", "x");
  write("repository/migrations/0001_a.sql", "a");
  write("repository/deploy/orders.yaml", "");
  write("outside/0009.sql", "x");
  migration.object.file = (root / "repository/deploy/orders.yaml").string();

  migration.spec.source.directory = "../migrations";
  EXPECT_EQ(seen(texts()), (Seen{"0001_a.sql=a"}));

  migration.spec.source.directory = "../../outside";
  const auto refused = texts();
  EXPECT_EQ(seen(refused), (Seen{"Terminal InvalidSpec PathOutsideRoot",
                                 "source.directory.path '../../outside' is outside the source root " +
                                     (root / "repository").string()}));
  EXPECT_EQ(refused.error().at.file, "/spec/source/directory/path");
  EXPECT_EQ(seen(texts({.manifest_root = root.string(), .operator_root = {}})), (Seen{"0009.sql=x"}));
}

TEST_F(DirectorySource, StaysInTheManifestsFolderWithoutARepository) {
  write("deploy/orders.yaml", "");
  write("deploy/m/0001_a.sql", "a");
  write("m/0001_a.sql", "x");
  migration.object.file = (root / "deploy/orders.yaml").string();

  const auto place = [&](const std::string& directory) {
    migration.spec.source.directory = directory;
    const auto found =
        place_of(migration, {.manifest_root = (root / "deploy").string(), .operator_root = {}});
    return found ? found->root + " " + found->below : found.error().cause;
  };

  EXPECT_EQ(place("m"), (root / "deploy").string() + " m");
  EXPECT_EQ(place("."), (root / "deploy").string() + " .");
  EXPECT_EQ(place("../m"), "PathOutsideRoot");
}

TEST_F(DirectorySource, OpensBeneathTheSameWayWithoutOpenat2) {
  write("in/file", "x");
  write("beside", "x");
  fs::create_symlink("in/file", root / "inner");
  fs::create_symlink("/etc/passwd", root / "outer");
  fs::create_directories(root.string() + "/in/sub");
  const Fd inside{::open((root / "in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const Fd top{::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  for (const auto& open : {open_beneath, open_beneath_by_name}) {
    EXPECT_TRUE(open(top.get(), "inner", O_RDONLY));
    EXPECT_TRUE(open(top.get(), ".", O_RDONLY | O_DIRECTORY));
    EXPECT_FALSE(open(top.get(), "outer", O_RDONLY));
    EXPECT_EQ(errno, EXDEV);
    EXPECT_FALSE(open(inside.get(), "../beside", O_RDONLY));
    EXPECT_EQ(errno, EXDEV);
    EXPECT_FALSE(open(inside.get(), "/etc/passwd", O_RDONLY));
    EXPECT_EQ(errno, EXDEV);
    EXPECT_FALSE(open(top.get(), "none", O_RDONLY));
    EXPECT_EQ(errno, ENOENT);
  }
}

}  // namespace
}  // namespace dbm::source
