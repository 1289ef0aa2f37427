#include "postgres/pooler.h"

namespace dbm::postgres {
namespace {

using std::chrono::seconds;

// The lock wait of our own steps (the fence row behind an open transaction); a script's statements set their
// own.
constexpr const char* kOwnLockTimeout = "30s";

Error transaction_pooling() {
  return Error{ErrorKind::Terminal, "PoolerDetected",
               "a pooler in transaction mode stands between us and the server", "TransactionPooling"}
      .with_remedy("connect to the server itself, or to a pool in session mode");
}

bool is_unanswered(const Error& error) {
  return error.failure_reason() == "Timeout" || error.failure_reason() == "ConnectionLost";
}

Result<std::int64_t> backend_of(Session& session, Deadline deadline, const std::stop_token& stop) {
  const auto rows = session.exec("SELECT pg_catalog.pg_backend_pid()", {}, deadline, stop);
  if (!rows) return rows.error();
  return rows->number(0, 0);
}

bool over_unix_socket(const migration::Target& target) {
  const auto host = target.keywords.find("host");
  return host != target.keywords.end() && (host->second.starts_with('/') || host->second.starts_with('@'));
}

}  // namespace

std::map<std::string, std::string> run_settings(RunRole role, int version_num) {
  std::map<std::string, std::string> settings{
      {"lock_timeout", kOwnLockTimeout},
      {"statement_timeout", "0"},
      {"idle_in_transaction_session_timeout", "10s"},
      // The watch holds no lock, and nothing may have to be asked of it for hours.
      {"idle_session_timeout", role == RunRole::Work ? "1min" : "0"},
      {"client_connection_check_interval", "2s"},
      {"tcp_keepalives_idle", "10"},
      {"tcp_keepalives_interval", "5"},
      {"tcp_keepalives_count", "3"},
      {"tcp_user_timeout", "30000"},
  };
  if (version_num >= 170000) settings["transaction_timeout"] = "0";
  return settings;
}

std::string read_back_sql(const std::map<std::string, std::string>& settings) {
  std::string sql;
  for (const auto& [name, value] : settings)
    sql += (sql.empty() ? "SELECT " : ", ") + ("pg_catalog.current_setting(" + quote_literal(name) + ")");
  return sql;
}

bool arrived(const Rows& read_back, const std::map<std::string, std::string>& settings,
             const migration::Target& target) {
  int column = 0;
  for (const auto& [name, value] : settings) {
    const bool expected = read_back.text(0, column++) == value;
    if (!expected && !(name.starts_with("tcp_") && over_unix_socket(target))) return false;
  }
  return true;
}

std::string set_sql(const std::map<std::string, std::string>& settings) {
  std::string sql;
  for (const auto& [name, value] : settings)
    sql += (sql.empty() ? "SELECT " : ", ") +
           ("pg_catalog.set_config(" + quote_literal(name) + ", " + quote_literal(value) + ", false)");
  return sql;
}

Result<Session> connect_with_settings(const migration::Target& target, const std::string& application_name,
                                      const std::map<std::string, std::string>& settings, bool& refused,
                                      Deadline deadline, const std::stop_token& stop) {
  if (!refused) {
    auto session = Session::connect(target, {application_name, settings}, deadline, stop);
    if (session || session.error().sqlstate != "08P01") return session;
    refused = true;
  }
  return Session::connect(target, {application_name, {}}, deadline, stop);
}

Result<> prove_session_mode(Session& session, const migration::Target& target, Deadline deadline,
                            const std::stop_token& stop) {
  const auto before = backend_of(session, deadline, stop);
  if (!before) return before.error();
  auto second = Session::connect(target, {"dbmigration/pooler-probe", {}}, deadline, stop);
  if (!second) return second.error().during("prove the pooler's mode");
  const auto begun = second->exec("BEGIN", {}, deadline.earlier(Deadline::after(seconds{5})), stop);
  if (!begun && is_unanswered(begun.error()))
    return Error{ErrorKind::Transient, "ProgressingWithRetry",
                 "the pooler has no second connection for us (two are needed)", "TooManyConnections"};
  if (!begun) return begun.error();
  const auto others = backend_of(*second, deadline, stop);
  if (!others) return others.error();

  const auto after = backend_of(session, deadline.earlier(Deadline::after(seconds{5})), stop);
  if (!after && !is_unanswered(after.error())) return after.error();
  if (!after || *after != *before || *others == *before) return transaction_pooling();
  const auto ended = second->exec("ROLLBACK", {}, deadline, stop);
  return ended ? Result<>{} : Result<>{ended.error()};
}

}  // namespace dbm::postgres
