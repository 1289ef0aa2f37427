#include "support/world.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace dbm::test {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

Json condition(const std::string& type, const std::string& status, int generation = 2) {
  return {{"type", type},
          {"status", status},
          {"reason", "Why"},
          {"message", ""},
          {"lastTransitionTime", "2026-01-01T00:00:00Z"},
          {"observedGeneration", generation}};
}

Json object(const std::vector<Json>& conditions, int root = 2) {
  return {{"metadata", {{"generation", 2}}},
          {"status", {{"conditions", conditions}, {"observedGeneration", root}}}};
}

TEST(StatusViolations, AcceptsTheSituationsOfTheApi) {
  EXPECT_THAT(status_violations(object({condition("Ready", "True")}), StatusOf::Settled), IsEmpty());
  EXPECT_THAT(status_violations(object({condition("Ready", "False"), condition("Stalled", "True")}),
                                StatusOf::Settled),
              IsEmpty());
  EXPECT_THAT(status_violations(object({condition("Reconciling", "True"), condition("Ready", "Unknown")}),
                                StatusOf::Running),
              IsEmpty());
}

TEST(StatusViolations, FindsEachBreach) {
  const auto found = [](const Json& it, StatusOf state = StatusOf::Settled) {
    return status_violations(it, state);
  };

  EXPECT_THAT(found(object({condition("Ready", "True"), condition("Stalled", "True")})),
              Contains(StartsWith("0001")));
  EXPECT_THAT(found(object({condition("Applied", "True")})), Contains(StartsWith("0002")));
  EXPECT_THAT(found(object({condition("Ready", "Unknown"), condition("Reconciling", "True")})),
              Contains(StartsWith("0003")));
  EXPECT_THAT(found(object({condition("Ready", "Unknown"), condition("Stalled", "True")})),
              Contains(StartsWith("0004")));
  EXPECT_THAT(found(object({condition("Ready", "False"), condition("Stalled", "True"),
                            condition("Reconciling", "True")})),
              Contains(StartsWith("0005")));
  EXPECT_THAT(found(object({condition("Ready", "False")}, 3)), Contains(StartsWith("0006")));
  EXPECT_THAT(found(object({condition("Ready", "True", 1)}, 1)), Contains(StartsWith("0007")));
  EXPECT_THAT(found(object({condition("Ready", "True"), condition("Applied", "True", 1)})),
              Contains(StartsWith("0008")));
  EXPECT_THAT(found(object({condition("Ready", "True", 3)})), Contains(StartsWith("0009")));
  EXPECT_THAT(found(object({condition("Ready", "True")}), StatusOf::Running), Contains(StartsWith("0010")));
  EXPECT_THAT(found(object({condition("Ready", "Unknown")})), Contains(StartsWith("0011")));
  EXPECT_THAT(found(object({condition("Ready", "True"), condition("Stalled", "False")})),
              Contains(StartsWith("warnings 0003")));
  EXPECT_THAT(found(object({condition("Ready", "False", 0)})), Contains(StartsWith("warning 0005")));
}

TEST(WorldTest, CountsWhatScriptsDidOnTheRealDatabase) {
  World world(PostgresServer::shared(), {"0001"});
  EXPECT_EQ(world.canary(), canary_after(0));
  EXPECT_THAT(world.applied_versions(), IsEmpty());

  Session(world.database().address(), kLogin)(read_file(world.folder() / "scripts/0001_step.sql"));

  EXPECT_EQ(world.canary(), canary_after(1));
  EXPECT_EQ(world.witness(), std::vector<std::string>{"0001"});
}

TEST(ChildTest, TellsHowAProgramEnded) {
  const auto finished =
      run({.argv = {"/bin/sh", "-c", "cat; echo wrong >&2; exit 7"}, .environment = {}, .input = "in"});
  EXPECT_EQ(finished.exit_code, 7);
  EXPECT_EQ(finished.out, "in");
  EXPECT_EQ(finished.err, "wrong\n");
}

TEST(ChildTest, KillsAtTheDeadline) {
  EXPECT_EQ(run({.argv = {"/bin/sleep", "60"}, .environment = {}}, std::chrono::milliseconds{50}).exit_code,
            -1);
}

}  // namespace
}  // namespace dbm::test
