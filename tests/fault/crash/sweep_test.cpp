/// The crash sweep: the real program is interrupted at each of its effects, before, after, and after with the
/// reply lost; an ordinary start follows, and everything must have happened exactly once
/// (docs/exactly-once.md#promises).
///
/// One plan alone: DBM_FAULT_PLAN=Chain/chain.send:1:crash-after fault_crash

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "support/folder.h"
#include "workloads.h"

namespace dbm::test {
namespace {

using Counts = std::map<std::string, int>;

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Every point of the program; true where a reply can be lost.
const std::map<std::string, bool>& points() {
  static const std::map<std::string, bool> all = [] {
    std::map<std::string, bool> result;
    for (const auto& line : split_lines(run({.argv = {DBM_BINARY, "inject-points"}}).out))
      result[line.substr(0, line.find(' '))] = line.find(" reply") != std::string::npos;
    return result;
  }();
  return all;
}

std::vector<std::string> arguments(const World& world, const Command& command) {
  std::vector<std::string> args = command.args;
  for (auto& arg : args) {
    if (arg == "@copy") arg = world.database().name() + "_copy";
  }
  args.insert(args.end(), {"-f", world.manifest_file().filename()});
  return args;
}

Finished call(World& world, const Command& command, const Environment& environment) {
  if (command.before) command.before(world);
  return world.run_dbm(arguments(world, command), environment);
}

/// All commands of a workload, each repeated until it answers as it should, as a person would. The injection
/// holds for the first call that reaches it.
void work(World& world, const Workload& workload, const Environment& injection) {
  for (const Command& command : workload.commands) {
    Finished last = call(world, command, injection);
    for (int again = 0; again < 3 && last.exit_code != command.exit_code; ++again)
      last = call(world, command, {});
    ASSERT_EQ(last.exit_code, command.exit_code)
        << "dbm " << command.args.front() << " did not come to its end: " << last.err;
  }
}

/// The user's schema as one text.
std::string schema_of(const World& world) {
  return world.sql(
      "SELECT string_agg(relname || ' ' || relkind::text || ' ' || coalesce((SELECT indisvalid::text FROM "
      "pg_index "
      "WHERE "
      "indexrelid = c.oid), '-') || ' ' || coalesce((SELECT string_agg(attname, ',' ORDER BY attnum) FROM "
      "pg_attribute "
      "WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '-'), E'\\n' ORDER BY relname) FROM "
      "pg_class c "
      "WHERE relnamespace = 'public'::regnamespace");
}

struct Undisturbed {
  Counts reached;      ///< how often each point is reached by the commands
  std::string schema;  ///< what they leave
};

/// The workload without a fault, once per program.
const Undisturbed& undisturbed(const Workload& workload) {
  static std::map<std::string, Undisturbed> known;
  if (const auto found = known.find(workload.name); found != known.end()) return found->second;
  World world{PostgresServer::shared()};
  workload.prepare(world);
  const auto log = world.folder() / "points.log";
  work(world, workload, {{"DBM_INJECT_LOG", log.string()}});
  workload.expect(world);
  Undisturbed& result = known[workload.name];
  for (const auto& point : split_lines(read_file(log))) ++result.reached[point];
  result.schema = schema_of(world);
  return result;
}

/// First, second and last: the others do the same again.
std::set<int> occurrences(int reached) { return {1, std::min(2, reached), reached}; }

std::vector<std::string> plans_of(const Workload& workload) {
  std::vector<std::string> plans;
  for (const auto& [point, reached] : undisturbed(workload).reached) {
    if (!workload.only.empty() && point != workload.only) continue;
    for (const int occurrence : occurrences(reached)) {
      const std::string at = point + ":" + std::to_string(occurrence) + ":";
      plans.push_back(at + "crash-before");
      plans.push_back(at + "crash-after");
      if (points().at(point)) plans.push_back(at + "lose-reply");
    }
  }
  return plans;
}

void run_plan(const Workload& workload, const std::string& plan) {
  SCOPED_TRACE("replay: DBM_FAULT_PLAN=" + workload.name + "/" + plan);
  World world{PostgresServer::shared()};
  workload.prepare(world);
  work(world, workload, {{"DBM_INJECT", plan}});
  if (::testing::Test::HasFatalFailure()) return;
  workload.expect(world);
  EXPECT_EQ(schema_of(world), undisturbed(workload).schema);
}

class CrashSweep : public ::testing::TestWithParam<Workload> {};

TEST_P(CrashSweep, EveryInterruptionEndsWithEachScriptAppliedOnce) {
  const Workload& workload = GetParam();
  const char* only = std::getenv("DBM_FAULT_PLAN");
  int plans = 0;
  for (const auto& plan : plans_of(workload)) {
    if (only != nullptr && workload.name + "/" + plan != only) continue;
    run_plan(workload, plan);
    ++plans;
    if (HasFailure()) break;  // one is enough to look at; the trace says how to replay it
  }
  RecordProperty("plans", plans);
  std::printf("%s: %d plans\n", workload.name.c_str(), plans);
}

std::vector<Workload> chosen_workloads() {
  std::vector<Workload> chosen = workloads();
  if (const char* most = std::getenv("DBM_FAULT_WORKLOADS"))
    chosen.resize(std::min<std::size_t>(chosen.size(), std::strtoul(most, nullptr, 10)));
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Workloads, CrashSweep, ::testing::ValuesIn(chosen_workloads()),
                         [](const auto& info) { return info.param.name; });

// A point that no workload passes would be a promise nobody keeps.
TEST(CrashSweepCoverage, PassesEveryPointOfTheProgram) {
  if (chosen_workloads().size() < workloads().size())
    return;  // a sweep cut short on purpose proves nothing here
  std::set<std::string> passed;
  std::size_t plans = 0;
  for (const Workload& workload : workloads()) {
    for (const auto& [point, count] : undisturbed(workload).reached) passed.insert(point);
    plans += plans_of(workload).size();
  }

  std::vector<std::string> missed;
  for (const auto& [point, reply] : points()) {
    if (!passed.contains(point)) missed.push_back(point);
  }
  EXPECT_THAT(missed, ::testing::IsEmpty());
  EXPECT_GE(plans, 400U);
}

}  // namespace
}  // namespace dbm::test
