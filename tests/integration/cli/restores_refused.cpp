/// `dbm restore --into` with a name that no new database can have, and with those that look odd and are fine.

#include <gmock/gmock.h>

#include "refused.h"

namespace dbm::test {
namespace {

class Restores : public Refused {
 protected:
  void SetUp() override {
    world.manifest.backup = "{method: Logical}";
    world.database().server().sql("ALTER ROLE app CREATEDB");
    const auto applied = world.run_dbm(quiet_apply(world));
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
    before_ = databases();
  }
  Finished restore_into(const std::string& name) {
    return world.run_dbm({"restore", "--into", name, "-f", "orders.yaml", "--store",
                          "default=" + (world.folder().parent_path() / "store").string()});
  }
  void refused(const std::string& name, const std::string& line) {
    const auto finished = restore_into(name);

    EXPECT_EQ(finished.exit_code, 2) << finished.err;
    const auto lines = lines_of(world, finished.err);
    EXPECT_EQ(lines.empty() ? "" : lines.back(), line);
    EXPECT_EQ(databases(), before_);
  }
  /// Of this test alone; others may have theirs on the same server.
  [[nodiscard]] std::string databases() const {
    return world.sql("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
  }

  std::string before_;
};

TEST_F(Restores, IntoANameThatTheServerWouldCutShort) {
  refused(std::string(64, 'a'),
          "dbm: the new database's name must be 1 to 63 bytes long: this has 64 bytes [InvalidValue]; name "
          "another database");
  refused(std::string(62, 'a') + "\u00e9",
          "dbm: the new database's name must be 1 to 63 bytes long: this has 64 bytes [InvalidValue]; name "
          "another database");
}

TEST_F(Restores, IntoNoName) {
  refused("",
          "dbm: the new database's name must be 1 to 63 bytes long: this is empty [InvalidValue]; name "
          "another database");
}

TEST_F(Restores, IntoANameOfTwoLines) {
  refused("a\nb",
          "dbm: the new database's name must be 1 to 63 bytes long: this holds a control character "
          "[InvalidValue]; name another database");
}

TEST_F(Restores, IntoADatabaseThatExists) {
  for (const std::string& name :
       {std::string("template0"), std::string("template1"), std::string("postgres")})
    refused(name, "dbm: database " + name +
                      " exists already; a backup is restored into a new one only [InvalidValue]; name "
                      "another database");
  refused(world.database().name(),
          "dbm: database <db> exists already; a backup is restored into a new one only [InvalidValue]; name "
          "another database");
}

/// What a backup is for.
TEST_F(Restores, WhereTheDatabaseItselfIsGone) {
  const std::string& lost = world.database().name();
  world.database().server().sql("DROP DATABASE " + lost);

  const auto finished = restore_into(lost);

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(world.canary(), canary_after(0)) << "as before the script";
}

TEST_F(Restores, IntoANameThatMustBeQuoted) {
  for (const std::string& name : {std::string("Orders Copy"), std::string("o'rders\\\"; DROP DATABASE x"),
                                  std::string("dbname=postgres"), std::string("postgres://a@b/c"),
                                  std::string("-n"), std::string(63, 'z')}) {
    SCOPED_TRACE(name);
    const Database copy(world.database().server(), name);

    const auto finished = world.run_dbm({"restore", "--into=" + name, "-f", "orders.yaml", "--store",
                                         "default=" + (world.folder().parent_path() / "store").string()});

    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.out, ::testing::StartsWith(name + ": restored from "));
    EXPECT_THAT(finished.err, ::testing::HasSubstr("Restore   restoring into " + name));
    EXPECT_EQ(sql(copy, "SELECT count(*) FROM canary"), "1");
  }
}

}  // namespace
}  // namespace dbm::test
