#include "postgres/identity.h"

namespace dbm::postgres {
namespace {

// All names with their schema: a role may have any search_path. The timeline is that of the WAL being
// written; the control file still names the old one after a promotion, until the next checkpoint.
constexpr std::string_view kIdentity = R"sql(
SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_version'),
       pg_catalog.current_database(), session_user, pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(),
       pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       r.rolsuper, r.rolbypassrls,
       pg_catalog.has_database_privilege(session_user, pg_catalog.current_database(), 'CREATE'),
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN ''
            ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END,
       )sql";
constexpr std::string_view kFrom = " FROM pg_catalog.pg_roles r WHERE r.rolname = session_user";

}  // namespace

std::string identity_sql(bool with_system) {
  std::string sql{kIdentity};
  sql += with_system ? "(SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() c)" : "''";
  return sql += kFrom;
}

Identity read_identity(const Rows& rows) {
  Identity identity;
  if (rows.size() != 1) return identity;
  identity.version_num = static_cast<int>(rows.number(0, 0));
  identity.version = rows.text(0, 1).substr(0, rows.text(0, 1).find(' '));
  identity.database = rows.text(0, 2);
  identity.login = rows.text(0, 3);
  identity.backend_pid = static_cast<int>(rows.number(0, 4));
  identity.in_recovery = rows.boolean(0, 5);
  identity.database_time = rows.text(0, 6);
  identity.superuser = rows.boolean(0, 7);
  identity.bypass_rls = rows.boolean(0, 8);
  identity.may_create_schema = rows.boolean(0, 9);
  identity.timeline = rows.text(0, 10);
  identity.system_identifier = rows.text(0, 11);
  return identity;
}

Result<Identity> ask_identity(Session& session, Deadline deadline, const std::stop_token& stop) {
  auto rows = session.exec(identity_sql(), {}, deadline, stop);
  if (!rows && rows.error().sqlstate == "42501") rows = session.exec(identity_sql(false), {}, deadline, stop);
  if (!rows) return rows.error().during("ask the server who it is");
  return read_identity(*rows);
}

Result<> refuse_server(const Identity& identity) {
  if (identity.version_num < 140000)
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "the server is PostgreSQL " + identity.version + "; 14 or newer is needed", "ServerTooOld"};
  if (identity.in_recovery)
    return Error{ErrorKind::Transient, "ProgressingWithRetry", "the server is a standby (in recovery)",
                 "ReadOnly"};
  return {};
}

Result<> refuse_login(const Identity& identity, const migration::Target& target) {
  if (target.allow_superuser || (!identity.superuser && !identity.bypass_rls)) return {};
  Error error{ErrorKind::Terminal, "PermissionDenied",
              "the login " + quote_ident(identity.login) +
                  (identity.superuser ? " is a superuser" : " has BYPASSRLS"),
              "SuperuserLogin"};
  error.remedy =
      "connect as a role without SUPERUSER and BYPASSRLS that owns the objects, or set allowSuperuser in the "
      "operator's configuration";
  return error;
}

}  // namespace dbm::postgres
