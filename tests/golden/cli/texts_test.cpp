/// What people read of the program, whole: help, plan, apply, status, history, events of a failure. What
/// differs from run to run is masked. A change shows as a diff of tests/golden/cli/texts; DBM_UPDATE_GOLDEN=1
/// writes them anew.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include "support/folder.h"
#include "support/world.h"

namespace dbm::test {
namespace {

/// Times, identities, digests, sizes and paths as words.
std::string masked(std::string text, const World* world) {
  if (world != nullptr) {
    for (const auto& [from, to] : {std::pair{world->folder().string(), std::string("DESK")},
                                   std::pair{world->state().string(), std::string("STATE")},
                                   std::pair{world->database().name(), std::string("DATABASE")}}) {
      for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    }
  }
  static const std::pair<std::regex, const char*> kMasks[] = {
      {std::regex("\"?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\"?"), "UUID"},
      {std::regex("-pre-[0-9TZ]+-[0-9a-f]+"), "-pre-ID"},
      {std::regex("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"), "TIME"},
      {std::regex("(dbm1-)?sha256:[0-9a-f]{64}"), "DIGEST"},
      {std::regex("\"?[0-9a-f]{64}\"?"), "HEX"},
      {std::regex("[0-9.]+ (B|KiB|MiB)\\b"), "SIZE"},
      {std::regex("(bytes\"?): [0-9]+"), "$1: N"},
      {std::regex("(Millis\"?): [0-9]+"), "$1: N"},
      {std::regex("[0-9.]+ m?s\\b"), "N ms"},
      {std::regex("PostgreSQL 1[0-9]\\.[0-9]+"), "PostgreSQL VERSION"},
      {std::regex("(erverVersion\"?): \"[0-9.]+\""), "$1: \"VERSION\""},
      {std::regex("(systemIdentifier\"?): \"[0-9]+\""), "$1: \"N\""},
      {std::regex("dbm [0-9]+\\.[0-9]+\\.[0-9]+"), "dbm VERSION"},
      {std::regex("(^|\n)(Plan|Backup|DryRun|Apply|Validate)( [^\n]*)?(?=\n)"),
       ""},                         // progress depends on the pace
      {std::regex(" {2,}"), "  "},  // columns are as wide as what was masked
  };
  for (const auto& [what, word] : kMasks) text = std::regex_replace(text, what, word);
  return text;
}

void expect_golden(const std::string& name, const std::string& text) {
  const auto file = std::filesystem::path(DBM_SOURCE_DIR) / "tests/golden/cli/texts" / (name + ".txt");
  if (std::getenv("DBM_UPDATE_GOLDEN") != nullptr) write_file(file, text);
  EXPECT_EQ(text, std::filesystem::exists(file) ? read_file(file) : "") << "differs from " << file.filename();
}

/// As on a terminal: the command, both outputs, the exit code.
std::string shown(World& world, const std::vector<std::string>& args) {
  std::vector<std::string> all = args;
  all.insert(all.end(), {"-f", world.manifest_file().filename()});
  std::string command = "$ dbm";
  for (const auto& arg : all) command += " " + arg;
  const auto done = world.run_dbm(all);
  return masked(command + "\n" + done.out + "--- standard error\n" + done.err + "--- exit code " +
                    std::to_string(done.exit_code) + "\n",
                &world);
}

TEST(Texts, HelpOfEveryVerb) {
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{{},
                                                                                    {"apply"},
                                                                                    {"plan"},
                                                                                    {"status"},
                                                                                    {"history"},
                                                                                    {"validate"},
                                                                                    {"resolve"},
                                                                                    {"backup"},
                                                                                    {"backup", "list"},
                                                                                    {"backup", "verify"},
                                                                                    {"restore"},
                                                                                    {"create"}}) {
    ChildSpec spec{.argv = {DBM_BINARY}};
    spec.argv.insert(spec.argv.end(), verb.begin(), verb.end());
    spec.argv.push_back("--help");
    std::string name = "help";
    for (const auto& word : verb) name += "_" + word;

    const auto done = run(spec);

    EXPECT_EQ(done.exit_code, 0);
    EXPECT_EQ(done.err, "");
    // Builds for tests know one verb more.
    expect_golden(name, std::regex_replace(done.out, std::regex("  inject-points[^\n]*\n"), ""));
  }
}

/// Scripts of each sort, a backup, a check.
void prepare_ordinary(World& world) {
  world.manifest.backup = "{method: Logical}";
  world.manifest.checks =
      "[{name: no-empty-names, sql: {query: \"SELECT 1 FROM shops WHERE name IS NULL\"}}]";
  world.script(
      "0001_shops.sql",
      "CREATE TABLE shops (id bigint PRIMARY KEY, name text);\nINSERT INTO shops VALUES (1, 'one');\n");
  world.script("0002_index.sql", "CREATE INDEX CONCURRENTLY shops_name ON shops (name);\n");
}

TEST(Texts, AMigrationFromPlanToHistory) {
  World world{PostgresServer::shared()};
  prepare_ordinary(world);

  expect_golden("plan", shown(world, {"plan"}));
  expect_golden("plan_json", shown(world, {"plan", "-o", "json"}));
  expect_golden("apply", shown(world, {"apply"}));
  expect_golden("apply_again", shown(world, {"apply"}));
  expect_golden("status", shown(world, {"status"}));
  expect_golden("status_yaml", shown(world, {"status", "-o", "yaml"}));
  expect_golden("history", shown(world, {"history"}));
  expect_golden("history_json", shown(world, {"history", "-o", "json"}));
  expect_golden("validate", shown(world, {"validate"}));
  expect_golden("backup_list", shown(world, {"backup", "list"}));
  expect_golden("backup_verify", shown(world, {"backup", "verify"}));
}

TEST(Texts, AFailedStatement) {
  World world{PostgresServer::shared()};
  world.manifest.dry_run = "{mode: Disabled}";
  world.script("0001_first.sql", "CREATE TABLE first (id bigint);\n");
  world.script("0002_second.sql",
               "-- twice\nCREATE TABLE second (id bigint);\nALTER TABLE second\n  ADD COLUMN id bigint;\n");

  expect_golden("failed_apply", shown(world, {"apply"}));
  expect_golden("failed_status", shown(world, {"status"}));
  expect_golden("failed_history", shown(world, {"history"}));
}

}  // namespace
}  // namespace dbm::test
