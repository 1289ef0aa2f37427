#include "postgres/apply_script.h"

#include <algorithm>
#include <chrono>

#include "base/inject.h"
#include "postgres/catalog.h"
#include "postgres/checks.h"
#include "postgres/ledger_guard.h"
#include "postgres/lost_objects.h"
#include "postgres/transaction.h"
#include "script/classify.h"

namespace dbm::postgres {
namespace {

using Clock = std::chrono::steady_clock;

/// One script inside the open transaction.
class ScriptInTransaction {
 public:
  ScriptInTransaction(Execution& execution, Transaction& transaction, const migration::PendingScript& script,
                      bool last)
      : execution_(execution), transaction_(transaction), script_(script), last_(last) {}

  Result<migration::AppliedScript> run() {
    const auto began = Clock::now();
    auto done = open();
    if (done) done = statements();
    if (done) done = harden();
    if (done) done = check();
    if (done) done = leave();
    if (!done) return done.error();
    migration::AppliedScript applied{script_.script.version.id, transaction_.rows()};
    applied.duration_millis = std::chrono::duration_cast<Milliseconds>(Clock::now() - began).count();
    return applied;
  }

 private:
  RunContext& context() { return execution_.run; }

  /// The row first: if the version is applied already (23505) nothing of the script runs.
  Result<> open() {
    auto sent = transaction_.step(
        Step::Enter, begin_script_sql(context().fence, record_of(context(), script_), "applied"));
    if (sent && script_.analysis.may_lose_objects) {
      sent = transaction_.settle();
      if (!sent) return sent;
      auto before = take_snapshot(*context().work, context().fence.schema, execution_.watch.deadline(), {});
      if (!before) return before.error();
      before_ = std::move(*before);
    }
    const std::string role = set_role(context());
    return sent && !role.empty() ? transaction_.step(Step::Role, role) : sent;
  }

  Result<> statements() {
    auto reader = script::StatementReader::open(script_.script.forward, script_.analysis.wrapped);
    if (!reader) return reader.error();
    while (true) {
      const auto next = reader->next();
      if (!next) return next.error();
      if (*next == nullptr) break;
      const script::Statement& statement = **next;
      note_losses(statement);
      guarded_ = guarded_ || speaks_of_ledger(statement.text, context().fence.schema);
      if (auto sent = transaction_.statement(statement, *reader, script_.analysis.directives); !sent)
        return sent;
      execution_.report(script_, static_cast<std::int64_t>(statement.index), "");
    }
    // What was planned, approved and written into the row is what ran, to the byte, or nothing stays of it.
    if (reader->checksum() != script_.script.checksum) return text_changed(file_of(script_));
    return {};
  }

  void note_losses(const script::Statement& statement) {
    if (!script_.analysis.may_lose_objects) return;
    const auto dropped = script::classify(statement.text).dropped;
    named_.insert(named_.end(), dropped.begin(), dropped.end());
    const auto more = losses_named_by(statement.text);
    named_.insert(named_.end(), more.begin(), more.end());
  }

  Result<> harden() {
    auto sent = transaction_.step(Step::Harden, kConstraintsNow);
    return sent ? transaction_.step(Step::Harden, kCloseCursors) : sent;
  }

  Result<> check() {
    const auto& checks = context().spec->checks;
    const bool gate = last_ && std::ranges::any_of(checks, [](const migration::Check& check) {
                        return std::ranges::find(check.at, migration::Gate::InTransaction) != check.at.end();
                      });
    if (!gate && !script_.analysis.may_lose_objects) return {};
    if (auto settled = transaction_.settle(); !settled) return settled;
    if (script_.analysis.may_lose_objects) {
      const auto after =
          take_snapshot(*context().work, context().fence.schema, execution_.watch.deadline(), {});
      if (!after) return after.error();
      if (auto kept = refuse_lost_objects(before_, *after, named_, script_.analysis.directives.drops);
          !kept) {
        Error lost = kept.error();
        lost.at.file = file_of(script_);
        return lost;
      }
    }
    return gate ? ask_checks() : Result<>{};
  }

  Result<> ask_checks() {
    const CheckRequest request{context().target, context().spec, &execution_.plan, context().baseline};
    const auto asked =
        check_in_transaction(*context().work, request, kInTransactionBudget, execution_.watch.deadline(), {});
    if (!asked) return asked.error();
    merge_checks(context().in_transaction, *asked);
    return refuse_failed(*asked);
  }

  Result<> leave() {
    for (const char* sql : {kDisarmLogin, kDisarmRole, kDisarmPath}) {
      if (auto sent = transaction_.step(Step::Setting, sql); !sent) return sent;
    }
    if (guarded_) {
      // A trigger that ran just now may have deferred others. What is still put off after this is found by
      // the look back at the end of the run.
      if (auto sent = transaction_.step(Step::Harden, kConstraintsNow); !sent) return sent;
      if (auto sent = transaction_.step(Step::Guard, guard_sql(context().fence.schema)); !sent) return sent;
    }
    if (auto read = transaction_.collect(); !read) return read;  // the row says how many rows were changed
    DBM_EFFECT(effect, "apply.leave");
    if (effect.must_fail()) return context().work->lose();
    auto sent = transaction_.step(
        Step::Leave, leave_sql(context().fence, script_.script.version.key, transaction_.rows()));
    effect.done();
    return sent;
  }

  Execution& execution_;
  Transaction& transaction_;
  const migration::PendingScript& script_;
  bool last_;
  bool guarded_ = may_hide_something(script_.analysis);
  SchemaSnapshot before_;
  std::vector<std::string> named_;
};

/// Between two scripts of one transaction: what the first has set must not reach the second.
Result<> reset_between(Execution& execution, Transaction& transaction,
                       const migration::PendingScript& before) {
  // The steps after a script's last statement have narrowed it.
  if (auto sent = transaction.step(Step::Setting, "SET LOCAL search_path TO DEFAULT"); !sent) return sent;
  if (!before.analysis.changes_session) return {};
  for (const std::string& sql : reset_statements(execution.run)) {
    if (auto sent = transaction.step(Step::Reset, sql); !sent) return sent;
  }
  return {};
}

/// Sends all scripts and the COMMIT; `at` is the script it has come to.
Result<> run_all(Execution& execution, Transaction& transaction,
                 std::span<const migration::PendingScript> scripts, TransactionOutcome& outcome) {
  if (auto begun = transaction.begin(); !begun) return begun;
  for (; outcome.script < scripts.size(); ++outcome.script) {
    const std::size_t at = outcome.script;
    if (at > 0) {
      if (auto reset = reset_between(execution, transaction, scripts[at - 1]); !reset) return reset;
    }
    transaction.of_script(static_cast<std::uint32_t>(at));
    auto applied = ScriptInTransaction(execution, transaction, scripts[at], at + 1 == scripts.size()).run();
    if (!applied) return applied.error();
    outcome.applied.push_back(*applied);
  }
  return transaction.commit();
}

bool may_change_session(const migration::PendingScript& script) { return script.analysis.changes_session; }

}  // namespace

TransactionOutcome apply_in_transaction(Execution& execution,
                                        std::span<const migration::PendingScript> scripts,
                                        Milliseconds lock_limit) {
  TransactionOutcome outcome;
  Transaction transaction(execution, lock_limit);
  const auto committed = run_all(execution, transaction, scripts, outcome);
  // What a script sets is undone by ROLLBACK, but not what it prepares or listens to.
  execution.needs_reset = std::ranges::any_of(scripts, may_change_session);
  if (committed) return outcome;

  transaction.abandon();
  outcome.applied.clear();
  outcome.error = committed.error();
  // Waits end at the deadline whatever is waited for: a reply, room in the socket, rows taken.
  if (outcome.error->cause == "Timeout" && execution.watch.deadline().passed())
    outcome.error = execution.watch.out_of_time();
  outcome.script = std::min(outcome.script, scripts.size() - 1);
  const auto& failure = transaction.failure();
  const bool out_of_time = outcome.error->reason == "DeadlineExceeded" || outcome.error->cause == "Timeout";
  if (failure && outcome.error->kind != ErrorKind::InDoubt && !out_of_time) {
    outcome.script = failure->where.step == Step::Commit
                         ? outcome.script
                         : std::min<std::size_t>(failure->where.script, outcome.script);
    outcome.error = explain(*failure, scripts[outcome.script]);
  }
  if (outcome.error->sqlstate == "MG003" && outcome.error->remedy.empty())
    outcome.error->remedy = transaction_ended_remedy(scripts[outcome.script]);
  if (outcome.error->at.file.empty()) outcome.error->at.file = file_of(scripts[outcome.script]);
  return outcome;
}

}  // namespace dbm::postgres
