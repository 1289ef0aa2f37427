#include "support/postgres_server.h"

#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace dbm::test {
namespace fs = std::filesystem;
namespace {

std::string quoted(const std::string& value) {
  std::string result = "'";
  for (const char c : value) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

void must_succeed(const ChildSpec& spec, const std::string& what) {
  const auto finished = run(spec);
  if (finished.exit_code != 0) throw std::runtime_error(what + ": " + finished.out + finished.err);
}

fs::path bin_of(int major) {
  if (major == 15) return "/usr/lib/postgresql/15/bin";
  return cache_folder() / "postgresql" / std::to_string(major) / "bin";
}

}  // namespace

fs::path cache_folder() {
  if (const char* named = std::getenv("DBM_CACHE"); named != nullptr && *named != '\0') return named;
  if (::geteuid() == 0) return "/var/cache/dbm";
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0')
    return fs::path(cache) / "dbm";
  const char* home = std::getenv("HOME");
  return fs::path(home == nullptr ? "/nonexistent" : home) / ".cache/dbm";
}

std::vector<std::string> as_postgres(std::vector<std::string> argv, bool dies_with_us) {
  std::vector<std::string> front{"/usr/bin/setpriv"};
  if (::geteuid() == 0) front.insert(front.end(), {"--reuid=postgres", "--regid=postgres", "--clear-groups"});
  if (dies_with_us) front.insert(front.end(), {"--pdeathsig", "QUIT"});  // immediate shutdown
  if (front.size() == 1) return argv;
  front.emplace_back("--");
  front.insert(front.end(), argv.begin(), argv.end());
  return front;
}

void give_to_postgres(const fs::path& folder) {
  if (::geteuid() != 0) return;
  const passwd* user = ::getpwnam("postgres");
  if (user == nullptr) throw std::runtime_error("there is no user postgres: run tools/setup.sh test");
  const auto give = [&](const fs::path& path) {
    if (::lchown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
      throw std::runtime_error("chown " + path.string());
  };
  give(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) give(entry.path());
}

PostgresServer::PostgresServer(StandbyOf, const ServerOptions& options)
    : options_(options), folder_("dbm-pg"), port_(free_port()) {
  if (!fs::exists(bin() / "postgres")) {
    throw std::runtime_error("PostgreSQL " + std::to_string(options_.major) + " is not in " + bin().string() +
                             ": run tools/setup.sh test");
  }
  fs::create_directory(folder_.path() / "s");
  give_to_postgres(folder_.path());
}

PostgresServer::PostgresServer(const ServerOptions& options) : PostgresServer(StandbyOf{}, options) {
  const auto data = folder_.path() / "data";
  must_succeed({.argv = as_postgres({bin() / "initdb", "-D", data, "-U", "postgres", "-A", "trust",
                                     "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"}),
                .environment = {{"LC_ALL", "C.UTF-8"}}},
               "initdb");
  if (options_.tls) make_certificate();
  configure({});
  start();
  Session session(address());
  session("CREATE ROLE app LOGIN PASSWORD " + quoted(std::string(kPassword)));
}

PostgresServer::~PostgresServer() { end(SIGQUIT); }

PostgresServer& PostgresServer::shared(int major) {
  static std::map<int, std::unique_ptr<PostgresServer>> servers;
  auto& server = servers[major];
  if (!server) server = std::make_unique<PostgresServer>(ServerOptions{.major = major});
  return *server;
}

fs::path PostgresServer::bin() const { return bin_of(options_.major); }

// The last line of a setting wins, so what a test asks for comes last.
void PostgresServer::configure(const std::string& more) {
  std::ofstream conf(folder_.path() / "data/postgresql.conf", std::ios::app);
  conf << "listen_addresses = '127.0.0.1'\nport = " << port_ << "\nunix_socket_directories = '"
       << socket_folder().string()
       << "'\nshared_buffers = 32MB\nwal_level = logical\nmax_wal_senders = 8\nmax_replication_slots = 8\n"
       << "max_prepared_transactions = 8\nlog_statement = ddl\nlog_min_messages = warning\n"
       << "lc_messages = 'C'\ntimezone = 'UTC'\n";
  if (!options_.durable) conf << "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";
  if (options_.tls) {
    conf << "ssl = on\nssl_cert_file = " << quoted(ca_file())
         << "\nssl_key_file = " << quoted((folder_.path() / "server.key").string()) << "\n";
  }
  for (const auto& [name, value] : options_.settings) conf << name << " = " << quoted(value) << "\n";
  conf << more;
  std::ofstream hba(folder_.path() / "data/pg_hba.conf", std::ios::trunc);
  hba << "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhost replication postgres "
         "127.0.0.1/32 trust\n"
      << "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n";
}

void PostgresServer::make_certificate() const {
  must_succeed({.argv = {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                         folder_.path() / "server.key", "-out", ca_file()},
                .environment = {}},
               "openssl");
  give_to_postgres(folder_.path());
}

void PostgresServer::start() {
  process_.emplace(
      Child::start({.argv = as_postgres({bin() / "postgres", "-D", folder_.path() / "data"}, true),
                    .environment = {{"LC_ALL", "C.UTF-8"}}}));
  const auto answers = [this] {
    if (!process_->running()) throw std::runtime_error("the server ended at once: " + log());
    try {
      Session session(address());
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  if (!eventually(answers, std::chrono::seconds{60}))
    throw std::runtime_error("the server does not answer: " + log());
}

void PostgresServer::end(int signal) {
  if (!process_) return;
  process_->signal(signal);
  last_log_ = process_->wait(std::chrono::seconds{60}).err;
  process_.reset();
}

void PostgresServer::stop() { end(SIGINT); }
void PostgresServer::stop_immediate() { end(SIGQUIT); }

std::string PostgresServer::log() const { return process_ ? process_->err_so_far() : last_log_; }

std::string PostgresServer::sql(const std::string& text) const { return Session(address())(text); }

void PostgresServer::set(const std::string& name, const std::string& value) {
  Session session(address());
  const auto before = session("SELECT pg_conf_load_time()");
  session("ALTER SYSTEM SET " + name + " = " + quoted(value));
  session("SELECT pg_reload_conf()");
  // A session that starts after the postmaster has read its files again has the new value.
  if (!eventually([&] { return Session(address())("SELECT pg_conf_load_time()") != before; })) {
    throw std::runtime_error("setting " + name + " does not take effect");
  }
}

std::string PostgresServer::unique_name() { return "t" + std::to_string(++databases_); }

Database PostgresServer::fresh_database(const std::string& template_name) {
  Database database(*this, unique_name());
  sql("CREATE DATABASE " + database.name() + " OWNER app TEMPLATE " + template_name);
  return database;
}

std::string PostgresServer::make_template(const std::string& name, const std::string& text) {
  if (templates_[name]) return name;
  sql("CREATE DATABASE " + name + " OWNER app");
  Session(address(name), kLogin)(text);
  templates_[name] = true;
  return name;
}

std::unique_ptr<PostgresServer> PostgresServer::make_standby(const std::string& name) {
  std::unique_ptr<PostgresServer> standby(new PostgresServer(StandbyOf{}, options_));
  const std::string primary =
      "host=127.0.0.1 port=" + std::to_string(port_) + " user=postgres application_name=" + name;
  must_succeed(
      {.argv = as_postgres({bin() / "pg_basebackup", "-d", primary, "-D", standby->folder_.path() / "data",
                            "-X", "stream", "-c", "fast", "-R", "-C", "-S", name, "--no-sync"}),
       .environment = {}},
      "pg_basebackup");
  // Since 15 the backup writes the application name into primary_conninfo as given; ours comes last and wins.
  standby->configure({});
  std::ofstream(standby->folder_.path() / "data/postgresql.auto.conf", std::ios::app)
      << "primary_conninfo = '" << primary << "'\nsynchronous_standby_names = ''\n";
  standby->start();
  const std::string connected =
      "SELECT count(*) FROM pg_stat_replication WHERE application_name = " + quoted(name);
  if (!eventually([&] { return sql(connected) == "1"; }))
    throw std::runtime_error("the standby does not connect");
  return standby;
}

void PostgresServer::promote() { sql("SELECT pg_promote(true, 30)"); }

Database::Database(Database&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)), name_(std::move(other.name_)) {}

Database::~Database() {
  if (server_ == nullptr) return;
  try {
    std::string quoted_name;
    for (const char c : name_) quoted_name += c == '"' ? std::string("\"\"") : std::string(1, c);
    server_->sql("DROP DATABASE IF EXISTS \"" + quoted_name + "\" WITH (FORCE)");
  } catch (const std::runtime_error&) {
    // The server was stopped by the test; its folder goes with it.
  }
}

Address Database::address() const { return server_->address(name_); }

std::string Database::url(std::optional<int> port, std::string_view user) const {
  const std::string password = user == "postgres" ? "" : ":" + std::string(kPassword);
  return "postgres://" + std::string(user) + password +
         "@127.0.0.1:" + std::to_string(port.value_or(server_->port())) + "/" + name_;
}

}  // namespace dbm::test
