#pragma once
/// A pooler in front of one database, in both modes.

#include <optional>

#include "support/postgres_server.h"

namespace dbm::test {

struct PoolOptions {
  int size = 5;                  ///< server connections per database
  bool ignores_options = false;  ///< `options` are dropped silently; else refused, as 1.18 does
};

/// Its databases are named "transaction" and "session" after their pool mode; both lead to `database` as the
/// login of the tests. Dies with this process. Throws std::runtime_error.
class PgBouncer {
 public:
  explicit PgBouncer(const Database& database, const PoolOptions& options = {});

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] Address address(const std::string& mode) const { return {"127.0.0.1", port_, mode}; }
  [[nodiscard]] std::string url(const std::string& mode) const;

 private:
  Folder folder_;
  int port_;
  std::optional<Child> process_;
};

}  // namespace dbm::test
