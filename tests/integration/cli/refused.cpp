#include "refused.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <utility>

namespace dbm::test {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Replaces `word` where it is not a part of a longer one.
void replace_word(std::string& text, const std::string& word, const std::string& by) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
    const auto end = at + word.size();
    const bool part = (at > 0 && is_word(text[at - 1])) || (end < text.size() && is_word(text[end]));
    if (!part) text.replace(at, word.size(), by);
    at += part ? word.size() : by.size();
  }
}

void expect_untouched(const World& world, const std::string& before, const std::string& ledger) {
  EXPECT_EQ(fingerprint(world), before) << "the database was touched";
  const bool made = world.sql("SELECT to_regclass('dbm.fence') IS NOT NULL") == "t";
  EXPECT_EQ(made, ledger == "any" ? made : ledger == "made") << "the ledger";
}

}  // namespace

std::string fingerprint(const World& world) {
  return world.sql(
      "SELECT coalesce((SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace "
      "WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'dbm')), '') || ' ' || "
      "coalesce((SELECT string_agg(c.relname || ' ' || c.relkind::text || ' ' || coalesce(a.attname, ''), "
      "',' "
      "ORDER BY c.oid, a.attnum) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN "
      "pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname "
      "NOT IN ('information_schema', 'dbm')), '') || ' ' || (SELECT string_agg(v::text, ',') FROM canary) || "
      "' ' || (SELECT count(*) FROM witness)");
}

std::vector<std::string> lines_of(const World& world, const std::string& err) {
  std::vector<std::string> lines;
  std::istringstream stream(err);
  const auto server_version = world.database().server().sql("SELECT split_part(version(), ' ', 2)");
  for (std::string line; std::getline(stream, line);) {
    replace_word(line, world.folder().string(), "<desk>");
    replace_word(line, world.folder().parent_path().string(), "<home>");
    replace_word(line, std::to_string(world.database().server().port()), "<port>");
    replace_word(line, world.database().name(), "<db>");
    replace_word(line, server_version, "<server>");
    // A manifest may lead to a proxy, and each ledger has an id of its own.
    static const std::vector<std::pair<std::regex, std::string>> kChanging{
        {std::regex("127\\.0\\.0\\.1:[0-9]+"), "127.0.0.1:<port>"},
        {std::regex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"},
        {std::regex("-pre-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"), "-pre-<id>"},
        {std::regex("[0-9]+\\.[0-9] MiB"), "<size>"}};
    for (const auto& [form, name] : kChanging) line = std::regex_replace(line, form, name);
    lines.push_back(line);
  }
  return lines;
}

std::string situation(const World& world) {
  for (const std::string type : {"Stalled", "Reconciling"}) {
    const auto condition = world.condition(type);
    if (condition.starts_with("True/")) return type + condition.substr(4);
  }
  const auto ready = world.condition("Ready");
  return ready.starts_with("True/") ? "Ready" + ready.substr(4) : ready;
}

std::string failure_field(const World& world, const std::string& name) {
  const auto object = world.status();
  const auto failure = object.at("status").value("failure", nlohmann::ordered_json::object());
  if (!failure.contains(name)) return {};
  return failure[name].is_string() ? failure[name].get<std::string>() : failure[name].dump();
}

std::vector<std::string> quiet_apply(const World& world, const std::vector<std::string>& more) {
  const auto store = world.folder().parent_path() / "store";
  std::filesystem::create_directories(store);
  std::vector<std::string> args{"apply", "-q", "-f", world.manifest_file().filename()};
  if (std::find(more.begin(), more.end(), "--config") == more.end() &&
      std::find(more.begin(), more.end(), "--store") == more.end())
    args.insert(args.end(), {"--store", "default=" + store.string()});
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

void expect_answer(const World& world, const Finished& finished, const Answer& answer) {
  EXPECT_EQ(finished.exit_code, answer.exit_code) << finished.err;
  EXPECT_THAT(lines_of(world, finished.err), ::testing::ElementsAre(answer.line));
  const bool written = std::filesystem::exists(world.folder() / (world.manifest.name + ".status.yaml"));
  EXPECT_EQ(written, !answer.condition.empty()) << "a status";
  if (!written || answer.condition.empty()) return;
  EXPECT_EQ(situation(world), answer.condition);
  EXPECT_EQ(failure_field(world, "reason"), answer.failure);
}

Finished expect_refused(World& world, const Answer& answer, const std::vector<std::string>& more,
                        const Environment& environment) {
  const auto before = fingerprint(world);
  const auto finished = world.run_dbm(quiet_apply(world, more), environment);
  expect_answer(world, finished, answer);
  expect_untouched(world, before, answer.ledger);
  return finished;
}

}  // namespace dbm::test
