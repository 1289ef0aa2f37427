#include "unit/source/world.h"

namespace dbm::source {
namespace {

class InlineSource : public Sources {};
class ConfigMapSource : public Sources {
 protected:
  void config_map(const std::string& name, nlohmann::ordered_json document) {
    objects.all[{"ConfigMap", "shop", name}] = std::move(document);
  }
};

TEST_F(InlineSource, GivesItsScriptsByName) {
  migration.spec.source.inline_scripts = {{"0002_b.sql", "SELECT 2;"}, {"0001_a.sql", "SELECT 1;"}};

  EXPECT_EQ(seen(texts()), (Seen{"0001_a.sql=SELECT 1;", "0002_b.sql=SELECT 2;"}));
}

TEST_F(InlineSource, RefusesANameGivenTwice) {
  migration.spec.source.inline_scripts = {{"0001_a.sql", "a"}, {"0002_b.sql", "b"}, {"0001_a.sql", "c"}};
  migration.object.file = "m.yaml";

  const auto read = texts();

  EXPECT_EQ(
      seen(read),
      (Seen{"Terminal SourceInvalid DuplicateFile",
            "source.inline has two scripts named '0001_a.sql' (entries 1 and 3); each needs its own name"}));
  EXPECT_EQ(read.error().at.file, "/spec/source/inline/2/name");
}

TEST_F(ConfigMapSource, GivesEveryKeyOfItsData) {
  migration.spec.source.config_maps = {{"one", {}}, {"two", {}}};
  config_map("one", {{"data", {{"0002_b.sql", "b"}, {"README.md", "r"}}}});
  config_map("two", {{"data", {{"0001_a.sql", "a"}}}});

  EXPECT_EQ(seen(texts()), (Seen{"0001_a.sql=a", "0002_b.sql=b", "README.md=r"}));
}

TEST_F(ConfigMapSource, GivesItemsUnderTheirPaths) {
  migration.spec.source.config_maps = {{"one", {{"a", "sub/0001_a.sql"}, {"b", "0002_b.sql"}}}};
  config_map("one", {{"data", {{"a", "A"}, {"b", "B"}, {"c", "C"}}}, {"binaryData", {{"z.gz", "AA=="}}}});

  EXPECT_EQ(seen(texts()), (Seen{"0002_b.sql=B", "sub/0001_a.sql=A"}));
}

TEST_F(ConfigMapSource, WaitsForWhatIsMissing) {
  migration.spec.source.config_maps = {{"one", {{"a", "a.sql"}}}};
  EXPECT_EQ(seen(texts()),
            (Seen{"Waiting WaitingForReference NotFound", "ConfigMap shop/one does not exist"}));

  config_map("one", {{"data", {{"b", "B"}}}});
  EXPECT_EQ(seen(texts()),
            (Seen{"Waiting WaitingForReference NotFound", "ConfigMap shop/one has no key 'a'"}));
}

TEST_F(ConfigMapSource, RefusesOnePathFromTwoPlaces) {
  migration.spec.source.config_maps = {{"one", {}}, {"two", {}}};
  config_map("one", {{"data", {{"0001_a.sql", "a"}}}});
  config_map("two", {{"data", {{"0001_a.sql", "a"}}}});
  EXPECT_EQ(seen(texts()),
            (Seen{"Terminal SourceInvalid DuplicateFile",
                  "ConfigMaps shop/one and shop/two both give '0001_a.sql'; each path may come once"}));

  migration.spec.source.config_maps = {{"one", {{"0001_a.sql", "x.sql"}, {"0001_a.sql", "x.sql"}}}};
  EXPECT_EQ(seen(texts()), (Seen{"Terminal SourceInvalid DuplicateFile",
                                 "ConfigMap shop/one gives 'x.sql' twice; each path may come once"}));
}

TEST_F(ConfigMapSource, RefusesBinaryDataAndArchives) {
  migration.spec.source.config_maps = {{"one", {}}};
  config_map("one", {{"binaryData", {{"all.tar.gz", "AA=="}}}});
  EXPECT_EQ(seen(texts()),
            (Seen{"Terminal SourceInvalid UnsupportedFile",
                  "ConfigMap shop/one: 'all.tar.gz' is binary data; only plain text under data is read"}));

  config_map("one", {{"data", {{"all.zip", "x"}}}});
  EXPECT_EQ(seen(texts()),
            (Seen{"Terminal SourceInvalid UnsupportedFile",
                  "ConfigMap shop/one: 'all.zip' is an archive; only plain scripts are read"}));

  config_map("one", {{"data", {{"0001.sql", 5}}}});
  EXPECT_EQ(seen(texts()), (Seen{"Terminal SourceInvalid UnsupportedFile",
                                 "ConfigMap shop/one: the value of '0001.sql' must be text"}));
}

TEST_F(ConfigMapSource, RefusesPathsThatLeave) {
  config_map("one", {{"data", {{"a", "A"}}}});
  for (const std::string path : {"", "/etc/a.sql", "../a.sql", "x/../a.sql", "x/..", "a//b", "./a"}) {
    migration.spec.source.config_maps = {{"one", {{"a", path}}}};
    EXPECT_EQ(seen(texts()), (Seen{"Terminal InvalidSpec PathOutsideRoot",
                                   "path '" + path + "' must be relative and without '..'"}));
  }
}

}  // namespace
}  // namespace dbm::source
