// What every Store promises, held against each of them.
#include "artifact/directory_store.h"
#include "artifact/small_object.h"
#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

struct Stores {
  virtual ~Stores() = default;
  virtual Store& store() = 0;
};

struct Memory final : Stores {
  Store& store() override { return memory; }
  MemoryStore memory;
};

struct Directory final : Stores {
  Store& store() override { return directory; }
  Result<TempDir> root = memory_dir("dbm-store-test");
  DirectoryStore directory{(*root).path()};
};

using Maker = std::unique_ptr<Stores> (*)();
class StoreConformance : public testing::TestWithParam<Maker> {
 protected:
  std::unique_ptr<Stores> stores_ = GetParam()();
  Store& store_ = stores_->store();

  std::vector<std::string> names(const std::string& prefix) {
    std::vector<std::string> found;
    const auto objects = *store_.list(prefix);
    for (const auto& object : objects) found.push_back(object.name + "=" + std::to_string(object.bytes));
    return found;
  }
  std::string content(const std::string& name) {
    return (*get_object(store_, name, 100 << 20)).value_or("(none)");
  }
};
INSTANTIATE_TEST_SUITE_P(
    Stores, StoreConformance,
    testing::Values(Maker{[]() -> std::unique_ptr<Stores> { return std::make_unique<Memory>(); }},
                    Maker{[]() -> std::unique_ptr<Stores> { return std::make_unique<Directory>(); }}),
    [](const auto& info) { return info.index == 0 ? "Memory" : "Directory"; });

TEST_P(StoreConformance, GivesBackWhatWasCommitted) {
  for (const std::size_t size : {0, 1, 1 << 20, (1 << 20) + 1, 5'000'000}) {
    const std::string name = "shop/orders/x/" + std::to_string(size);
    ASSERT_TRUE(put_object(store_, name, random_data(size)));
    EXPECT_TRUE(content(name) == random_data(size));
  }
}

TEST_P(StoreConformance, ShowsNothingBeforeTheCommit) {
  auto upload = store_.create("shop/orders/a");
  ASSERT_TRUE((*upload)->append(random_data(3'000'000)));

  EXPECT_TRUE(names("").empty());
  EXPECT_EQ(content("shop/orders/a"), "(none)");

  ASSERT_TRUE((*upload)->commit());
  EXPECT_EQ(names(""), std::vector<std::string>{"shop/orders/a=3000000"});
}

TEST_P(StoreConformance, KeepsNothingOfAnAbandonedUpload) {
  {
    auto upload = store_.create("shop/orders/a");
    ASSERT_TRUE((*upload)->append(random_data(3'000'000)));
  }

  EXPECT_TRUE(names("").empty());
  EXPECT_TRUE(put_object(store_, "shop/orders/a", "second try"));
}

TEST_P(StoreConformance, ReplacesNothing) {
  auto late = store_.create("shop/a");
  ASSERT_TRUE(put_object(store_, "shop/a", "first"));

  EXPECT_THAT(store_.create("shop/a"), FailsBy("StoreDenied"));
  ASSERT_TRUE((*late)->append("late"));
  EXPECT_THAT((*late)->commit(), FailsBy("StoreDenied"));
  EXPECT_EQ(content("shop/a"), "first");
}

TEST_P(StoreConformance, ListsByPrefixInOrder) {
  for (const char* name :
       {"shop/orders/2/b", "shop/orders/10/a", "shop/orders/2/a", "shop/ordersx/1/a", "other/1/a"})
    ASSERT_TRUE(put_object(store_, name, "x"));

  EXPECT_EQ(names("shop/orders/"),
            (std::vector<std::string>{"shop/orders/10/a=1", "shop/orders/2/a=1", "shop/orders/2/b=1"}));
  EXPECT_EQ(names("shop/orders/2"), (std::vector<std::string>{"shop/orders/2/a=1", "shop/orders/2/b=1"}));
  EXPECT_EQ(names("shop/o").size(), 4U);
  EXPECT_EQ(names("").size(), 5U);
  EXPECT_TRUE(names("nobody/").empty());
}

TEST_P(StoreConformance, RemovesAndDoesNotMindWhatIsNotThere) {
  ASSERT_TRUE(put_object(store_, "shop/orders/1/a", "x"));
  ASSERT_TRUE(put_object(store_, "shop/orders/1/b", "x"));

  EXPECT_TRUE(store_.remove("shop/orders/1/a"));
  EXPECT_TRUE(store_.remove("shop/orders/1/a"));
  EXPECT_TRUE(store_.remove("nobody/at/all"));

  EXPECT_EQ(names(""), std::vector<std::string>{"shop/orders/1/b=1"});
  EXPECT_TRUE(put_object(store_, "shop/orders/1/a", "again"));
}

TEST_P(StoreConformance, AnUploadOutlivesRemovalsBesideIt) {
  ASSERT_TRUE(put_object(store_, "shop/orders/1/a", "x"));
  auto upload = store_.create("shop/orders/1/b");
  ASSERT_TRUE((*upload)->append("kept"));

  ASSERT_TRUE(store_.remove("shop/orders/1/a"));
  ASSERT_TRUE((*upload)->commit());

  EXPECT_EQ(content("shop/orders/1/b"), "kept");
}

}  // namespace
}  // namespace dbm::artifact
