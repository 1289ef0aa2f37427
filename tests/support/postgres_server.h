#pragma once
/// A throw-away PostgreSQL server, and databases in it.

#include <libpq-fe.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/child.h"

namespace dbm::test {

/// The login of the tests: no superuser, owns its databases. Its password is a canary: World fails a test
/// that shows it.
inline constexpr std::string_view kLogin = "app";
inline constexpr std::string_view kPassword = "canary-7f3a-password";

/// What one needs to reach a database.
struct Address {
  std::string host = "127.0.0.1";
  int port = 0;
  std::string database;
};

/// One open connection. Throws std::runtime_error with the server's words when a statement fails.
class Session {
 public:
  /// As superuser (needs no password) unless `user` says otherwise; the login's password is known.
  explicit Session(const Address& address, std::string_view user = "postgres");
  /// Runs all statements of the text; the rows of the last as `psql -At` prints them: columns by |, rows by
  /// newline.
  std::string operator()(const std::string& text);
  /// Sends and does not wait; for statements that will hang. `finish` reads what came of it.
  void send(const std::string& text);
  std::string finish();
  [[nodiscard]] int backend_pid() const;

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

class PostgresServer;

/// A database of its own for one test, dropped at the end. Must not outlive its server.
class Database {
 public:
  Database(PostgresServer& server, std::string name) : server_(&server), name_(std::move(name)) {}
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Address address() const;
  [[nodiscard]] PostgresServer& server() const { return *server_; }
  /// For the `url` key of a Secret; through a proxy when `port` is given.
  [[nodiscard]] std::string url(std::optional<int> port = {}, std::string_view user = kLogin) const;

 private:
  PostgresServer* server_;
  std::string name_;
};

/// One statement or several in a connection of their own, as superuser; see Session.
std::string sql(const Database& database, const std::string& text);

struct ServerOptions {
  int major = 15;        ///< 15 from Debian's package; 16, 17, 18 from the cache of tools/setup.sh
  bool durable = false;  ///< fsync and synchronous_commit on, for crash tests of the server itself
  bool tls = false;      ///< a self-signed certificate for localhost; `ca_file` names it
  std::map<std::string, std::string> settings = {};  ///< more lines of postgresql.conf, values quoted by us
};

/// A server of the given major on a free port, run by user postgres when we are root. It dies with this
/// process, however that ends. Not thread-safe; start it on a thread that lives as long. Throws
/// std::runtime_error.
class PostgresServer {
 public:
  explicit PostgresServer(const ServerOptions& options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// One per major and test program, made when first asked for, stopped when the program ends.
  static PostgresServer& shared(int major = 15);

  /// A new database owned by the login, a copy of `template_name`. About 70 ms.
  Database fresh_database(const std::string& template_name = "template1");
  /// Makes a template once per server: an empty database owned by the login, then `text` run by the login.
  std::string make_template(const std::string& name, const std::string& text);

  void start();
  void stop();                                                  ///< fast
  void stop_immediate();                                        ///< as a crash of the machine would
  void set(const std::string& name, const std::string& value);  ///< ALTER SYSTEM; new sessions have it

  /// A streaming standby of this server, with its own port and folder.
  std::unique_ptr<PostgresServer> make_standby(const std::string& name);
  void promote();

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int major() const { return options_.major; }
  [[nodiscard]] std::filesystem::path bin() const;  ///< where its client programs lie too
  [[nodiscard]] std::filesystem::path socket_folder() const { return folder_.path() / "s"; }
  [[nodiscard]] std::filesystem::path ca_file() const { return folder_.path() / "server.crt"; }
  [[nodiscard]] std::string log() const;
  [[nodiscard]] Address address(const std::string& database = "postgres") const {
    return {"127.0.0.1", port_, database};
  }
  std::string sql(const std::string& text) const;  ///< in database postgres

 private:
  struct StandbyOf {};
  PostgresServer(StandbyOf, const ServerOptions& options);
  void configure(const std::string& more);
  void make_certificate() const;
  void end(int signal);
  std::string unique_name();

  ServerOptions options_;
  Folder folder_;
  int port_ = 0;
  int databases_ = 0;
  std::map<std::string, bool> templates_;
  std::optional<Child> process_;
  std::string last_log_;
};

/// Where tools/setup.sh keeps what Debian does not have.
std::filesystem::path cache_folder();
/// Puts in front of a command what makes it run as user postgres when we are root.
std::vector<std::string> as_postgres(std::vector<std::string> argv, bool dies_with_us = false);
/// Folder and contents get their owner changed to that user.
void give_to_postgres(const std::filesystem::path& folder);

}  // namespace dbm::test
