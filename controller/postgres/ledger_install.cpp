#include "postgres/ledger_install.h"

#include "base/digest.h"
#include "base/inject.h"
#include "postgres/ledger_scripts.h"

namespace dbm::postgres {
namespace {

// The bodies of the functions are ours, known to compile; compiling them here as well would be a tenth of the
// whole.
const std::string kBegin =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL "
    "check_function_bodies = off;\n";

std::string record_version(const std::string& schema, int version) {
  return ";\nINSERT INTO " + quote_ident(schema) + ".ledger_version (version) VALUES (" +
         std::to_string(version) + ");\n";
}

std::string insert_fence(const std::string& schema, const std::string& ledger_id, const Identity& identity,
                         const migration::Owner& owner) {
  std::string sql = "INSERT INTO " + quote_ident(schema) +
                    ".fence (ledger_id, owner_cluster, owner_namespace, owner_name, system_identifier, "
                    "timeline, database) VALUES (";
  sql += quote_literal(ledger_id);
  for (const auto* value : {&owner.cluster_id, &owner.namespace_, &owner.name, &identity.system_identifier,
                            &identity.timeline, &identity.database})
    sql += ", " + quote_literal(*value);
  return sql + ")";
}

/// The transaction's body, then its COMMIT alone: what runs before it is undone by an error, and the reply
/// says which.
Result<> run_transaction(Session& work, const std::string& body, Deadline deadline,
                         const std::stop_token& stop) {
  DBM_EFFECT_REPLY(writing, "ledger.create");
  if (writing.must_fail()) return work.lose();
  const auto done = work.exec_simple(kBegin + body, deadline, stop);
  if (!done) {
    if (!work.lost()) (void)work.exec("ROLLBACK", Deadline::after(std::chrono::seconds{10}));
    return done.error();
  }
  if (writing.reply_lost()) return work.lose();
  writing.done();
  DBM_EFFECT_REPLY(committing, "ledger.commit");
  if (committing.must_fail()) return work.lose();
  const auto committed = work.exec("COMMIT");
  if (committing.reply_lost()) return work.lose();
  if (!committed) return committed.error();
  committing.done();
  return {};
}

}  // namespace

Result<> refuse_without_create(const Look& seen, const std::string& schema) {
  if (seen.shape.schema_exists || seen.identity.may_create_schema) return {};
  const std::string login = quote_ident(seen.identity.login), database = quote_ident(seen.identity.database);
  return Error{
      ErrorKind::Terminal, "PermissionDenied",
      "the login " + login + " may not create schema " + quote_ident(schema) + " in database " + database,
      "InsufficientPrivilege"}
      .with_remedy("GRANT CREATE ON DATABASE " + database + " TO " + login + ", or CREATE SCHEMA " +
                   quote_ident(schema) + " AUTHORIZATION " + login);
}

Result<std::string> create_ledger(Session& work, const Look& seen, const std::string& schema,
                                  const migration::Owner& owner, Deadline deadline,
                                  const std::stop_token& stop) {
  const std::string ledger_id = random_uuid();
  std::string body = seen.shape.schema_exists ? "" : "CREATE SCHEMA " + quote_ident(schema) + ";\n";
  for (int version = 1; version <= ledger_version(); ++version)
    body += ledger_script(version, schema) + record_version(schema, version);
  body += insert_fence(schema, ledger_id, seen.identity, owner);

  const auto created = run_transaction(work, body, deadline, stop);
  if (!created) return created.error().during("create the ledger in schema " + quote_ident(schema));
  return ledger_id;
}

Result<> upgrade_ledger(Session& work, const std::string& schema, int from, Deadline deadline,
                        const std::stop_token& stop) {
  for (int version = from + 1; version <= ledger_version(); ++version) {
    const auto upgraded = run_transaction(
        work, ledger_script(version, schema) + record_version(schema, version), deadline, stop);
    if (!upgraded) return upgraded.error().during("upgrade the ledger to version " + std::to_string(version));
  }
  return {};
}

}  // namespace dbm::postgres
