#include "artifact/directory_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "artifact/small_object.h"
#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

namespace fs = std::filesystem;

class DirectoryStoreTest : public testing::Test {
 protected:
  fs::path path(const std::string& name) { return root_ / name; }
  std::size_t drafts() {
    std::size_t count = 0;
    if (fs::exists(path(".incoming")))
      for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path(".incoming"))) ++count;
    return count;
  }

  Result<TempDir> temp_ = memory_dir("dbm-directory-store");
  fs::path root_ = (*temp_).path() / "store";
  bool made_ = fs::create_directory(root_);
  DirectoryStore store_{root_};
};

TEST_F(DirectoryStoreTest, AMissingRootIsNamed) {
  DirectoryStore store{path("nowhere")};

  const auto failed = store.create("shop/a");

  ASSERT_THAT(failed, FailsBy("StoreMissing"));
  EXPECT_EQ(failed.error().message, "directory " + path("nowhere").string() + ": there is no such folder");
  EXPECT_THAT(store.open("shop/a"), FailsBy("StoreMissing"));
  EXPECT_THAT(store.list("shop/"), FailsBy("StoreMissing"));
  EXPECT_THAT(store.remove("shop/a"), FailsBy("StoreMissing"));
  EXPECT_THAT(store.free_bytes(), FailsBy("StoreMissing"));
}

TEST_F(DirectoryStoreTest, ARootThatIsAFileIsNoFolder) {
  std::ofstream(path("file")) << "x";

  EXPECT_THAT(DirectoryStore{path("file")}.create("a"), FailsBy("StoreMissing"));
}

TEST_F(DirectoryStoreTest, ARootThatIsALinkIsRefusedAlsoWithASlash) {
  fs::create_directory(path("real"));
  fs::create_directory_symlink(path("real"), path("link"));

  for (const std::string end : {"", "/", "//"}) {
    DirectoryStore store{path("link").string() + end};
    const auto failed = store.create("a");
    ASSERT_THAT(failed, FailsBy("StoreDenied"));
    EXPECT_EQ(failed.error().message,
              "directory " + path("link").string() + ": is a symbolic link; give the folder it points to");
  }
}

TEST_F(DirectoryStoreTest, NoLinkOnTheWayIsFollowed) {
  fs::create_directory((*temp_).path() / "outside");
  std::ofstream((*temp_).path() / "outside" / "secret") << "not ours";
  fs::create_directory_symlink((*temp_).path() / "outside", path("shop"));
  fs::create_symlink((*temp_).path() / "outside" / "secret", path("leaf"));

  EXPECT_THAT(store_.create("shop/a"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.create("shop/deeper/a"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.open("shop/secret"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.open("leaf"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.create("leaf"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.list("shop/"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.remove("shop/secret"), FailsBy("StoreDenied"));
  EXPECT_TRUE((*store_.list("")).empty());
  EXPECT_TRUE(fs::exists((*temp_).path() / "outside" / "secret"));
}

TEST_F(DirectoryStoreTest, ALinkPutInTheWayMeanwhileIsNotFollowedEither) {
  fs::create_directory((*temp_).path() / "outside");
  auto upload = store_.create("shop/a");
  ASSERT_TRUE((*upload)->append("rows"));
  fs::create_directory_symlink((*temp_).path() / "outside", path("shop"));

  EXPECT_THAT((*upload)->commit(), FailsBy("StoreDenied"));
  EXPECT_TRUE(fs::is_empty((*temp_).path() / "outside"));
}

TEST_F(DirectoryStoreTest, NoNameLeadsOut) {
  const std::vector<std::string> names{"",
                                       "/etc/passwd",
                                       "../x",
                                       "a/../../x",
                                       "a//b",
                                       "a/./b",
                                       "a/",
                                       ".hidden",
                                       "a/.b",
                                       std::string("a\0b", 3),
                                       std::string(256, 'a')};
  for (const std::string& name : names) {
    EXPECT_THAT(store_.create(name), FailsBy("StoreDenied")) << name;
    EXPECT_THAT(store_.open(name), FailsBy("StoreDenied")) << name;
    EXPECT_THAT(store_.remove(name), FailsBy("StoreDenied")) << name;
  }
  EXPECT_THAT(store_.list("../"), FailsBy("StoreDenied"));
  EXPECT_THAT(store_.list("/"), FailsBy("StoreDenied"));
}

TEST_F(DirectoryStoreTest, WhatIsNoRegularFileIsNoObject) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);

  EXPECT_THAT(store_.open("pipe"), FailsBy("StoreDenied"));
  EXPECT_TRUE((*store_.list("")).empty());
}

TEST_F(DirectoryStoreTest, AFolderThatMayNotBeWrittenIsDenied) {
  fs::permissions((*temp_).path(), fs::perms::all);
  fs::permissions(root_, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                             fs::perms::others_read | fs::perms::others_exec);
  // Root may write anywhere, so the file system is asked as somebody else; without root the owner is shut
  // out.
  if (::geteuid() == 0)
    ::setfsuid(65534);
  else
    fs::permissions(root_, fs::perms::owner_read | fs::perms::owner_exec);
  const auto failed = store_.create("shop/a");
  ::setfsuid(::geteuid());
  fs::permissions(root_, fs::perms::owner_all);

  EXPECT_THAT(failed, FailsBy("StoreDenied"));
}

/// A store with little room: a small tmpfs where we may mount one, else a limit on the size of files.
class SmallRoom {
 public:
  explicit SmallRoom(const fs::path& at) : at_(at) {
    mounted_ = ::mount("dbm-test", at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=2m") == 0;
    if (mounted_) return;
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit small{1 << 20, limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallRoom() {
    if (mounted_) {
      ::umount(at_.c_str());
      return;
    }
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  fs::path at_;
  bool mounted_ = false;
  rlimit limit_{};
  void (*before_)(int) = SIG_DFL;
};

TEST_F(DirectoryStoreTest, AFullStoreIsSaidAndLeavesNothing) {
  const SmallRoom small{root_};
  auto upload = store_.create("shop/a");
  ASSERT_TRUE(upload);

  Result<> done;
  for (unsigned i = 0; i < 10 && done; ++i) done = (*upload)->append(random_data(1 << 20, i));

  ASSERT_THAT(done, FailsBy("NoSpace"));
  EXPECT_TRUE(done.error().message.starts_with("directory " + root_.string() + ": shop/a: "))
      << done.error().message;
  *upload = nullptr;
  EXPECT_EQ(drafts(), 0U);
  EXPECT_TRUE((*store_.list("")).empty());
  EXPECT_TRUE(put_object(store_, "shop/small", "fits"));
}

TEST_F(DirectoryStoreTest, ABackupIntoAFullStoreFailsByNoSpace) {
  const SmallRoom small{root_};
  auto writer = ArtifactWriter::start(std::move(*store_.create("shop/a")), kKey, kLedger);

  Result<> done;
  for (unsigned i = 0; i < 10 && done; ++i) done = (*writer)->append(random_data(1 << 20, i));
  if (done) done = Result<>{(*writer)->finish().error()};

  EXPECT_THAT(done, FailsBy("NoSpace"));
}

TEST_F(DirectoryStoreTest, TellsTheRoomLeft) {
  const auto free = store_.free_bytes();

  ASSERT_TRUE(free && *free);
  EXPECT_GT(**free, 0U);
}

TEST_F(DirectoryStoreTest, FilesAndFoldersAreTheOwnersAlone) {
  ASSERT_TRUE(put_object(store_, "shop/orders/a", "rows"));

  const auto mode = [&](const std::string& name) {
    return static_cast<unsigned>(fs::status(path(name)).permissions());
  };
  EXPECT_EQ(mode("shop"), 0700U);
  EXPECT_EQ(mode("shop/orders"), 0700U);
  EXPECT_EQ(mode("shop/orders/a"), 0600U);
}

TEST_F(DirectoryStoreTest, FoldersLeftEmptyGoWithTheirLastObject) {
  ASSERT_TRUE(put_object(store_, "shop/orders/1/a", "x"));
  ASSERT_TRUE(put_object(store_, "shop/invoices/1/a", "x"));

  ASSERT_TRUE(store_.remove("shop/orders/1/a"));

  EXPECT_FALSE(fs::exists(path("shop/orders")));
  EXPECT_TRUE(fs::exists(path("shop/invoices/1/a")));
}

TEST_F(DirectoryStoreTest, DraftsOfTheDeadAreRemovedOnceTheyHaveRested) {
  ASSERT_TRUE(put_object(store_, "shop/first", "x"));
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours{2};
  std::ofstream(path(".incoming/dead")) << "half";
  fs::last_write_time(path(".incoming/dead"), old);
  std::ofstream(path(".incoming/just-died")) << "half";
  auto living = store_.create("shop/living");  // holds its draft's lock, however long it rests
  ASSERT_TRUE(living);
  for (const auto& entry : fs::directory_iterator(path(".incoming")))
    if (entry.path().filename() != "just-died") fs::last_write_time(entry.path(), old);

  ASSERT_TRUE(put_object(store_, "shop/next", "x"));

  EXPECT_FALSE(fs::exists(path(".incoming/dead")));
  EXPECT_TRUE(fs::exists(path(".incoming/just-died")));
  EXPECT_TRUE((*living)->commit());
}

TEST_F(DirectoryStoreTest, ManyWritersShareOneFolder) {
  std::vector<std::jthread> threads;
  std::atomic<int> stored{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string name = "shop/orders/" + std::to_string(t) + "-" + std::to_string(i);
        if (put_object(store_, name, name)) ++stored;
        if (i % 2 == 0) (void)store_.remove(name);
      }
    });
  }
  threads.clear();

  EXPECT_EQ(stored, 100);
  EXPECT_EQ((*store_.list("shop/")).size(), 48U);
}

}  // namespace
}  // namespace dbm::artifact
