/// Manifests that are wrong.

#include <fstream>

#include "refused.h"

namespace dbm::test {
namespace {

struct Case {
  std::string name;
  std::string source;  ///< of the manifest; empty: the folder of scripts
  std::string more;    ///< lines of the spec
  std::string failure;
  std::string line;
};

class SpecRefused : public Refused, public ::testing::WithParamInterface<Case> {};

TEST_P(SpecRefused, WithThePlaceAndWhatItMustBe) {
  if (!GetParam().source.empty()) world.manifest.source = GetParam().source;
  world.manifest.more = GetParam().more;

  expect_refused(world, {2, "Stalled/InvalidSpec", GetParam().failure, GetParam().line});
}

INSTANTIATE_TEST_SUITE_P(
    Manifest, SpecRefused,
    ::testing::Values(
        Case{"UnknownField", "", "  retries: 3\n", "UnknownField",
             "dbm: orders.yaml:16:12: spec.retries is no field known here; the fields are engine, "
             "ledgerSchema, connection, role, source, targetVersion, baselineVersion, outOfOrder, "
             "changedScript, backup, dryRun, apply, checks, rollback, suspend, historyLimit [UnknownField]; "
             "remove the field or correct its name; crds/README.md lists them all"},
        Case{"UnknownFieldDeep", "", "  rollback: {onFailure: None, auto: true}\n", "UnknownField",
             "dbm: orders.yaml:16:37: spec.rollback.auto is no field known here; the fields are onFailure "
             "[UnknownField]; remove the field or correct its name; crds/README.md lists them all"},
        Case{"WrongType", "", "  suspend: 1\n", "InvalidValue",
             "dbm: orders.yaml:16:12: spec.suspend must be true or false [InvalidValue]; correct the field "
             "named; crds/README.md says what it may hold"},
        Case{"WrongWord", "", "  changedScript: Ignore\n", "InvalidValue",
             "dbm: orders.yaml:16:18: spec.changedScript must be one of Refuse, Warn, not 'Ignore' "
             "[InvalidValue]; correct the field named; crds/README.md says what it may hold"},
        Case{"WrongNumber", "", "  historyLimit: many\n", "InvalidValue",
             "dbm: orders.yaml:16:17: spec.historyLimit must be a whole number [InvalidValue]; correct the "
             "field named; crds/README.md says what it may hold"},
        Case{"TwoSources", "{directory: {path: scripts}, inline: [{name: 0001_a.sql, sql: SELECT 1}]}", "",
             "InvalidValue",
             "dbm: orders.yaml:14:3: spec.source must have exactly one of inline, configMaps and directory "
             "[InvalidValue]; correct the field named; crds/README.md says what it may hold"},
        Case{"NoSource", "{format: Plain}", "", "InvalidValue",
             "dbm: orders.yaml:14:3: spec.source must have exactly one of inline, configMaps and directory "
             "[InvalidValue]; correct the field named; crds/README.md says what it may hold"},
        Case{"TwoKindsOfCheck", "", "  checks: [{name: a, sql: {query: SELECT 1}, table: {table: t}}]\n",
             "InvalidValue",
             "dbm: orders.yaml:16:12: spec.checks[0] must have exactly one of sql, table, column and index "
             "[InvalidValue]; correct the field named; crds/README.md says what it may hold"},
        Case{"WrongDuration", "", "  apply: {lockTimeout: 2 seconds}\n", "InvalidValue",
             "dbm: orders.yaml:16:24: spec.apply.lockTimeout must be a duration such as 90s, 1h30m or 250ms, "
             "at most 8784h, not '2 seconds' [InvalidValue]; correct the field named; crds/README.md says "
             "what it may hold"},
        Case{"WrongName", "", "  ledgerSchema: Dbm Schema\n", "InvalidValue",
             "dbm: orders.yaml:16:17: spec.ledgerSchema must be lower-case letters, digits and '_', no digit "
             "first [InvalidValue]; correct the field named; crds/README.md says what it may hold"},
        Case{"PathOutsideRoot", "{directory: {path: ../../elsewhere}}", "", "PathOutsideRoot",
             "dbm: orders.yaml:14:30: source.directory.path '../../elsewhere' is outside the source root "
             "<desk> [PathOutsideRoot]; move the scripts below it, or name a folder around both with "
             "--source-root"},
        Case{"AbsolutePath", "{directory: {path: /etc}}", "", "PathOutsideRoot",
             "dbm: orders.yaml:14:30: source.directory.path must be relative, not '/etc' [PathOutsideRoot]; "
             "move the scripts below the source root, or name a wider one with --source-root"}),
    [](const auto& info) { return info.param.name; });

TEST_F(Refused, NoneNeedsAReason) {
  world.manifest.backup = "{method: None}";

  expect_refused(world, {2, "Stalled/InvalidSpec", "InvalidValue",
                         "dbm: orders.yaml:15:3: spec.backup must say why (reason) where method is None "
                         "[InvalidValue]; correct the field named; crds/README.md says what it may hold"});
}

TEST_F(Refused, HostNotAllowed) {
  expect_refused(
      world,
      {2, "Stalled/InvalidSpec", "HostNotAllowed",
       "dbm: the database's host is not among allowedHosts of the operator's configuration [HostNotAllowed]; "
       "use a host of allowedHosts, or ask for this one to be added to the operator's configuration"},
      {"--allowed-hosts", "*.shop.svc,db.example.org"});
}

TEST_F(Refused, PathThatIsALinkOutOfTheRoot) {
  std::filesystem::create_directory(world.folder().parent_path() / "outside");
  write_file(world.folder().parent_path() / "outside/0001_a.sql", "CREATE TABLE a ();");
  std::filesystem::create_directory_symlink("../outside", world.folder() / "link");
  world.manifest.source = "{directory: {path: link}}";

  expect_refused(
      world,
      {2, "Stalled/InvalidSpec", "PathOutsideRoot",
       "dbm: orders.yaml:14:30: folder link below <desk> is a link that leads out of the source root "
       "[PathOutsideRoot]; move the scripts below the source root, or name a wider one with --source-root"});
}

TEST_F(Refused, SourceRootThatDoesNotHoldTheFolder) {
  std::filesystem::create_directory(world.folder() / "root");

  expect_refused(
      world,
      {2, "Stalled/InvalidSpec", "PathOutsideRoot",
       "dbm: orders.yaml:14:30: source.directory.path 'scripts' is outside the source root <desk>/root "
       "[PathOutsideRoot]; move the scripts below it, or name a folder around both with --source-root"},
      {"--source-root", "root"});
}

TEST_F(Refused, UrlThatDoesNotParseAndIsNeverEchoed) {
  world.manifest.url = "postgres:/app:" + std::string(kPassword) + "@127.0.0.1/orders";

  expect_refused(
      world, {2, "Stalled/InvalidSpec", "InvalidValue",
              "dbm: Secret orders-db, key url: must be a URL such as "
              "postgresql://user:password@host:5432/dbname: it must begin with postgresql:// or postgres:// "
              "[InvalidValue]; correct the field named; crds/README.md says what it may hold"});
}

TEST_F(Refused, UrlWithAPortThatIsNone) {
  world.manifest.url =
      "postgres://app:" + std::string(kPassword) + "@127.0.0.1:" + "canary-7f3a-password/orders";

  expect_refused(world, {2, "Stalled/InvalidSpec", "InvalidValue",
                         "dbm: Secret orders-db, key url: must be a URL such as "
                         "postgresql://user:password@host:5432/dbname: the port must be from 1 to 65535 "
                         "[InvalidValue]; correct the field named; crds/README.md says what it may hold"});
}

/// What is no manifest at all gets no status either: there is no object to write it for.
struct Text {
  std::string name;
  std::string text;
  std::string line;
};

class FileRefused : public Refused, public ::testing::WithParamInterface<Text> {};

TEST_P(FileRefused, WithoutAStatus) {
  world.keep_manifest = true;
  write_file(world.manifest_file(), GetParam().text);

  expect_refused(world, {2, "", "", GetParam().line});
}

std::string yaml_bomb() {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) text += (j == 0 ? "" : ", ") + before;
    text += "]\n";
  }
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Manifest, FileRefused,
    ::testing::Values(
        Text{"YamlBomb", yaml_bomb(),
             "dbm: orders.yaml:6:10: more than 100000 values, aliases expanded [InvalidValue]"},
        Text{"DeepNesting", "a: " + std::string(5000, '[') + std::string(5000, ']') + "\n",
             "dbm: orders.yaml:1:103: nested deeper than 100 levels [InvalidValue]"},
        Text{"NoYaml", "kind: [\n",
             "dbm: orders.yaml:2:1: not YAML: end of sequence flow not found [InvalidValue]"},
        Text{"Empty", "", "dbm: -f names no DatabaseMigration [NotFound]"},
        Text{"NoKind", "spec: {}\n",
             "dbm: orders.yaml:1:1: a manifest must have apiVersion and kind [InvalidValue]"},
        Text{"SameKeyTwice", "kind: Secret\nkind: Secret\n",
             "dbm: orders.yaml:2:1: key 'kind' stands here twice, first in line 1 [InvalidValue]"},
        Text{"OtherKind", "apiVersion: dbmigration.dev/v1alpha1\nkind: Migration\nmetadata: {name: a}\n",
             "dbm: orders.yaml:2:7: kind must be DatabaseMigration in group dbmigration.dev, not Migration "
             "[InvalidValue]"},
        Text{"OtherVersion", "apiVersion: dbmigration.dev/v1\nkind: DatabaseMigration\nmetadata: {name: a}\n",
             "dbm: orders.yaml:1:13: apiVersion of a DatabaseMigration must be dbmigration.dev/v1alpha1, not "
             "dbmigration.dev/v1 [InvalidValue]"},
        Text{"NoName", "apiVersion: dbmigration.dev/v1alpha1\nkind: DatabaseMigration\nmetadata: {}\n",
             "dbm: orders.yaml:3:1: metadata.name must be given: lower-case letters, digits, '-' and '.', at "
             "most 253, such as orders [InvalidValue]"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace dbm::test
