#pragma once
/// Which server and database we talk to, and as whom.

#include <string>

#include "base/result.h"
#include "migration/engine.h"
#include "postgres/session.h"

namespace dbm::postgres {

struct Identity {
  int version_num = 0;            ///< 150018
  std::string version;            ///< "15.18"
  std::string system_identifier;  ///< empty where the server does not tell
  std::string timeline;           ///< eight hexadecimal digits
  std::string database, login;
  std::string database_time;  ///< RFC 3339
  int backend_pid = 0;        ///< as the server says; a pooler makes libpq believe another
  bool in_recovery = false, superuser = false, bypass_rls = false, may_create_schema = false;
};

/// One statement that answers all of it. Without the system identifier where `with_system` is false: the
/// right to ask for it can be taken away.
std::string identity_sql(bool with_system = true);
Identity read_identity(const Rows& rows);
/// One round trip (two where the system identifier is refused).
Result<Identity> ask_identity(Session& session, Deadline deadline, const std::stop_token& stop);

/// InvalidSpec/ServerTooOld below 14; Transient with cause ReadOnly on a standby.
Result<> refuse_server(const Identity& identity);
/// PermissionDenied/SuperuserLogin for a superuser or BYPASSRLS login, unless the target allows it: a script
/// can RESET ROLE to the login.
Result<> refuse_login(const Identity& identity, const migration::Target& target);

}  // namespace dbm::postgres
