#pragma once
/// What the command line asked for, as plain values. parse.cpp fills them in; every verb reads the ones it
/// knows.

#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/units.h"

namespace dbm::cli {

enum class Output { Table, Json, Yaml };

/// docs/status.md#exit-codes. Of several objects the worst counts, which is not the largest (output.h,
/// worst).
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kNeedsPerson = 3,
  kCheckFailed = 4,
  kTimedOut = 5,
};

struct Options {
  std::string verb;  ///< "apply", "backup list", …

  // Objects and what they refer to.
  std::vector<std::string> files;    ///< -f: files or folders
  std::vector<std::string> secrets;  ///< NAME=KEY:@FILE, NAME=KEY:env:VAR
  std::string source_root;           ///< empty: the enclosing version-control root
  std::string status_dir;            ///< empty: beside the manifest

  // The operator's configuration: the file, then what flags and DBM_… say over it.
  std::string config;
  std::vector<std::string> stores;      ///< NAME=DIR
  std::vector<std::string> store_keys;  ///< NAME=@FILE
  std::optional<bool> allow_superuser;
  std::vector<std::string> allowed_hosts;
  std::string pg_binaries;  ///< "/usr/lib/postgresql/%/bin"; % is the server's major version
  std::string log_level;    ///< debug, info, warning, error; empty: as configured
  std::string log_format;   ///< text, json; empty: as configured

  Milliseconds timeout{std::chrono::minutes{10}};  ///< 0: for ever
  bool take_over = false;
  Output output = Output::Table;
  bool quiet = false;  ///< no progress

  // Arguments of single verbs.
  std::string name, description;  ///< create
  std::string directory;          ///< create --dir
  bool up_down = false;           ///< create --up-down
  std::string resolve_version;
  bool resolve_applied = false;
  bool again = false;        ///< resolve --again
  std::string backup_id;     ///< backup verify, restore; empty: the newest verified
  std::string verify_level;  ///< backup verify --level
  std::string into;          ///< restore --into
  int limit = 0;             ///< history --limit; 0: all
};

/// Either what to do, or the exit code and text that end the program (help, version, usage errors).
struct Parsed {
  std::optional<Options> options;
  int exit_code = kDone;
  std::string message;  ///< for standard output when exit_code is 0, else for standard error
};

Parsed parse(int argc, const char* const* argv);

/// The whole program: parses, runs the verb, answers with the exit code.
int run(int argc, const char* const* argv);

}  // namespace dbm::cli
