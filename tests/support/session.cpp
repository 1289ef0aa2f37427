#include <poll.h>

#include <stdexcept>

#include "support/postgres_server.h"

namespace dbm::test {
namespace {

std::string as_text(const PGresult* result) {
  std::string text;
  for (int row = 0; row < PQntuples(result); ++row) {
    if (row > 0) text += '\n';
    for (int column = 0; column < PQnfields(result); ++column) {
      if (column > 0) text += '|';
      text += PQgetvalue(result, row, column);
    }
  }
  return text;
}

}  // namespace

Session::Session(const Address& address, std::string_view user) : connection_(nullptr, &PQfinish) {
  const std::string port = std::to_string(address.port);
  const std::string login(user);
  const std::string password = user == "postgres" ? "" : std::string(kPassword);
  const char* const keywords[] = {
      "host", "port", "dbname", "user", "password", "application_name", "connect_timeout", nullptr};
  const char* const values[] = {address.host.c_str(),
                                port.c_str(),
                                address.database.c_str(),
                                login.c_str(),
                                password.c_str(),
                                "dbm-test",
                                "10",
                                nullptr};
  connection_.reset(PQconnectdbParams(keywords, values, 0));
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
}

std::string Session::operator()(const std::string& text) {
  send(text);
  return finish();
}

void Session::send(const std::string& text) {
  if (PQsendQuery(connection_.get(), text.c_str()) == 0)
    throw std::runtime_error(PQerrorMessage(connection_.get()));
}

std::string Session::finish() {
  std::string last, error;
  while (PGresult* raw = PQgetResult(connection_.get())) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(raw, &PQclear);
    const auto status = PQresultStatus(raw);
    if (status == PGRES_FATAL_ERROR && error.empty()) error = PQresultErrorMessage(raw);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) last = as_text(raw);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) throw std::runtime_error("COPY needs psql");
  }
  if (!error.empty()) throw std::runtime_error(error);
  return last;
}

int Session::backend_pid() const { return PQbackendPID(connection_.get()); }

std::string sql(const Database& database, const std::string& text) {
  return Session(database.address())(text);
}

}  // namespace dbm::test
