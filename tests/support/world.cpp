#include "support/world.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace dbm::test {
namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

void expect_no_canary(const std::string& text, const std::string& where) {
  for (const auto canary : {kPassword, kRowCanary}) {
    EXPECT_EQ(text.find(canary), std::string::npos) << "a secret or a row value came out in " << where;
  }
}

}  // namespace

std::string witness_lines(const std::string& version) {
  return "INSERT INTO witness (version, xid, pid) VALUES ('" + version +
         "', pg_current_xact_id(), pg_backend_pid());\nUPDATE canary SET v = v * 2 + 1;\n";
}

std::string canary_after(int scripts) {
  return std::to_string((1ULL << (static_cast<unsigned>(scripts) + 1U)) - 1U);
}

std::string witness_template(PostgresServer& server) {
  return server.make_template("witnessed",
                              "CREATE TABLE witness (version text, xid xid8, pid integer); "
                              "CREATE TABLE canary (v numeric NOT NULL); INSERT INTO canary VALUES (1)");
}

World::World(PostgresServer& server, const std::vector<std::string>& versions)
    : folder_("dbm-world"), database_(server.fresh_database(witness_template(server))) {
  std::filesystem::create_directories(folder() / "scripts");
  std::filesystem::create_directories(state());
  manifest.url = database_.url();
  for (const auto& version : versions) add_script(version);
}

void World::script(const std::string& file, const std::string& text) const {
  write_file(folder() / "scripts" / file, text);
}

void World::add_script(const std::string& version, const std::string& body) const {
  script(version + "_step.sql", witness_lines(version) + body);
}

void World::write_manifest() const {
  if (!keep_manifest) write_file(manifest_file(), test::manifest(manifest));
}

Child World::start_dbm(const std::vector<std::string>& args, const Environment& environment) {
  write_manifest();
  ChildSpec spec{.argv = {DBM_BINARY}, .environment = environment, .folder = folder()};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  spec.environment.insert(
      {{"HOME", folder_.path().string()}, {"XDG_STATE_HOME", state().string()}, {"NO_COLOR", "1"}});
  return Child::start(spec);
}

Finished World::run_dbm(const std::vector<std::string>& args, const Environment& environment,
                        std::chrono::milliseconds within) {
  const auto finished = start_dbm(args, environment).wait(within);
  check(finished);
  return finished;
}

Finished World::apply(const Environment& environment, const std::vector<std::string>& more) {
  std::vector<std::string> args{"apply", "-f", manifest_file().filename()};
  args.insert(args.end(), more.begin(), more.end());
  return run_dbm(args, environment);
}

void World::check(const Finished& finished) const {
  EXPECT_NE(finished.exit_code, -1) << "dbm was still running at the deadline\n" << finished.err;
  expect_no_canary(finished.out, "standard output");
  expect_no_canary(finished.err, "standard error");
  // Whoever was killed in a run has left the status of a run.
  const bool died = finished.exit_code == kCrashStatus || finished.exit_code >= 128 || finished.exit_code < 0;
  for (const auto& file : status_files(folder())) {
    expect_no_canary(read_file(file), file.filename());
    for (const auto& violation :
         status_violations(read_status(file), died ? StatusOf::Running : StatusOf::Settled)) {
      // Killed after the last write, a status may be that of a settled object already.
      if (died && violation.rfind("0010", 0) == 0) continue;
      ADD_FAILURE() << file.filename() << ": " << violation << "\n" << read_file(file);
    }
  }
}

std::string World::ledger(const std::string& query_of_history) const {
  if (sql("SELECT to_regclass('dbm.history') IS NULL") == "t") return {};
  return sql(query_of_history);
}

std::vector<std::string> World::applied_versions() const {
  return lines(ledger("SELECT version FROM dbm.history WHERE status = 'applied' ORDER BY version_key, id"));
}

std::vector<std::string> World::witness() const {
  return lines(sql("SELECT version FROM witness ORDER BY version"));
}

std::string World::canary() const { return sql("SELECT v FROM canary"); }

void World::expect_exactly_once(const std::vector<std::string>& versions) const {
  EXPECT_EQ(applied_versions(), versions);
  EXPECT_EQ(witness(), versions);
  EXPECT_EQ(canary(), canary_after(static_cast<int>(versions.size())));
  const auto together = ledger(
      "SELECT count(*) FROM witness w JOIN dbm.history h ON h.version = w.version AND h.status = 'applied' "
      "WHERE w.xid::text::numeric % 4294967296 = h.xmin::text::numeric");
  EXPECT_EQ(together, versions.empty() ? together : std::to_string(versions.size()))
      << "a script and its ledger row are not one transaction";
  EXPECT_EQ(ledger("SELECT count(*) FROM dbm.history WHERE status = 'running' OR finished IS NULL"), "0")
      << "a row was left open";
  EXPECT_EQ(ledger("SELECT count(*) FROM (SELECT epoch < lag(epoch) OVER (ORDER BY id) AS back FROM "
                   "dbm.history) t WHERE back"),
            "0")
      << "an epoch went back";
}

nlohmann::ordered_json World::status() const {
  return read_status(folder() / (manifest.name + ".status.yaml"));
}

std::string World::condition(const std::string& type) const {
  const auto object = status();
  for (const auto& condition : object.at("status").at("conditions")) {
    if (condition.value("type", "") == type)
      return condition.value("status", "") + "/" + condition.value("reason", "");
  }
  return {};
}

}  // namespace dbm::test
