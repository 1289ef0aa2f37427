#include "architecture/includes/arrows.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace dbm::architecture {
namespace {

using Names = std::set<std::string, std::less<>>;

/// A room (or main.cpp) and what it may include besides itself: rooms, or single headers of a room.
const std::map<std::string, Names, std::less<>> kArrows{
    {"base", {}},
    {"script", {"base"}},
    {"artifact", {"base"}},
    {"kubernetes", {"base"}},
    {"migration", {"base", "script", "artifact", "kubernetes"}},
    {"postgres", {"base", "script", "artifact", "kubernetes", "migration"}},
    {"source", {"base", "script", "artifact", "kubernetes", "migration"}},
    {"local", {"base", "kubernetes/objects.h"}},
    {"cli", {"base", "script", "artifact", "kubernetes", "migration", "postgres", "source", "local"}},
    {"main.cpp", {"cli"}},
};

/// Third-party headers, by how their names begin, and who may include them: rooms, or single files.
const std::map<std::string, Names, std::less<>> kThirdParty{
    {"CLI/", {"cli/parse.cpp"}},
    {"libpq-fe.h", {"postgres"}},
    {"openssl/", {"base/digest.cpp", "artifact"}},
    {"pg_query.h", {"script/classify.cpp"}},
    {"pqxx/", {"postgres"}},
    {"re2/", {"migration", "script"}},
    {"spdlog/", {"base/log.cpp"}},
    {"yaml-cpp/", {"base/yaml.cpp"}},
    {"zstd.h", {"artifact"}},
};

/// Headers of the C library and the kernel. A name without ".h" is the C++ library's.
const Names kSystem{"arpa/inet.h", "dirent.h", "fcntl.h", "netdb.h",   "netinet/in.h", "poll.h",
                    "pthread.h",   "signal.h", "spawn.h", "strings.h", "termios.h",    "unistd.h"};

struct Include {
  int line;
  bool ours;  ///< "…", not <…>
  std::string name;
};

std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> all;
  for (int number = 1; !text.empty(); ++number) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto take_blanks = [&] {
      line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    };
    take_blanks();
    if (!line.starts_with('#')) continue;
    line.remove_prefix(1);
    take_blanks();
    if (!line.starts_with("include")) continue;
    line.remove_prefix(7);
    take_blanks();
    if (line.empty() || (line.front() != '"' && line.front() != '<')) continue;
    const auto end = line.find(line.front() == '"' ? '"' : '>', 1);
    all.push_back({number, line.front() == '"', std::string(line.substr(1, end - 1))});
  }
  return all;
}

std::string room_of(const std::string& file) { return file.substr(0, file.find('/')); }

bool names_it(const Names& names, const std::string& file) {
  return names.contains(room_of(file)) || names.contains(file);
}

std::string broken_own(const std::string& file, const std::string& name) {
  const auto room = kArrows.find(room_of(file));
  if (room == kArrows.end()) return room_of(file) + " is not in the table of arrows";
  if (room_of(name) == room->first || names_it(room->second, name)) return "";
  return room->first + " must not include " + name;
}

std::string broken_foreign(const std::string& file, const std::string& name) {
  if (name == "nlohmann/json_fwd.hpp") return "";
  if (name == "nlohmann/json.hpp")
    return file.ends_with(".h") ? "a header must include nlohmann/json_fwd.hpp, not " + name : "";
  for (const auto& [begin, users] : kThirdParty) {
    if (!name.starts_with(begin)) continue;
    return names_it(users, file) ? ""
                                 : file + " must not include " + name + ", which stays in " + *users.begin();
  }
  const bool system = kSystem.contains(name) || name.starts_with("sys/") || name.starts_with("linux/") ||
                      name.find_first_of("./") == std::string::npos;
  return system ? "" : name + " is not in the table of third-party headers";
}

}  // namespace

std::vector<std::string> broken_arrows(const std::string& file, std::string_view text) {
  std::vector<std::string> broken;
  for (const auto& [line, ours, name] : includes_of(text)) {
    const std::string what = ours ? broken_own(file, name) : broken_foreign(file, name);
    if (!what.empty()) broken.push_back("controller/" + file + ":" + std::to_string(line) + ": " + what);
  }
  return broken;
}

std::vector<std::string> controller_files() {
  const std::filesystem::path root = std::filesystem::path(DBM_SOURCE_DIR) / "controller";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto end = entry.path().extension();
    if (entry.is_regular_file() && (end == ".h" || end == ".cpp"))
      files.push_back(entry.path().lexically_relative(root).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_controller_file(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream{std::filesystem::path(DBM_SOURCE_DIR) / "controller" / file}.rdbuf();
  return text.str();
}

}  // namespace dbm::architecture
