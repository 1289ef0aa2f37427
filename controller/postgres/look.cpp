#include "postgres/look.h"

#include <iterator>

namespace dbm::postgres {
namespace {

/// A table or column of the ledger is not there: nothing wrong with looking.
bool is_other_layout(const Error& error) {
  return error.sqlstate == "42P01" || error.sqlstate == "3F000" || error.sqlstate == "42703" ||
         error.sqlstate == "42501" || error.sqlstate == "42809";
}

PipelineResult ask(Session& session, const std::string& schema, const LookFurther& further, bool with_system,
                   Deadline deadline, const std::stop_token& stop) {
  std::vector<std::string> statements{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                                      "SET LOCAL search_path = pg_catalog, pg_temp",
                                      identity_sql(with_system), shape_sql(schema)};
  statements.insert(statements.end(), further.always.begin(), further.always.end());
  statements.push_back(version_sql(schema));
  statements.push_back(fence_sql(schema));
  statements.insert(statements.end(), further.of_ledger.begin(), further.of_ledger.end());
  // Apart, so that it ends the transaction where a statement failed too, without another round trip.
  return session.pipeline_then(statements, "COMMIT", deadline, stop);
}

}  // namespace

Result<Look> look(Session& session, const std::string& schema, const LookFurther& further, Deadline deadline,
                  const std::stop_token& stop) {
  constexpr std::size_t kIdentity = 2, kShape = 3, kAlways = 4;
  auto answer = ask(session, schema, further, true, deadline, stop);
  if (answer.error && answer.error->sqlstate == "42501" && answer.rows.size() == kIdentity)
    answer = ask(session, schema, further, false, deadline, stop);
  const std::size_t of_ledger = kAlways + further.always.size();
  if (answer.error) {
    const bool expected = answer.rows.size() >= of_ledger && is_other_layout(*answer.error);
    if (!expected) return answer.error->during("look at the ledger");
  }

  Look seen;
  auto& rows = answer.rows;
  seen.identity = read_identity(rows[kIdentity]);
  session.heard_backend(seen.identity.backend_pid);
  seen.shape = read_shape(rows[kShape]);
  const auto at = [&rows](std::size_t index) {
    return std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(index));
  };
  if (rows.size() > of_ledger) seen.version = static_cast<int>(rows[of_ledger].number(0, 0));
  if (rows.size() > of_ledger + 1) seen.fence = read_fence(rows[of_ledger + 1]);
  seen.always.assign(at(kAlways), at(of_ledger));
  if (!answer.error) seen.of_ledger.assign(at(of_ledger + 2), at(rows.size() - 1));
  return seen;
}

Judgement judge(const Look& seen, const std::string& schema, const migration::Owner& owner) {
  const auto shape = judge_shape(seen.shape, schema, seen.version);
  if (shape.state != migration::LedgerState::Ours) return shape;
  if (!seen.fence)
    return {migration::LedgerState::ForeignSchema,
            "schema " + quote_ident(schema) + " has been altered: its fence has no row"};
  return judge_fence(*seen.fence, owner, seen.identity);
}

}  // namespace dbm::postgres
