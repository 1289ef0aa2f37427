#include "postgres/pqxx_query.h"

#include <pqxx/except>
#include <pqxx/nontransaction>

#include "postgres/sqlstate.h"

namespace dbm::postgres {

Result<pqxx::result> query_with_pqxx(Session& session, const std::string& sql) {
  if (session.lost()) return connection_lost();
  try {
    pqxx::nontransaction transaction{session.pqxx()};
    return transaction.exec(sql);
  } catch (const pqxx::broken_connection&) {
    return session.lose();
  } catch (const pqxx::sql_error& failure) {
    // Of the report libpqxx keeps only text, which may hold values: the SQLSTATE has to do.
    ServerError error;
    error.sqlstate = failure.sqlstate();
    error.server_message = failure.what();
    error.has_context = true;
    return translate(error, "ApplyFailed");
  } catch (const std::exception&) {
    return session.lose();
  }
}

}  // namespace dbm::postgres
