#include "postgres/preflight.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "postgres/blockers.h"
#include "postgres/client_tools.h"
#include "postgres/content.h"
#include "postgres/sql_words.h"
#include "script/statements.h"

namespace dbm::postgres {
namespace {

constexpr int kOldestServer = 140'000;

// Membership that allows SET ROLE: its own option since 16.
constexpr const char* kRights = R"sql(
SELECT r.rolsuper, r.rolbypassrls, SESSION_USER::text, pg_catalog.current_database()::text,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       (SELECT pg_catalog.pg_get_userbyid(nspowner)::text FROM pg_catalog.pg_namespace WHERE nspname = $1),
       (SELECT oid IS NOT NULL FROM pg_catalog.pg_roles WHERE rolname = $2),
       (SELECT pg_catalog.pg_has_role(SESSION_USER, oid, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = $2),
       pg_catalog.pg_database_size(pg_catalog.current_database()),
       pg_catalog.pg_has_role(SESSION_USER, 'pg_read_all_stats', 'USAGE')
FROM pg_catalog.pg_roles r WHERE r.rolname = SESSION_USER
)sql";

// Tables as scripts write them, and whether the role owns them (superusers and members of the owner do).
constexpr const char* kOwners = R"sql(
SELECT pg_catalog.pg_get_userbyid(c.relowner)::text, pg_catalog.pg_has_role($2, c.relowner, 'USAGE')
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)
)sql";

Error denied(std::string message, std::string remedy, std::string cause = "InsufficientPrivilege") {
  Error error{ErrorKind::Terminal, "PermissionDenied", std::move(message), std::move(cause)};
  error.remedy = std::move(remedy);
  return error;
}

Result<> judge_login(const Rows& row, const migration::Target& target) {
  const std::string login(row.text(0, 2));
  if (target.allow_superuser) return {};
  const char* what = row.boolean(0, 0)   ? "a superuser"
                     : row.boolean(0, 1) ? "allowed to bypass row security"
                                         : nullptr;
  if (what == nullptr) return {};
  return denied("login " + login + " is " + what + ": a script could do anything to the whole server",
                "use a login that owns the ledger and is a member of the tables' owner, or set "
                "allowSuperuser in the operator's configuration",
                "SuperuserLogin");
}

Result<> judge_rights(const Rows& row, const migration::Target& target) {
  const std::string login(row.text(0, 2)), database(row.text(0, 3));
  if (row.is_null(0, 5) && !row.boolean(0, 4))
    return denied(
        "login " + login + " may not create schema " + target.ledger_schema + " in database " + database,
        "GRANT CREATE ON DATABASE " + quote_ident(database) + " TO " + quote_ident(login));
  if (target.role.empty()) return {};
  if (row.is_null(0, 6))
    return denied("role " + target.role + " (spec.role) does not exist",
                  "create it, or name another in spec.role");
  if (!row.boolean(0, 7))
    return denied("login " + login + " may not SET ROLE " + target.role,
                  "GRANT " + quote_ident(target.role) + " TO " + quote_ident(login));
  return {};
}

/// Tables whose definition a pending statement changes, with the script that does.
std::map<std::string, std::string> altered_tables(const migration::Plan& plan) {
  std::map<std::string, std::string> tables;
  for (const auto& pending : plan.pending)
    for (const auto& named : pending.analysis.named) {
      const auto words = sql_words(named.text, 12);
      WordReader reader{words};
      std::string table;
      if (reader.take({"alter", "table"}) || reader.take({"drop", "table"}))
        table = reader.take_name();
      else if (named.what.kind.starts_with("CREATE INDEX"))
        table = named.what.relation;
      if (!table.empty()) tables.emplace(table, pending.script.forward.name);
    }
  return tables;
}

/// Who owns each of the tables, in one round trip; a name the server cannot read has no answer.
Result<std::vector<std::optional<Rows>>> ask_owners(Session& session,
                                                    const std::map<std::string, std::string>& tables,
                                                    const std::string& role, Deadline deadline,
                                                    const std::stop_token& stop) {
  std::vector<std::optional<Rows>> answers;
  std::vector<std::string> steps;
  for (const auto& [table, script] : tables) {
    std::string sql = kOwners;
    for (const auto& [mark, value] : {std::pair{"$1", &table}, std::pair{"$2", &role}})
      sql.replace(sql.find(mark), 2, quote_literal(*value));
    steps.push_back(std::move(sql));
  }
  for (std::span<const std::string> rest = steps; !rest.empty();) {
    auto answer = session.pipeline(rest, deadline, stop);
    if (answer.error && answer.error->kind != ErrorKind::Terminal) return *answer.error;
    rest = rest.subspan(answer.rows.size() + (answer.error ? 1 : 0));
    for (Rows& rows : answer.rows) answers.emplace_back(std::move(rows));
    if (answer.error) answers.emplace_back(std::nullopt);
  }
  return answers;
}

/// A table that is not there may come from an earlier script: nothing is said about it.
Result<> judge_ownership(Session& session, const migration::Plan& plan, const std::string& role,
                         Deadline deadline, const std::stop_token& stop) {
  const auto tables = altered_tables(plan);
  const auto answers = ask_owners(session, tables, role, deadline, stop);
  if (!answers) return answers.error();
  std::size_t at = 0;
  for (const auto& [table, script] : tables) {
    const auto& rows = (*answers)[at++];
    if (!rows || rows->size() == 0 || rows->boolean(0, 1)) continue;
    const std::string owner(rows->text(0, 0));
    Error error =
        denied(script + " changes table " + table + ", which belongs to " + owner + ": " + role +
                   " is no member of it",
               "set spec.role to " + owner + ", or GRANT " + quote_ident(owner) + " TO " + quote_ident(role));
    error.at.file = script;
    return error;
  }
  return {};
}

/// Locks that a statement takes and keeps to the end of its transaction, at least: on what it makes or
/// changes, and on what a new table brings along.
int locks_taken(std::string_view statement) {
  const auto words = sql_words(statement, 400);
  if (words.empty()) return 0;
  const bool creates = words[0].is("create");
  if (!creates && !words[0].is("alter") && !words[0].is("drop")) return 0;
  const auto counts = [&](std::initializer_list<const char*> any) {
    return static_cast<int>(std::ranges::count_if(words, [&](const SqlWord& word) {
      return std::ranges::any_of(any, [&](const char* one) { return word.is(one); });
    }));
  };
  constexpr std::size_t kHead = 4;  // CREATE [GLOBAL TEMPORARY] TABLE, CREATE UNIQUE INDEX
  const auto makes = [&](const char* kind) {
    for (std::size_t i = 1; i < std::min(kHead, words.size()); ++i)
      if (words[i].is(kind)) return true;
    return false;
  };
  if (makes("index") || makes("sequence") || makes("view")) return 1;
  if (!makes("table")) return 0;
  if (!creates) return 1;
  const int toast = counts({"text", "json", "jsonb", "bytea", "xml"}) > 0 ? 2 : 0;
  return 1 + toast + counts({"primary", "unique"}) + counts({"serial", "bigserial", "identity"});
}

Result<std::int64_t> locks_of(const migration::PendingScript& pending) {
  auto reader = script::StatementReader::open(pending.script.forward, pending.analysis.wrapped);
  if (!reader) return reader.error();
  std::set<std::string, std::less<>> changed;  // a second ALTER of a table takes no second lock
  std::int64_t locks = 0;
  while (true) {
    const auto next = reader->next();
    if (!next) return next.error();
    if (*next == nullptr) return locks;
    const int taken = locks_taken((*next)->text);
    if (taken > 1 || (taken == 1 && changed.emplace((*next)->text.substr(0, 100)).second)) locks += taken;
    for (bool more = (*next)->copy_from_stdin; more;) {
      const auto rows = reader->next_rows();
      if (!rows) return rows.error();
      more = !rows->empty();
    }
  }
}

/// One transaction for everything keeps every lock to its end, and the server's table of locks is of a fixed
/// size.
Result<> judge_locks(Session& session, const migration::Spec& spec, const migration::Plan& plan,
                     Deadline deadline, const std::stop_token& stop) {
  if (spec.apply.transaction != migration::ApplyTransaction::AllPending) return {};
  const auto room = session.exec(
      "SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint * "
      "(pg_catalog.current_setting('max_connections')::bigint + "
      "pg_catalog.current_setting('max_prepared_transactions')::bigint)",
      deadline, stop);
  if (!room) return room.error();
  std::int64_t locks = 0;
  for (const auto& pending : plan.pending) {
    const auto more = locks_of(pending);
    if (!more) return more.error();
    locks += *more;
  }
  if (locks <= room->number(0, 0)) return {};
  return Error{ErrorKind::Terminal, "InvalidSpec",
               "apply.transaction AllPending: what is pending takes at least " + std::to_string(locks) +
                   " locks in one transaction, and the server has room for " +
                   std::to_string(room->number(0, 0)) +
                   " (max_locks_per_transaction × (max_connections + max_prepared_transactions))",
               "InvalidValue"}
      .with_remedy(
          "set apply.transaction: PerScript, raise max_locks_per_transaction, or go in steps with "
          "targetVersion");
}

/// What the backup needs: programs of the server's version, and the right to read every table.
Result<> judge_backup(Session& session, const migration::Spec& spec, Deadline deadline,
                      const std::stop_token& stop) {
  if (spec.backup.method == migration::BackupMethod::None) return {};
  for (const char* program : {"pg_dump", "pg_restore"})
    if (const auto tool = find_client(program, session.server_version()); !tool) return tool.error();
  const auto tables = list_tables(session, deadline, stop);
  return tables ? Result<>{} : tables.error();
}

}  // namespace

Result<migration::Preflight> look_first(Session& session, const migration::Target& target,
                                        const migration::Spec& spec, const migration::Plan& plan,
                                        Deadline deadline, const std::stop_token& stop) {
  if (session.server_version() < kOldestServer)
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "the server is PostgreSQL " + std::to_string(session.server_version() / 10'000) +
                     "; 14 is the oldest that is supported",
                 "ServerTooOld"};
  const std::array<Param, 2> params{target.ledger_schema, target.role};
  const auto rights = session.exec(kRights, params, deadline, stop);
  if (!rights) return rights.error();
  if (auto judged = judge_login(*rights, target); !judged) return judged.error();
  if (auto judged = judge_rights(*rights, target); !judged) return judged.error();
  const std::string role = target.role.empty() ? std::string(rights->text(0, 2)) : target.role;
  if (auto judged = judge_ownership(session, plan, role, deadline, stop); !judged) return judged.error();
  if (auto judged = judge_locks(session, spec, plan, deadline, stop); !judged) return judged.error();
  if (auto judged = judge_backup(session, spec, deadline, stop); !judged) return judged.error();

  migration::Preflight found;
  found.database_bytes = static_cast<std::uint64_t>(rights->number(0, 8));
  if (!rights->boolean(0, 9))
    found.warnings.push_back("states and ages of other sessions are hidden: GRANT pg_read_all_stats TO " +
                             quote_ident(std::string(rights->text(0, 2))) + " shows who holds a lock");
  auto blockers = find_blockers(session, deadline, stop);
  if (!blockers) return blockers.error();
  found.blockers = std::move(*blockers);
  return found;
}

}  // namespace dbm::postgres
