/// A copy of a database has the ledger of its original, and may share its manifest's name and store. Each
/// keeps to its own backups; those of the other are shown, and restored by their id only.

#include <gmock/gmock.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "refused.h"

namespace dbm::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using ::testing::HasSubstr;
using ::testing::Not;

class Copies : public ::testing::Test {
 protected:
  void SetUp() override {
    server().sql("ALTER ROLE app CREATEDB");
    world.manifest.backup = "{method: Logical, retention: {keepLast: 1}}";
    applied("0001");
    applied("0002");
    before_copy_ = listed(world.database().name());
    ASSERT_EQ(before_copy_.size(), 1U);  // retention counts, within one database
  }

  PostgresServer& server() const { return world.database().server(); }
  [[nodiscard]] fs::path store() const { return world.folder().parent_path() / "store"; }

  /// Adds a script and applies it, to whatever database the manifest names now.
  void applied(const std::string& version, const std::vector<std::string>& more = {}) {
    world.add_script(version);
    const auto finished = world.run_dbm(quiet_apply(world, more));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
  }
  Finished dbm(std::vector<std::string> args) {
    args.insert(args.end(), {"-f", "orders.yaml", "--store", "default=" + store().string()});
    return world.run_dbm(args);
  }
  /// The sets that `backup list` shows, by the database they are of.
  std::vector<Json> listed(const std::string& database) {
    const auto finished = dbm({"backup", "list", "-o", "json"});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    std::vector<Json> found;
    const auto document = Json::parse(finished.out);
    for (const auto& item : document.at("items"))
      if (item.at("database") == database) found.push_back(item);
    return found;
  }
  void use(const Database& database) { world.manifest.url = database.url(); }
  Database& copy() {
    if (!copy_) {
      const std::string name = world.database().name() + "_copy";
      server().sql("CREATE DATABASE " + name + " OWNER app TEMPLATE " + world.database().name());
      copy_ = std::make_unique<Database>(server(), name);
    }
    return *copy_;
  }
  /// Taken over, with so many backups that retention would remove those of the original.
  void take_the_copy_over() {
    use(copy());
    applied("0003", {"--take-over"});
    applied("0004");
    applied("0005");
  }

  World world{PostgresServer::shared()};
  std::unique_ptr<Database> copy_;
  std::vector<Json> before_copy_;
};

TEST_F(Copies, LeaveTheBackupsOfTheirOriginal) {
  take_the_copy_over();

  use(world.database());
  const auto own = listed(world.database().name());
  ASSERT_EQ(own.size(), before_copy_.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_EQ(own[i].at("id"), before_copy_[i].at("id"));
    EXPECT_EQ(own[i].at("ofThisDatabase"), true);
  }
  const auto others = listed(copy().name());
  ASSERT_FALSE(others.empty());
  EXPECT_EQ(others.front().at("ofThisDatabase"), false);
  const auto table = dbm({"backup", "list"}).out;
  EXPECT_THAT(table, HasSubstr("DATABASE"));
  EXPECT_THAT(table, HasSubstr(std::to_string(others.size()) +
                               " not of this database: never removed, and restored only by id\n"));
}

TEST_F(Copies, AreNotRestoredForTheirOriginal) {
  take_the_copy_over();
  const auto of_copy = listed(copy().name()).front().at("id").get<std::string>();
  use(world.database());
  const Database restored(server(), world.database().name() + "_back");
  const Database named(server(), world.database().name() + "_named");

  const auto newest = dbm({"restore", "--into", restored.name()});
  const auto by_id = dbm({"restore", of_copy, "--into", named.name()});

  EXPECT_EQ(newest.exit_code, 0) << newest.err;
  EXPECT_THAT(newest.out, HasSubstr(before_copy_.front().at("id").get<std::string>()));
  EXPECT_EQ(sql(restored, "SELECT count(*) FROM witness"), "1");
  EXPECT_THAT(newest.err, Not(HasSubstr("another database")));
  EXPECT_EQ(by_id.exit_code, 0) << by_id.err;
  EXPECT_THAT(by_id.err, HasSubstr("dbm: " + of_copy + " is a backup of another database, " + copy().name()));
}

TEST_F(Copies, AreToldApartWhenTheOriginalIsGone) {
  take_the_copy_over();
  use(world.database());
  server().sql("ALTER DATABASE " + world.database().name() + " RENAME TO " + world.database().name() +
               "_lost");
  const Database restored(server(), world.database().name() + "_back");

  const auto own = listed(world.database().name());
  const auto others = listed(copy().name());
  // A login needs some database of that name to come in by; this one has no ledger that could tell.
  server().sql("CREATE DATABASE " + world.database().name() + " OWNER app");
  const auto newest = dbm({"restore", "--into", restored.name()});
  server().sql("DROP DATABASE " + world.database().name());
  server().sql("ALTER DATABASE " + world.database().name() + "_lost RENAME TO " + world.database().name());

  EXPECT_EQ(own.size(), before_copy_.size());
  EXPECT_FALSE(others.empty());
  EXPECT_EQ(newest.exit_code, 0) << newest.err;
  EXPECT_THAT(newest.out, HasSubstr(before_copy_.front().at("id").get<std::string>()));
}

/// Two ledgers count their runs each for itself, and nobody is there who could say which is the one.
TEST_F(Copies, AreNotGuessedAmongWhenTheLedgerIsGone) {
  world.sql("DROP SCHEMA dbm CASCADE");
  applied("0003");
  world.sql("DROP SCHEMA dbm CASCADE");
  const auto newest = listed(world.database().name()).front().at("id").get<std::string>();
  const Database restored(server(), world.database().name() + "_back");

  const auto guessed = dbm({"restore", "--into", restored.name()});
  const auto named = dbm({"restore", newest, "--into", restored.name()});

  EXPECT_EQ(guessed.exit_code, 1);
  EXPECT_EQ(
      guessed.err,
      "dbm: orders has backups of several servers or ledgers, and its database cannot say which are its "
      "own [NotFound]; see `dbm backup list`, and name one\n");
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_THAT(named.err, Not(HasSubstr("another database")));
}

}  // namespace
}  // namespace dbm::test
