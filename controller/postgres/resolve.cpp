#include "postgres/resolve.h"

#include <vector>

#include "base/inject.h"
#include "postgres/execution.h"
#include "postgres/history_count.h"
#include "postgres/sqlstate.h"
#include "script/script.h"

namespace dbm::postgres {
namespace {

// What a row says after somebody decided about it; the error columns keep what happened before.
constexpr std::string_view kClose = ", finished = coalesce(finished, pg_catalog.clock_timestamp())";

/// The statements that say `applied`. At most one of them finds a row to change.
std::vector<std::string> say_applied(const std::string& history, const std::string& key, const Fence& fence) {
  const std::string is_key = " WHERE h.version_key = " + quote_literal(key);
  const std::string none = " AND NOT EXISTS (SELECT FROM " + history +
                           " a WHERE a.version_key = h.version_key AND a.status IN ('applied', 'baseline'))";
  std::vector<std::string> steps;
  steps.push_back("UPDATE " + history + " h SET finished = pg_catalog.clock_timestamp()" + is_key +
                  " AND h.status = 'applied' AND h.finished IS NULL");
  steps.push_back("UPDATE " + history + " h SET status = 'applied'" + std::string(kClose) + is_key +
                  " AND h.status = 'running'" + none);
  // After a failure, or after an applied row was made pending: a new row like the newest.
  steps.push_back(
      "INSERT INTO " + history +
      " (version, version_key, name, batch, status, checksum, checksum_normalised, rollback_checksum, "
      "rollback_sql, statements,"
      " statements_done, finished, execution_ms, backup_id, plan_digest, run, epoch)"
      " SELECT h.version, h.version_key, h.name, h.batch, 'applied', h.checksum, h.checksum_normalised, "
      "h.rollback_checksum, h.rollback_sql,"
      " h.statements, h.statements, pg_catalog.clock_timestamp(), 0, h.backup_id, h.plan_digest, " +
      quote_literal(fence.run) + "::pg_catalog.uuid, " + std::to_string(fence.epoch) + " FROM " + history +
      " h" + is_key + none + " ORDER BY h.id DESC LIMIT 1");
  return steps;
}

std::vector<std::string> say_pending(const std::string& history, const std::string& key) {
  const std::string is_key = " WHERE h.version_key = " + quote_literal(key);
  return {"UPDATE " + history + " h SET status = 'failed'" + std::string(kClose) +
              ", error_text = coalesce(error_text, 'made pending by a person')" + is_key +
              " AND h.status = 'running'",
          "UPDATE " + history + " h SET status = 'superseded'" + std::string(kClose) + is_key +
              " AND h.status IN ('applied', 'baseline')"};
}

/// Somebody may have applied it while the person was still typing.
Error is_applied(const std::string& version) {
  return Error{ErrorKind::Terminal, "InvalidSpec",
               "resolve: version " + version + " is applied, and nothing about it is unknown", "InvalidValue"}
      .with_remedy("if it was undone by hand, `dbm resolve " + version +
                   "=pending --again` makes it run once more");
}

Result<> decide(RunContext& run, const std::string& version, const std::vector<std::string>& said,
                Deadline deadline, const std::stop_token& stop) {
  std::vector<std::string> steps{enter_sql(run.fence), "UPDATE " + quote_ident(run.fence.schema) +
                                                           ".run SET failure = NULL WHERE outcome IS NULL"};
  steps.insert(steps.end(), said.begin(), said.end());
  DBM_EFFECT_REPLY(resolving, "run.resolve");
  if (resolving.must_fail()) return run.work->lose();
  const auto answer = run.work->pipeline(as_login(steps), deadline, stop);
  if (resolving.reply_lost()) return run.work->lose();
  if (answer.error) return at_own_step(*answer.error).during("resolve " + version);
  resolving.done();
  return {};
}

}  // namespace

Result<> resolve_version(RunContext& run, const std::string& version, migration::Resolution resolution,
                         Deadline deadline, const std::stop_token& stop) {
  const auto parsed = script::parse_version(version);
  if (!parsed)
    return Error{ErrorKind::Terminal, "InvalidSpec", "resolve: \"" + version + "\" is no version",
                 "InvalidValue"}
        .with_remedy("write it as in the file's name, 0042 or 42");
  const std::string history = quote_ident(run.fence.schema) + ".history";
  const auto known = ask_as_login(
      run,
      "SELECT bool_or(status IN ('applied', 'baseline') AND finished IS NOT NULL) FROM " + history +
          " WHERE version_key = " + quote_literal(parsed->key) + " HAVING count(*) > 0",
      deadline);
  if (!known) return known.error();
  const bool is_closed = known->size() > 0 && known->boolean(0, 0);
  if (resolution != migration::Resolution::Applied && !is_closed) {
    const auto missing = ask_as_login(run, missing_rows_sql(run.fence.schema), deadline);
    if (!missing) return missing.error();
    // A version with rows of other attempts counts only where the runs say that it was applied once.
    if (known->size() == 0 ? !missing_rows(*missing).empty() : names_missing(*missing, version)) {
      auto said = say_pending(history, parsed->key);
      said.push_back(put_back_sql(run.fence.schema, version, parsed->key, run.fence.run, run.fence.epoch));
      return decide(run, version, said, deadline, stop);
    }
  }
  if (known->size() == 0)
    return Error{ErrorKind::Terminal, "InvalidSpec", "resolve: the ledger has no row of version " + version,
                 "InvalidValue"}
        .with_remedy("`dbm history` lists the versions");

  // The run lock is held: what was read stays so.
  if (resolution == migration::Resolution::Pending && is_closed) return is_applied(version);

  return decide(run, version,
                resolution == migration::Resolution::Applied ? say_applied(history, parsed->key, run.fence)
                                                             : say_pending(history, parsed->key),
                deadline, stop);
}

}  // namespace dbm::postgres
