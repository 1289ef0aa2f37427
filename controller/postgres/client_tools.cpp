#include "postgres/client_tools.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/guarded.h"

namespace dbm::postgres {
namespace {

/// The newest major looked for where the server's own is missing.
constexpr int kNewestMajor = 30;

std::string& pattern() {
  static std::string text = "/usr/lib/postgresql/%/bin";
  return text;
}

std::string folder_of(int major) {
  std::string folder = pattern();
  const auto mark = folder.find('%');
  return mark == std::string::npos ? folder : folder.replace(mark, 1, std::to_string(major));
}

/// What tells one version of a file from the next.
using FileIdentity = std::array<std::int64_t, 5>;

FileIdentity identity_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return {static_cast<std::int64_t>(facts.st_dev), static_cast<std::int64_t>(facts.st_ino), facts.st_size,
          facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

struct KnownVersion {
  FileIdentity identity;
  std::string version;
};

/// A run asks five times, and starting a program takes longer than most of what it does besides.
Guarded<std::map<std::string, KnownVersion>>& known_versions() {
  static Guarded<std::map<std::string, KnownVersion>> known;
  return known;
}

/// "15.18" of "pg_dump (PostgreSQL) 15.18 (Debian …)".
Result<std::string> ask_version(const std::string& path) {
  const auto deadline = Deadline::after(std::chrono::seconds{30});
  auto child = ChildProcess::start({{path, "--version"}, {}, false, true});
  if (!child) return child.error();
  std::string said;
  std::array<char, 256> buffer;
  while (true) {
    const auto got = child->read(buffer, deadline, {});
    if (!got) return got.error();
    if (*got == 0) break;
    said.append(buffer.data(), *got);
  }
  const auto exit_code = child->wait(deadline, {});
  const auto mark = said.find("(PostgreSQL) ");
  if (!exit_code || *exit_code != 0 || mark == std::string::npos)
    return Error{ErrorKind::Terminal, "BackupFailed", path + " does not say its version", "ClientTooOld"};
  const auto begin = mark + 13;
  return said.substr(begin, said.find_first_of(" \n", begin) - begin);
}

/// The same, asked once while the file stays what it is.
Result<std::string> version_of(const std::string& path) {
  const FileIdentity identity = identity_of(path);
  const auto known = known_versions().with([&](const auto& all) {
    const auto found = all.find(path);
    return found != all.end() && found->second.identity == identity ? found->second.version : std::string{};
  });
  if (!known.empty()) return known;
  auto version = ask_version(path);
  if (version) known_versions().with([&](auto& all) { all[path] = {identity, *version}; });
  return version;
}

/// 'it''s' as a conninfo value: backslash before quotes and backslashes.
std::string conninfo_value(std::string_view value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string passfile_value(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == ':' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

bool is_secret(const std::string& keyword) {
  return keyword == "password" || keyword == "sslpassword" || keyword == "passfile";
}

struct Saying {
  std::string_view part;
  ErrorKind kind;
  std::string_view reason, cause;
};
// What the programs say (in English, LC_ALL=C) that a person can act on. The server's own words follow
// lc_messages; what is not recognised is not published, since it may hold values of rows.
constexpr std::array kSayings{
    Saying{"permission denied for", ErrorKind::Terminal, "PermissionDenied", "InsufficientPrivilege"},
    Saying{"must be owner of", ErrorKind::Terminal, "PermissionDenied", "InsufficientPrivilege"},
    Saying{"must be able to SET ROLE", ErrorKind::Terminal, "PermissionDenied", "InsufficientPrivilege"},
    Saying{"must be member of role", ErrorKind::Terminal, "PermissionDenied", "InsufficientPrivilege"},
    Saying{"row-level security policy for table", ErrorKind::Terminal, "PermissionDenied",
           "InsufficientPrivilege"},
    Saying{"server version mismatch", ErrorKind::Terminal, "BackupFailed", "ClientTooOld"},
    Saying{"canceling statement due to lock timeout", ErrorKind::Transient, "WaitingForLock", "LockTimeout"},
    Saying{"server closed the connection unexpectedly", ErrorKind::Transient, "ProgressingWithRetry",
           "ConnectionLost"},
    Saying{"terminating connection due to", ErrorKind::Transient, "ProgressingWithRetry", "ConnectionLost"},
    Saying{"could not connect to server", ErrorKind::Transient, "ProgressingWithRetry", "ConnectionFailed"},
    Saying{"connection to server", ErrorKind::Transient, "ProgressingWithRetry", "ConnectionFailed"},
    Saying{"role \"", ErrorKind::Terminal, "", ""},
    Saying{"does not exist", ErrorKind::Terminal, "", ""},
    Saying{"already exists", ErrorKind::Terminal, "", ""},
    Saying{"unsupported version", ErrorKind::Terminal, "", "BackupCorrupt"},
    Saying{"input file does not appear to be a valid archive", ErrorKind::Terminal, "", "BackupCorrupt"},
    Saying{"could not read from input file: end of file", ErrorKind::Terminal, "", "BackupCorrupt"},
    Saying{"unexpected end of file", ErrorKind::Terminal, "", "BackupCorrupt"},
};

/// From the saying to the end of its line, bounded.
std::string line_from(const std::string& text, std::size_t at) {
  const auto begin = text.rfind('\n', at);
  std::string line = text.substr(
      begin == std::string::npos ? 0 : begin + 1,
      std::min<std::size_t>(text.find('\n', at), at + 200) - (begin == std::string::npos ? 0 : begin + 1));
  const auto error = line.find("ERROR:");
  if (error != std::string::npos) line = line.substr(error + 6);
  line.erase(0, line.find_first_not_of(' '));
  return line;
}

}  // namespace

void set_client_pattern(std::string text) { pattern() = std::move(text); }

Result<ClientTool> find_client(const std::string& program, int server_version_num) {
  const int wanted = server_version_num / 10'000;
  std::string seen_older;
  for (int major = wanted; major <= kNewestMajor; ++major) {
    const std::string path = folder_of(major) + "/" + program;
    if (::access(path.c_str(), X_OK) != 0) continue;
    const auto version = version_of(path);
    if (!version) return version.error();
    if (std::atoi(version->c_str()) >= wanted) return ClientTool{path, *version};
    seen_older = path + " is " + *version;
    break;
  }
  Error error{ErrorKind::Terminal, "BackupFailed", "", "ClientTooOld"};
  error.message = "no " + program + " for server version " + std::to_string(wanted) + ": " +
                  (seen_older.empty() ? "none in " + folder_of(wanted) + " and none newer" : seen_older);
  error.remedy = "install the PostgreSQL client programs of version " + std::to_string(wanted) +
                 " (package postgresql-client-" + std::to_string(wanted) +
                 "), or say where they are with pgBinaries";
  return error;
}

Result<ClientConnection> ClientConnection::make(const migration::Target& target,
                                                const std::string& database) {
  ClientConnection connection;
  connection.environment_ = {{"LC_ALL", "C"}, {"PGPASSFILE", "/dev/null/none"}, {"PGCONNECT_TIMEOUT", "10"}};
  connection.conninfo_ = "dbname=" + conninfo_value(database);
  for (const auto& [name, value] : target.keywords) {
    if (name == "dbname" || name == "application_name" || value.empty() || is_secret(name)) continue;
    connection.conninfo_ += " " + name + "=" + conninfo_value(value);
    if (const auto certificate = MemoryFile::descriptor_of(value)) connection.files_.push_back(*certificate);
  }
  connection.conninfo_ += " application_name='dbmigration/client'";

  const auto password = target.keywords.find("password");
  if (password == target.keywords.end() || password->second.empty()) return connection;
  auto file = MemoryFile::make("*:*:*:*:" + passfile_value(password->second) + "\n");
  if (!file) return file.error().during("a password file for the client program");
  connection.environment_["PGPASSFILE"] = file->path();
  connection.files_.push_back(file->descriptor());
  connection.password_ = std::move(*file);
  return connection;
}

ProcessSpec ClientConnection::process(std::vector<std::string> argv) const {
  ProcessSpec process;
  process.argv = std::move(argv);
  process.argv.push_back("--dbname=" + conninfo_);
  process.environment = environment_;
  process.keep_open = files_;
  return process;
}

Error client_failed(const std::string& program, int exit_code, const std::string& stderr_tail,
                    std::string_view reason) {
  Error error{ErrorKind::Terminal, std::string(reason),
              program + " ended with exit code " + std::to_string(exit_code), "ProducerFailed"};
  if (exit_code > 128) error.message = program + " was ended by signal " + std::to_string(exit_code - 128);
  error.server_message = stderr_tail;
  for (const Saying& saying : kSayings) {
    const auto at = stderr_tail.find(saying.part);
    if (at == std::string::npos) continue;
    error.kind = saying.kind;
    if (!saying.reason.empty()) error.reason = saying.reason;
    if (!saying.cause.empty()) error.cause = saying.cause;
    error.message += ": " + line_from(stderr_tail, at);
    break;
  }
  return error;
}

}  // namespace dbm::postgres
