#include "postgres/adopted_connection.h"

namespace dbm::postgres {

AdoptedConnection::AdoptedConnection(PGconn* connection) : connection_(connection) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  connection_.inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

}  // namespace dbm::postgres
