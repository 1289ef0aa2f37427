/// Command lines that are wrong.

#include <gmock/gmock.h>

#include "refused.h"

namespace dbm::test {
namespace {

using Strings = std::vector<std::string>;

struct Case {
  std::string name;
  Strings args;
  std::string line;
};

class UsageRefused : public ::testing::TestWithParam<Case> {
 protected:
  static World& world() {
    static World one{PostgresServer::shared(), {"0001"}};
    return one;
  }
  static void TearDownTestSuite() { EXPECT_EQ(world().sql("SELECT to_regnamespace('dbm') IS NULL"), "t"); }
};

TEST_P(UsageRefused, WithOneLineAndExitCode2) {
  world().manifest.url = world().database().url();
  const auto finished = world().run_dbm(GetParam().args);

  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_EQ(finished.out, "");
  EXPECT_THAT(lines_of(world(), finished.err), ::testing::ElementsAre(GetParam().line));
}

INSTANTIATE_TEST_SUITE_P(
    Argument, UsageRefused,
    ::testing::Values(
        Case{"NoVerb",
             {},
             "dbm: a verb must be given, one of apply, plan, status, history, validate, resolve, backup, "
             "restore, create; see `dbm --help`"},
        Case{"UnknownVerb",
             {"aply", "-f", "orders.yaml"},
             "dbm: there is no such verb; they are apply, plan, status, history, validate, resolve, backup, "
             "restore, create; see `dbm --help`"},
        Case{"UnknownFlag",
             {"apply", "-f", "orders.yaml", "--forse"},
             "dbm: there is no flag --forse; see `dbm apply --help`"},
        Case{"UnknownFlagWithASecret",
             {"apply", "-f", "orders.yaml", "canary-7f3a-password", "--password=canary-7f3a-password"},
             "dbm: there is no flag --password; see `dbm apply --help`"},
        Case{"ASecretWhereNothingIsTaken",
             {"apply", "-f", "orders.yaml", "-q", "canary-7f3a-password"},
             "dbm: more was given than this verb takes; see `dbm apply --help`"},
        Case{"NoManifest", {"apply"}, "dbm: --filename is required; see `dbm apply --help`"},
        Case{"NoManifestForPlan", {"plan"}, "dbm: --filename is required; see `dbm plan --help`"},
        Case{"FlagWithoutItsValue",
             {"apply", "-f"},
             "dbm: --filename: 1 required PATH missing; see `dbm apply --help`"},
        Case{"TimeoutThatIsNone",
             {"apply", "-f", "orders.yaml", "--timeout", "soon"},
             "dbm: --timeout: must be a duration such as 90s, 1h30m or 250ms, at most 8784h, not 'soon'; see "
             "`dbm apply --help`"},
        Case{"TimeoutWithoutAUnit",
             {"apply", "-f", "orders.yaml", "--timeout", "10"},
             "dbm: --timeout: must be a duration such as 90s, 1h30m or 250ms, at most 8784h, not '10'; see "
             "`dbm apply --help`"},
        Case{"OutputThatIsNone",
             {"status", "-f", "orders.yaml", "-o", "xml"},
             "dbm: --output: must be table, json or yaml, not 'xml'; see `dbm status --help`"},
        Case{"LevelThatIsNone",
             {"apply", "-f", "orders.yaml", "--log-level", "loud"},
             "dbm: --log-level: must be debug, info, warning or error, not 'loud'; see `dbm apply --help`"},
        Case{"ManifestThatIsMissing",
             {"apply", "-f", "nowhere.yaml"},
             "dbm: cannot read nowhere.yaml: No such file or directory [NotFound]"},
        Case{"SecretWithoutAValue",
             {"apply", "-f", "orders.yaml", "--secret"},
             "dbm: --secret: 1 required ENTRY missing; see `dbm apply --help`"},
        Case{"SecretWithoutAKey",
             {"apply", "-f", "orders.yaml", "--secret", "orders-db"},
             "dbm: --secret must be NAME=KEY:@FILE or NAME=KEY:env:VAR [InvalidValue]"},
        Case{"SecretWithItsValueInTheArguments",
             {"apply", "-f", "orders.yaml", "--secret", "orders-db=password:canary-7f3a-password"},
             "dbm: --secret orders-db=password:… must say where the value is, as :@FILE or :env:VAR; a value "
             "itself would be seen by every user [InvalidValue]"},
        Case{"SecretWithItsValueAndNoColon",
             {"apply", "-f", "orders.yaml", "--secret", "orders-db=canary-7f3a-password"},
             "dbm: --secret orders-db=… must be NAME=KEY:@FILE or NAME=KEY:env:VAR, never a value "
             "[InvalidValue]"},
        Case{"SecretOfAFileThatIsMissing",
             {"apply", "-f", "orders.yaml", "--secret", "orders-db=password:@nowhere"},
             "dbm: --secret orders-db=password: cannot read file nowhere: No such file or directory "
             "[InvalidValue]"},
        Case{"SecretOfAVariableThatIsNotSet",
             {"apply", "-f", "orders.yaml", "--secret", "orders-db=password:env:DBM_TEST_NOT_SET"},
             "dbm: --secret orders-db=password: environment variable DBM_TEST_NOT_SET is not set "
             "[InvalidValue]"},
        Case{"SecretGivenTwice",
             {"apply", "-f", "orders.yaml", "--secret", "orders-db=url:env:HOME", "--secret",
              "orders-db=url:env:HOME"},
             "dbm: --secret orders-db=url is given twice [InvalidValue]"},
        Case{"StoreWithoutAName",
             {"apply", "-f", "orders.yaml", "--store", "/srv"},
             "dbm: --store must be NAME=VALUE, such as default=/srv/backups [InvalidValue]"},
        Case{"KeyWithoutItsStore",
             {"apply", "-f", "orders.yaml", "--store-key", "default=@key"},
             "dbm: --store-key must be NAME=@FILE, with a store of that name [InvalidValue]"},
        Case{"KeyInTheArguments",
             {"apply", "-f", "orders.yaml", "--store", "default=/srv", "--store-key",
              "default=canary-7f3a-password"},
             "dbm: --store-key must be NAME=@FILE, with a store of that name [InvalidValue]"},
        Case{"ConfigThatIsMissing",
             {"apply", "-f", "orders.yaml", "--config", "nowhere.yaml"},
             "dbm: cannot read the configuration file nowhere.yaml [NotFound]"},
        Case{"ResolveWithoutAnOutcome",
             {"resolve", "0001", "-f", "orders.yaml"},
             "dbm: VERSION=applied|pending: must end in =applied or =pending, such as 0042=applied; see `dbm "
             "resolve --help`"},
        Case{"ResolveWithAnotherOutcome",
             {"resolve", "0001=done", "-f", "orders.yaml"},
             "dbm: VERSION=applied|pending: must end in =applied or =pending, such as 0042=applied; see `dbm "
             "resolve --help`"},
        Case{"RestoreWithoutADatabase",
             {"restore", "-f", "orders.yaml"},
             "dbm: --into is required; see `dbm restore --help`"},
        Case{"BackupWithoutAVerb",
             {"backup"},
             "dbm: a verb must be given, one of list, verify; see `dbm backup --help`"},
        Case{"CreateWithoutAName", {"create"}, "dbm: name is required; see `dbm create --help`"},
        Case{"CreateOutsideItsFolder",
             {"create", "../evil"},
             "dbm: NAME must be 1 to 100 letters, digits, _ or - [InvalidValue]"}),
    [](const auto& info) { return info.param.name; });

TEST_F(Refused, ConfigurationWithAnUnknownKey) {
  write_file(world.folder() / "dbm.conf",
             "apiVersion: config.dbmigration.dev/v1alpha1\nkind: OperatorConfiguration\nallowedHost: [a]\n");

  expect_refused(world, {2, "", "", "dbm: dbm.conf:3:1: allowedHost is not a known field [UnknownField]"},
                 {"--config", "dbm.conf"});
}

TEST_F(Refused, ConfigurationWithAStoreThatIsNotEncryptedWithoutSayingWhy) {
  write_file(world.folder() / "dbm.conf",
             "apiVersion: config.dbmigration.dev/v1alpha1\nkind: OperatorConfiguration\nstores:\n"
             "  default: {directory: {path: /srv}, encryption: {mode: None}}\n");

  expect_refused(
      world,
      {2, "", "",
       "dbm: dbm.conf:4:38: stores.default.encryption needs a reason with mode None [InvalidValue]"},
      {"--config", "dbm.conf"});
}

TEST_F(Refused, ResolveOfAScriptThatNeverRan) {
  ASSERT_EQ(world.run_dbm(quiet_apply(world)).exit_code, 0);

  const auto finished = world.run_dbm(
      {"resolve", "0009=applied", "-f", "orders.yaml", "--store", "default=" + world.state().string()});

  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(lines_of(world, finished.err),
              ::testing::ElementsAre("dbm: resolve: the ledger has no row of version 0009 [InvalidValue]; "
                                     "`dbm history` lists the versions"));
  world.expect_exactly_once({"0001"});
}

}  // namespace
}  // namespace dbm::test
