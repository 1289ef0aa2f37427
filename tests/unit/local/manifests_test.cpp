#include "base/digest.h"
#include "unit/local/desk.h"

namespace dbm::local {
namespace {

class Manifests : public Desk {};

TEST_F(Manifests, AreReadFromFilesAndFoldersInTheirOrder) {
  write("f/b.yaml", migration("two") + "---\n" + migration("three"));
  write(
      "f/a.json",
      R"({"apiVersion": "dbmigration.dev/v1alpha1", "kind": "DatabaseMigration", "metadata": {"name": "one"}})");
  write("f/c.yml",
        "apiVersion: v1\nkind: List\nitems:\n- "
        R"({apiVersion: dbmigration.dev/v1alpha1, kind: DatabaseMigration, metadata: {name: four}})"
        "\n");
  write("f/one.status.yaml", "not: [yaml");
  write("f/.hidden.yaml", "not: [yaml");
  write("f/README.md", "not: [yaml");
  write("f/deeper/z.yaml", "not: [yaml");
  write("last.yaml", migration("five"));

  const auto objects = load({.paths = {path("last.yaml"), path("f")}});

  std::vector<std::string> names;
  const auto all = objects->list("DatabaseMigration", Deadline::never(), {});
  ASSERT_TRUE(all);
  for (const auto& object : *all) names.push_back(object.key.name);
  EXPECT_EQ(names, (std::vector<std::string>{"five", "one", "two", "three", "four"}));
}

TEST_F(Manifests, GiveObjectsAsAServerWould) {
  write("m.yaml",
        migration("orders", "{a: 1}", ", namespace: shop, annotations: {x: y}") + "status: {stale: true}\n");
  const auto objects = load();

  const auto found = *objects->get({"DatabaseMigration", "shop", "orders"}, Deadline::never(), {});

  ASSERT_TRUE(found);
  EXPECT_EQ(found->uid, named_uuid("local/shop/orders"));
  EXPECT_EQ(found->generation, 1);
  EXPECT_EQ(found->file, path("m.yaml"));
  EXPECT_FALSE(found->deleted);
  EXPECT_EQ(
      found->document->dump(),
      R"({"apiVersion":"dbmigration.dev/v1alpha1","kind":"DatabaseMigration","metadata":{"name":"orders","namespace":"shop","annotations":{"x":"y"},"uid":")" +
          found->uid + R"(","generation":1,"resourceVersion":"1"},"spec":{"a":1}})");
  EXPECT_EQ(found->position("/spec/a"), (Position{path("m.yaml"), 4, 11}));
  EXPECT_EQ(found->position("/spec/none/of/these"), (Position{path("m.yaml"), 4, 1}));
  EXPECT_FALSE(*objects->get({"DatabaseMigration", "default", "orders"}, Deadline::never(), {}));
}

TEST_F(Manifests, SkipWhatIsNotOursAndRefuseWhatOnlyLooksLikeIt) {
  write("m.yaml", migration("orders") +
                      "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\napiVersion: "
                      "config.dbmigration.dev/v1alpha1\nkind: OperatorConfiguration\n");
  EXPECT_NE(load(), nullptr);

  write("m.yaml", "apiVersion: dbmigration.dev/v1alpha1\nkind: DatabaseMigrations\nmetadata: {name: x}\n");
  EXPECT_EQ(refusal(),
            "m.yaml:2:7: kind must be DatabaseMigration in group dbmigration.dev, not DatabaseMigrations");
  write("m.yaml", "apiVersion: dbmigration.dev/v1\nkind: DatabaseMigration\nmetadata: {name: x}\n");
  EXPECT_EQ(refusal(),
            "m.yaml:1:13: apiVersion of a DatabaseMigration must be dbmigration.dev/v1alpha1, not "
            "dbmigration.dev/v1");
  write("m.yaml", "apiVersion: v1\nkind: DatabaseMigration\nmetadata: {name: x}\n");
  EXPECT_EQ(refusal(),
            "m.yaml:1:13: apiVersion of a DatabaseMigration must be dbmigration.dev/v1alpha1, not v1");
  write("m.yaml", "apiVersion: config.dbmigration.dev/v1alpha1\nkind: Configuration\n");
  EXPECT_EQ(
      refusal(),
      "m.yaml:2:7: kind must be OperatorConfiguration in group config.dbmigration.dev, not Configuration");
}

TEST_F(Manifests, RefuseWhatIsNone) {
  write("m.yaml", "a: 1\n");
  EXPECT_EQ(refusal(), "m.yaml:1:1: a manifest must have apiVersion and kind");
  write("m.yaml", "- a\n");
  EXPECT_EQ(refusal(), "m.yaml:1:1: a manifest must have apiVersion and kind");
  write("m.yaml", "apiVersion: v1\nkind: List\n");
  EXPECT_EQ(refusal(), "m.yaml:1:1: a List must have items");
  write("m.yaml", migration("../etc"));
  EXPECT_EQ(refusal(),
            "m.yaml:3:18: metadata.name must be given: lower-case letters, digits, '-' and '.', at most 253, "
            "such as orders");
  write("m.yaml", "apiVersion: v1\nkind: Secret\nmetadata: text\n");
  EXPECT_EQ(refusal(),
            "m.yaml:3:11: metadata.name must be given: lower-case letters, digits, '-' and '.', at most 253, "
            "such as orders");
  write("m.yaml", migration("x", "{}", ", namespace: A_B"));
  EXPECT_EQ(refusal(),
            "m.yaml:3:32: metadata.namespace must be lower-case letters, digits and '-', at most 63");
  write("m.yaml", "a: 'open\n");
  EXPECT_EQ(refusal(), "m.yaml:2:2: not YAML: illegal EOF in scalar");
  EXPECT_EQ(refusal({.paths = {path("none.yaml")}}),
            "none.yaml: cannot read none.yaml: No such file or directory");
  EXPECT_EQ(refusal({.paths = {path("orders.status.yaml")}}),
            "orders.status.yaml: cannot read orders.status.yaml: No such file or directory");
  write("orders.status.yaml", "");
  EXPECT_EQ(refusal({.paths = {path("orders.status.yaml")}}),
            "orders.status.yaml: cannot read orders.status.yaml: it is a status file; give the manifest");
}

TEST_F(Manifests, RefuseAnObjectGivenTwiceWithBothPlaces) {
  write("a.yaml", migration("orders"));
  write("b.yaml", "# second\n" + migration("orders"));

  EXPECT_EQ(refusal(),
            "b.yaml:2:1: DatabaseMigration default/orders must be given once; it also stands in a.yaml:1:1");
}

TEST_F(Manifests, RefuseTwoMigrationsWithOneStatusFile) {
  write("a/m.yaml", migration("orders", "{}", ", namespace: a"));
  write("b/m.yaml", migration("orders", "{}", ", namespace: b"));

  EXPECT_NE(load({.paths = {path("a"), path("b")}}), nullptr);
  EXPECT_EQ(refusal({.paths = {path("a"), path("b")}, .status_dir = path("s")}),
            "b/m.yaml:1:1: DatabaseMigration b/orders must have a status file of its own; "
            "s/orders.status.yaml is that of DatabaseMigration a/orders too");
}

TEST_F(Manifests, AreReadAgainWhenTheyChange) {
  write("m.yaml", migration("orders"));
  const auto objects = load();
  EXPECT_EQ(get(*objects).generation, 1);

  write("m.yaml", "# a comment\n" + migration("orders"));
  EXPECT_EQ(get(*objects).generation, 1);
  write("m.yaml", migration("orders", "{a: 2}"));
  EXPECT_EQ(get(*objects).generation, 2);
  EXPECT_EQ((*get(*objects).document)["spec"]["a"], 2);
  write("other.yaml", migration("other"));
  EXPECT_EQ(get(*objects, "other").generation, 1);
  fs::remove(root / "m.yaml");
  EXPECT_FALSE(*objects->get({"DatabaseMigration", "default", "orders"}, Deadline::never(), {}));
  write("other.yaml", "no: manifest\n");
  EXPECT_FALSE(objects->list("DatabaseMigration", Deadline::never(), {}));
}

TEST_F(Manifests, FromAPipeAreReadOnce) {
  ASSERT_EQ(::system(("mkfifo '" + path("pipe") + "'").c_str()), 0);
  ASSERT_EQ(::system(("printf '%s' '" + migration("orders") + "' > '" + path("pipe") + "' &").c_str()), 0);

  const auto objects = load({.paths = {path("pipe")}});

  EXPECT_EQ(get(*objects).key.name, "orders");
  EXPECT_EQ(get(*objects).key.name, "orders");
}

}  // namespace
}  // namespace dbm::local
