#include "postgres/settle.h"

#include "base/inject.h"
#include "postgres/execution.h"
#include "postgres/probe.h"

namespace dbm::postgres {
namespace {

struct OpenScript {
  std::int64_t id = 0, statements = 0, done = 0;
  std::string version, key, name;
};

std::string ledger(const RunContext& run) { return quote_ident(run.fence.schema); }

/// An applied row is closed in the transaction that inserts it; one that is not was committed by its script.
Result<> refuse_unclosed(RunContext& run, Deadline deadline) {
  const auto rows =
      ask_as_login(run,
                   "SELECT h.version, h.name FROM " + ledger(run) +
                       ".history h WHERE h.status = 'applied' AND h.finished IS NULL ORDER BY h.id LIMIT 1",
                   deadline);
  if (!rows) return rows.error();
  if (rows->size() == 0) return {};
  const std::string version(rows->text(0, 0));
  Error error{ErrorKind::Terminal, "ManualInterventionRequired",
              "version " + version + " (" + std::string(rows->text(0, 1)) +
                  ") ended the transaction it ran in: what came after that point may not be in effect",
              "TransactionEnded"};
  return error.with_remedy("see how much of the script is in effect; then `dbm resolve " + version +
                           "=applied` if all of it is, or undo it by hand and `dbm resolve " + version +
                           "=pending`");
}

Result<std::vector<OpenScript>> open_scripts(RunContext& run, Deadline deadline) {
  const auto rows =
      ask_as_login(run,
                   "SELECT h.id, h.version, h.version_key, h.name, h.statements FROM " + ledger(run) +
                       ".history h WHERE h.status = 'running' OR EXISTS (SELECT FROM " + ledger(run) +
                       ".statement s WHERE s.history_id = h.id AND s.outcome IS NULL AND h.finished IS "
                       "NULL) ORDER BY h.id",
                   deadline);
  if (!rows) return rows.error();
  std::vector<OpenScript> all;
  all.reserve(static_cast<std::size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) {
    all.push_back({rows->number(row, 0), rows->number(row, 4), 0, std::string(rows->text(row, 1)),
                   std::string(rows->text(row, 2)), std::string(rows->text(row, 3))});
  }
  return all;
}

/// One statement whose outcome nobody wrote down.
Result<Verdict> settle_statement(RunContext& run, const OpenScript& script, std::int64_t index,
                                 const Intent& intent, Deadline deadline, const std::stop_token& stop,
                                 Settled& settled) {
  const auto probed = probe_and_clean(run, intent, deadline, stop);
  if (!probed)
    return probed.error().during("version " + script.version + ", statement " + std::to_string(index + 1));
  if (probed->verdict == Verdict::Unknown) return ask_a_person(script.version, index, intent, *probed);
  const bool done = probed->verdict == Verdict::Done;
  DBM_EFFECT_REPLY(effect, "settle.statement");
  auto recorded =
      fenced_at(effect, run, {done_statement_sql(run.fence, script.key, index, done ? "done" : "failed", 0)});
  if (!recorded) return recorded.error();
  settled.lines.push_back("version " + script.version + ", statement " + std::to_string(index + 1) + " (" +
                          intent.kind + ") " + (done ? "had taken effect" : "had not taken effect"));
  return probed->verdict;
}

Result<> settle_statements(RunContext& run, OpenScript& script, Deadline deadline,
                           const std::stop_token& stop, Settled& settled) {
  const auto rows =
      ask_as_login(run,
                   "SELECT s.index, s.kind, s.object, s.state_before, s.outcome FROM " + ledger(run) +
                       ".statement s WHERE s.history_id = " + std::to_string(script.id) + " ORDER BY s.index",
                   deadline);
  if (!rows) return rows.error();
  for (int row = 0; row < rows->size(); ++row) {
    if (rows->text(row, 4) == "done") ++script.done;
    if (!rows->is_null(row, 4)) continue;
    const Intent intent = decode_intent(std::string(rows->text(row, 1)), std::string(rows->text(row, 2)),
                                        std::string(rows->text(row, 3)));
    const auto verdict = settle_statement(run, script, rows->number(row, 0), intent, deadline, stop, settled);
    if (!verdict) return verdict.error();
    if (*verdict == Verdict::Done) ++script.done;
  }
  return {};
}

/// All of it is in effect: it is applied. Else its row stays open: what ended was the run, not this attempt.
Result<> close(RunContext& run, const OpenScript& script, Settled& settled) {
  if (script.done < script.statements) {
    run.unfinished = script.key;
    settled.lines.push_back("version " + script.version + ": " + std::to_string(script.done) + " of " +
                            std::to_string(script.statements) +
                            " statements are in effect; it goes on from there");
    return {};
  }
  DBM_EFFECT_REPLY(effect, "settle.close");
  auto closed = fenced_at(effect, run, {close_script_sql(run.fence, script.key, "applied", {})});
  if (closed) settled.lines.push_back("version " + script.version + ": all statements are in effect");
  return closed;
}

}  // namespace

Result<Settled> settle(RunContext& run, Deadline deadline, const std::stop_token& stop) {
  if (auto closed = refuse_unclosed(run, deadline); !closed) return closed.error();
  auto open = open_scripts(run, deadline);
  if (!open) return open.error();
  Settled settled;
  for (OpenScript& script : *open) {
    if (auto done = settle_statements(run, script, deadline, stop, settled); !done) return done.error();
    if (auto done = close(run, script, settled); !done) return done.error();
  }
  return settled;
}

}  // namespace dbm::postgres
