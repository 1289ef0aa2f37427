/// Folders with several objects, and statuses that were deleted.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/yaml.h"
#include "refused.h"

namespace dbm::test {
namespace {

using Json = nlohmann::ordered_json;

/// Type, status, reason and message of each condition.
Json conditions_of(const Json& object) {
  Json found = Json::array();
  for (const auto& condition : object.at("status").at("conditions"))
    found.push_back({condition.at("type"), condition.at("status"), condition.at("reason"),
                     condition.value("message", "")});
  return found;
}

class Several : public Refused {
 protected:
  /// A second object of the folder with a ledger of its own.
  void add(const std::string& name, const std::string& more, const std::string& checks = {}) {
    ManifestOptions options = world.manifest;
    options.name = name;
    options.more = "  ledgerSchema: dbm_" + name + "\n" + more;
    options.checks = checks;
    options.source = "{inline: [{name: 0001_a.sql, sql: \"CREATE TABLE " + name + " ()\"}]}";
    write_file(world.folder() / (name + ".yaml"), manifest(options));
  }
  [[nodiscard]] bool made(const std::string& table) const {
    return world.sql("SELECT to_regclass('" + table + "') IS NOT NULL") == "t";
  }
  Finished apply_folder() {
    return world.run_dbm({"apply", "-q", "-f", ".", "--store", "default=" + world.state().string()});
  }
};

TEST_F(Several, GoOnAfterOneThatIsWrongAndTheWorstExitCodeWins) {
  add("a", "  retries: 1\n");
  add("b", "", "[{name: none, sql: {query: SELECT 1}}]");
  add("c", "");

  const auto finished = apply_folder();

  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_FALSE(made("a"));
  EXPECT_TRUE(made("b"));
  EXPECT_TRUE(made("c"));
  EXPECT_EQ(world.canary(), canary_after(1));
  EXPECT_THAT(lines_of(world, finished.err),
              ::testing::ElementsAre(
                  "dbm: ./a.yaml:17:12: a: spec.retries is no field known here; the fields are engine, "
                  "ledgerSchema, connection, role, source, targetVersion, baselineVersion, outOfOrder, "
                  "changedScript, backup, dryRun, apply, checks, rollback, suspend, historyLimit "
                  "[UnknownField]; remove the field or correct its name; crds/README.md lists them all",
                  "dbm: b: check none failed: 1 violation [CheckFailed]; the change stays; correct the data "
                  "or the check, then run: dbm apply -f ./b.yaml"));
}

TEST_F(Several, FailedCheckIsWorseThanNothing) {
  add("b", "", "[{name: none, sql: {query: SELECT 1}}]");

  EXPECT_EQ(apply_folder().exit_code, 4);
}

TEST_F(Several, AFileThatIsNoYamlStopsAllBeforeTheFirst) {
  add("b", "");
  write_file(world.folder() / "c.yaml", "kind: [\n");

  const auto finished = apply_folder();

  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_FALSE(made("b"));
  EXPECT_EQ(world.canary(), canary_after(0));
  EXPECT_THAT(
      lines_of(world, finished.err),
      ::testing::ElementsAre("dbm: ./c.yaml:2:1: not YAML: end of sequence flow not found [InvalidValue]"));
}

TEST_F(Several, SameNameTwiceIsRefused) {
  world.write_manifest();
  std::filesystem::copy(world.manifest_file(), world.folder() / "z.yaml");

  const auto finished = apply_folder();

  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_EQ(world.canary(), canary_after(0));
  EXPECT_THAT(lines_of(world, finished.err),
              ::testing::ElementsAre("dbm: ./z.yaml:1:1: Secret shop/orders-db must be given once; it also "
                                     "stands in ./orders.yaml:1:1 [InvalidValue]"));
}

/// The status is a projection: it says the same when its file is gone.
class Deleted : public Refused {
 protected:
  void expect_the_same_again(int exit_code) {
    ASSERT_EQ(world.run_dbm(quiet_apply(world)).exit_code, exit_code);
    const auto before = conditions_of(world.status());
    std::filesystem::remove(world.folder() / "orders.status.yaml");

    const auto looked = world.run_dbm({"status", "-f", "orders.yaml", "-o", "json"});
    const auto applied = world.run_dbm(quiet_apply(world));

    EXPECT_EQ(looked.exit_code, 0) << looked.err;
    EXPECT_EQ(conditions_of(Json::parse(looked.out)).dump(1), before.dump(1));
    EXPECT_EQ(applied.exit_code, exit_code) << applied.err;
    // A second run of its own, which may have had less to do in the phases before.
    EXPECT_EQ(conditions_of(world.status())[0], before[0]);
    EXPECT_EQ(conditions_of(world.status())[1], before[1]);
  }
};

TEST_F(Deleted, AfterSuccess) { expect_the_same_again(0); }

TEST_F(Deleted, AfterAFailedCheck) {
  world.manifest.checks = "[{name: none, sql: {query: SELECT version FROM witness}}]";
  expect_the_same_again(4);
}

TEST_F(Deleted, AfterAFailedScript) {
  world.add_script("0002", "SELECT 1 / 0;\n");
  world.manifest.dry_run = "{mode: Disabled}";
  expect_the_same_again(1);
}

TEST_F(Deleted, AfterAFailedRehearsal) {
  world.add_script("0002", "SELECT 1 / 0;\n");
  expect_the_same_again(1);
}

}  // namespace
}  // namespace dbm::test
