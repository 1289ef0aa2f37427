#include "integration/documentation/clone.h"

#include <filesystem>
#include <stdexcept>

namespace dbm::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUrl = "postgres://USER:PASSWORD@HOST:5432/DATABASE";

}  // namespace

std::string document(const std::string& path) { return read_file(fs::path(DBM_SOURCE_DIR) / path); }

std::string shell_blocks(const std::string& text) {
  std::string commands;
  const std::string open = "```sh\n";
  for (auto at = text.find(open); at != std::string::npos; at = text.find(open, at + 1)) {
    const auto from = at + open.size();
    commands += text.substr(from, text.find("```", from) - from);
  }
  return commands;
}

std::string readme_section(const std::string& heading) {
  const auto readme = document("README.md");
  const auto begin = readme.find("\n## " + heading + "\n");
  if (begin == std::string::npos) throw std::runtime_error("README.md has no heading " + heading);
  return readme.substr(begin, readme.find("\n## ", begin + 1) - begin);
}

Finished run_in_clone(std::string commands, const Database& database) {
  const Folder clone("dbm-clone");
  fs::create_symlink(fs::path(DBM_SOURCE_DIR) / "migrations", clone.path() / "migrations");
  fs::create_directory(clone.path() / "build");
  fs::create_symlink(DBM_BINARY, clone.path() / "build/dbm");
  for (auto at = commands.find(kUrl); at != std::string::npos; at = commands.find(kUrl))
    commands.replace(at, kUrl.size(), database.url());

  return run({.argv = {"/bin/bash", "-e", "-c", commands},
              .environment = {{"HOME", clone.path()}, {"XDG_STATE_HOME", clone.path() / "state"}},
              .folder = clone.path()});
}

}  // namespace dbm::test
