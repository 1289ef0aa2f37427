#pragma once
/// libpqxx over a PGconn that belongs to somebody else.

#include <libpq-fe.h>

#include <pqxx/basic_connection>
#include <pqxx/connectionpolicy>

namespace dbm::postgres {

/// Hands out one connection, once, and never closes it.
class AdoptedPolicy final : public pqxx::connectionpolicy {
 public:
  explicit AdoptedPolicy(PGconn* connection) : pqxx::connectionpolicy(""), connection_(connection) {}
  handle do_startconnect(handle orig) override { return orig == nullptr ? connection_ : orig; }
  handle do_dropconnect(handle) noexcept override { return nullptr; }
  handle do_disconnect(handle) noexcept override { return nullptr; }

 private:
  PGconn* connection_;
};

/// libpqxx 6.4 opens a new session by itself after a lost connection, without the run lock (measured):
/// forbidden here.
class AdoptedConnection final {
 public:
  explicit AdoptedConnection(PGconn* connection);
  [[nodiscard]] pqxx::connection_base& base() { return connection_; }

 private:
  class Connection final : public pqxx::connection_base {
   public:
    explicit Connection(PGconn* connection) : pqxx::connection_base(policy_), policy_(connection) { init(); }
    ~Connection() noexcept { close(); }

   private:
    AdoptedPolicy policy_;
  };
  Connection connection_;
};

}  // namespace dbm::postgres
