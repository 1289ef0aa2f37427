// The example that README shows, through every phase on each newer major: backup by that major's own clients,
// rehearsal, apply, checks, and a restored copy that is compared with what was saved.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/world.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

class Ticketing : public ::testing::TestWithParam<int> {
 protected:
  Ticketing() : server_(PostgresServer::shared(GetParam())), world_(server_) {
    const std::filesystem::path example = DBM_SOURCE_DIR "/migrations/examples/ticketing";
    std::filesystem::copy(
        example, world_.folder(),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    world_.manifest.name = "ticketing";
    world_.keep_manifest = true;
    server_.sql("ALTER ROLE app CREATEDB");
    Session(world_.database().address(), kLogin)(read_file(example / "schema.sql"));
  }

  Finished dbm(std::vector<std::string> args) {
    for (const std::string& more : {std::string("-f"), std::string("ticketing.yaml"), std::string("--secret"),
                                    std::string("ticketing-db=url:env:TICKETING_URL"),
                                    std::string("--pg-binaries"), server_.bin().string()})
      args.push_back(more);
    return world_.run_dbm(args, {{"TICKETING_URL", world_.database().url()}});
  }

  PostgresServer& server_;
  World world_;
};

TEST_P(Ticketing, GoesThroughEveryPhase) {
  const auto before = world_.sql("SELECT count(*), sum(price_cents) FROM tickets");

  const auto applied = dbm({"apply"});

  ASSERT_EQ(applied.exit_code, 0) << applied.err;
  EXPECT_EQ(world_.applied_versions(),
            (std::vector<std::string>{"0001", "0002", "0003", "0004", "0005", "0006"}));
  EXPECT_EQ(world_.sql("SELECT count(*) FROM tickets WHERE (sold_by IS NOT NULL) <> (channel = 'desk')"),
            "0");
  EXPECT_EQ(world_.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = "
                       "'tickets_event_channel'::regclass"),
            "t");
  for (const char* type : {"Ready", "BackupCompleted", "Applied", "Validated"})
    EXPECT_EQ(world_.condition(type), "True/Succeeded");
  const auto status = world_.status().at("status");
  EXPECT_EQ(status.at("backup").at("verified"), "Structure");
  EXPECT_EQ(status.at("checks").at("failed"), 0);
  EXPECT_EQ(status.at("database").at("serverVersion").get<std::string>().substr(0, 2),
            std::to_string(GetParam()));

  const auto again = dbm({"apply"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(world_.sql("SELECT count(*) FROM dbm.history"), "6");

  // The copy is what the database was before the first script.
  EXPECT_EQ(dbm({"backup", "verify"}).exit_code, 0);
  const Database copy(server_, world_.database().name() + "_copy");
  const auto restored = dbm({"restore", "--into", copy.name()});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(sql(copy, "SELECT count(*), sum(price_cents) FROM tickets"), before);
  EXPECT_EQ(sql(copy, "SELECT to_regclass('venues') IS NULL"), "t");
}

INSTANTIATE_TEST_SUITE_P(PostgreSQL, Ticketing, ::testing::Values(16, 17, 18),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace dbm::test
