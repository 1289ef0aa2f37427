#pragma once
/// PostgreSQL's own client programs, chosen by the server's major version, and what they need to connect.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/memory_file.h"
#include "base/process.h"
#include "base/result.h"
#include "migration/engine.h"

namespace dbm::postgres {

/// Where the programs of a major version lie; '%' stands for the major. Set once at start, before any thread.
void set_client_pattern(std::string pattern);

struct ClientTool {
  std::string path;     ///< "/usr/lib/postgresql/15/bin/pg_dump"
  std::string version;  ///< "15.18", as the program says of itself
};
/// `program` of the server's major or, where that is missing, the next newer one; never an older one.
/// Terminal/BackupFailed/ClientTooOld naming the folder looked in.
Result<ClientTool> find_client(const std::string& program, int server_version_num);

/// How a child connects: a conninfo without any secret for its arguments, the password in a file in memory
/// that goes with this value and the child. Certificates are handed on as the files in memory that they are.
class ClientConnection {
 public:
  static Result<ClientConnection> make(const migration::Target& target, const std::string& database);

  /// "--dbname=…" with all that a child needs of us: environment and open files. Keep this value until the
  /// child has ended.
  [[nodiscard]] ProcessSpec process(std::vector<std::string> argv) const;

 private:
  ClientConnection() = default;

  std::string conninfo_;
  std::map<std::string, std::string> environment_;
  std::optional<MemoryFile> password_;
  std::vector<int> files_;
};

/// What a client program's standard error says, in words that cannot hold a value of a row.
Error client_failed(const std::string& program, int exit_code, const std::string& stderr_tail,
                    std::string_view reason);

}  // namespace dbm::postgres
