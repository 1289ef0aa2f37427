#include "support/pgbouncer.h"

#include <stdexcept>

namespace dbm::test {
namespace {

std::filesystem::path program() {
  const auto path = cache_folder() / "pgbouncer/usr/sbin/pgbouncer";
  if (std::filesystem::exists(path)) return path;
  throw std::runtime_error("pgbouncer is not there: run tools/setup.sh test");
}

}  // namespace

PgBouncer::PgBouncer(const Database& database, const PoolOptions& options)
    : folder_("dbm-pgb"), port_(free_port()) {
  const auto server = database.address();
  const std::string target = "host=127.0.0.1 port=" + std::to_string(server.port) +
                             " dbname=" + server.database + " user=" + std::string(kLogin) +
                             " password=" + std::string(kPassword);
  write_file(
      folder_.path() / "ini",
      "[databases]\ntransaction = " + target + " pool_mode=transaction\nsession = " + target +
          " pool_mode=session\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " + std::to_string(port_) +
          "\nunix_socket_dir =\nauth_type = any\ndefault_pool_size = " + std::to_string(options.size) +
          "\nserver_tls_sslmode = disable\n" +
          (options.ignores_options ? "ignore_startup_parameters = options\n" : ""));
  give_to_postgres(folder_.path());
  process_.emplace(
      Child::start({.argv = as_postgres({program(), folder_.path() / "ini"}, true), .environment = {}}));
  const auto answers = [this] {
    if (!process_->running()) throw std::runtime_error("pgbouncer ended at once: " + process_->err_so_far());
    try {
      Session session(address("session"), kLogin);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  if (!eventually(answers)) throw std::runtime_error("pgbouncer does not answer: " + process_->err_so_far());
}

std::string PgBouncer::url(const std::string& mode) const {
  return "postgres://" + std::string(kLogin) + ":" + std::string(kPassword) +
         "@127.0.0.1:" + std::to_string(port_) + "/" + mode;
}

}  // namespace dbm::test
