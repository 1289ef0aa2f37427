#include "postgres/run.h"

#include <utility>

#include "base/inject.h"
#include "base/log.h"
#include "postgres/apply.h"
#include "postgres/dump.h"
#include "postgres/execution.h"
#include "postgres/history_count.h"
#include "postgres/inspect.h"
#include "postgres/rehearse.h"
#include "postgres/run_row.h"
#include "postgres/settle.h"
#include "postgres/sqlstate.h"

namespace dbm::postgres {
namespace {

// Our own short steps: long enough for a slow server, bounded all the same.
Deadline step_deadline() { return Deadline::after(std::chrono::minutes{2}); }

std::string json_literal(const std::string& json) { return quote_literal(json) + "::pg_catalog.jsonb"; }

/// Opens the run's row, or takes up the one that is open under this run's id; gives back the row as it then
/// is, and whether no script of the run has left anything in the history.
std::string open_row_sql(const Fence& fence, const migration::RunRequest& request,
                         const migration::Plan& plan) {
  const std::string schema = quote_ident(fence.schema);
  std::string sql = "INSERT INTO " + schema +
                    ".run AS r (run, batch, epoch, generation, spec_digest, source_digest, plan_digest, "
                    "plan, holder) VALUES (";
  sql += quote_literal(fence.run) +
         "::pg_catalog.uuid, 1 + greatest((SELECT coalesce(pg_catalog.max(h.batch), 0) FROM " + schema +
         ".history h), (SELECT coalesce(pg_catalog.max(o.batch), 0) FROM " + schema + ".run o)), " +
         std::to_string(fence.epoch) + ", " + std::to_string(request.generation);
  for (const auto* text : {&request.spec_digest, &request.source_digest, &plan.digest})
    sql += ", " + quote_literal(*text);
  const std::string counted = history_count_sql(fence.schema);
  sql += ", " + json_literal(plan_json(plan)) + " || " + counted + ", " + quote_literal(request.holder) + ")";
  sql +=
      " ON CONFLICT (run) DO UPDATE SET epoch = excluded.epoch, generation = excluded.generation, holder = "
      "excluded.holder, failure = NULL, plan = r.plan || " +
      counted;
  return sql + " RETURNING " + run_columns() + ", NOT EXISTS (SELECT FROM " + schema +
         ".history h WHERE h.run = r.run AND h.status <> 'failed')";
}

std::string supersede_sql(const Fence& fence) {
  return "UPDATE " + quote_ident(fence.schema) +
         ".run SET outcome = 'Superseded', finished = pg_catalog.clock_timestamp() WHERE outcome IS NULL AND "
         "run <> " +
         quote_literal(fence.run) + "::pg_catalog.uuid";
}

}  // namespace

Result<> PostgresRun::settle(Deadline deadline, const std::stop_token& stop) {
  const auto settled = [&] {
    const auto use = holding_->use_work();
    return postgres::settle(context(), deadline, stop);
  }();
  if (!settled) {
    const Error error = settled.error().during(settled.error().kind == ErrorKind::Terminal
                                                   ? "an earlier run left this open"
                                                   : "settling what an earlier run left open");
    if (error.kind == ErrorKind::Terminal)
      if (const auto noted = note(error); !noted)
        log::warning("what waits for a person could not be recorded", {{"error", noted.error().message}});
    return error;
  }
  for (const auto& line : settled->lines) log::info(line);
  return {};
}

Result<migration::Inspection> PostgresRun::inspect() {
  const auto use = holding_->use_work();
  const auto& request = holding_->request();
  const migration::InspectOptions options{request.spec->history_limit, request.owner, request.take_over};
  // Under the lock nobody else writes the ledger, so what another session of the same server sees is what
  // `work` would see; one that has looked before knows the catalog already.
  if (auto looker = holding_->lend_looker()) {
    auto seen = postgres::inspect(*looker, request.target.ledger_schema, options, step_deadline(), {});
    if (seen) looks_.give_back(request.target, *std::move(looker));
    if (seen) return seen;
  }
  return postgres::inspect(*context().work, request.target.ledger_schema, options, step_deadline(), {});
}

/// A step of ours failed: nothing of its transaction stays open.
Error PostgresRun::undone(const Error& error) {
  if (!context().work->lost()) (void)context().work->exec("ROLLBACK", step_deadline());
  return at_own_step(error);
}

Result<> PostgresRun::open(const migration::Plan& plan) {
  const auto use = holding_->use_work();
  const Fence& fence = context().fence;
  const auto steps =
      as_login({enter_sql(fence), supersede_sql(fence), open_row_sql(fence, holding_->request(), plan)});
  DBM_EFFECT_REPLY(opening, "run.open");
  if (opening.must_fail()) return context().work->lose();
  const auto answer = context().work->pipeline(steps, step_deadline());
  if (opening.reply_lost()) return context().work->lose();
  if (answer.error) return undone(*answer.error).during("open the run");
  opening.done();
  const Rows& opened = answer.rows[kOwnStepsAt + 2];
  row_ = read_run_row(opened, 0);
  untouched_ = opened.boolean(0, kRunColumns);
  if (row_.checks) {
    migration::ChecksStatus earlier;
    for (const auto& result : row_.checks->results)
      if (result.at == to_string(migration::Gate::InTransaction)) earlier.results.push_back(result);
    merge_checks(context().in_transaction, earlier);
  }
  context().batch = row_.batch;
  context().plan_digest = row_.plan_digest;
  if (row_.backup) context().backup_id = row_.backup->id;
  return {};
}

// A dump has connections of its own: meanwhile *work* is kept alive, and none is kept beside it.
Result<migration::DumpFacts> PostgresRun::dump(bool schema_only, const migration::DumpSink& sink,
                                               Deadline deadline, const std::stop_token& stop,
                                               const migration::ProgressSink& progress) {
  looks_.close_all();
  return dump_database(holding_->request().target, *holding_->request().spec, schema_only, sink, deadline,
                       stop, progress);
}

Result<migration::Rehearsal> PostgresRun::rehearse(const migration::Plan& plan, Deadline deadline,
                                                   const std::stop_token& stop,
                                                   const migration::ProgressSink& progress) {
  const auto use = holding_->use_work();
  return postgres::rehearse(context(), plan, deadline, stop, progress);
}

Result<> PostgresRun::apply(const migration::Plan& plan, Deadline deadline, const std::stop_token& stop,
                            const migration::ProgressSink& progress,
                            const std::function<void(const migration::AppliedScript&)>& applied) {
  // What was there before can be told from what the scripts did only while they have done nothing.
  if (untouched_ && !baseline_ && !plan.pending.empty()) {
    auto baseline = take_baseline(check_request(plan), Deadline::after(std::chrono::minutes{10}), stop);
    if (!baseline) return baseline.error().during("look at the schema before");
    baseline_ = std::move(*baseline);
    context().baseline = &*baseline_;
  }
  const auto done = [&] {
    const auto use = holding_->use_work();
    untouched_ = false;
    return apply_pending(context(), plan, deadline, stop, progress, applied);
  }();
  // What a check said before COMMIT is evidence: for a run that goes on after a crash, and for a person where
  // the transaction it was asked in is gone.
  if (!context().in_transaction.results.empty() && !context().work->lost())
    if (const auto recorded = record_checks(context().in_transaction); !recorded)
      log::warning("what the checks said could not be recorded", {{"error", recorded.error().message}});
  return done;
}

CheckRequest PostgresRun::check_request(const migration::Plan& plan) {
  return {.target = &holding_->request().target,
          .spec = holding_->request().spec,
          .plan = &plan,
          .baseline = baseline_ ? &*baseline_ : nullptr,
          .rehearsed = context().rehearsed ? &*context().rehearsed : nullptr,
          .looks = &looks_};
}

Result<migration::ChecksStatus> PostgresRun::check(migration::Gate gate, const migration::Plan& plan,
                                                   Deadline deadline, const std::stop_token& stop) {
  auto checks = check_gate(gate, check_request(plan), deadline, stop);
  if (checks && gate == migration::Gate::After) merge_checks(*checks, context().in_transaction);
  return checks;
}

Result<> PostgresRun::update_row(const std::string& assignments) {
  const auto use = holding_->use_work();
  const Fence& fence = context().fence;
  const auto steps =
      as_login({enter_sql(fence), "UPDATE " + quote_ident(fence.schema) + ".run SET " + assignments +
                                      " WHERE run = " + quote_literal(fence.run) + "::pg_catalog.uuid"});
  const auto answer = context().work->pipeline(steps, step_deadline());
  if (answer.error) return undone(*answer.error).during("record in the run's row");
  return {};
}

/// In the row that is still open, so that whoever asks for the status is told too. The next run takes it
/// away.
Result<> PostgresRun::note(const Error& failure) {
  DBM_EFFECT_REPLY(noting, "run.note");
  if (noting.must_fail()) return context().work->lose();
  const auto recorded = update_row("failure = " + json_literal(failure_json(failure)));
  if (noting.reply_lost()) return context().work->lose();
  if (recorded) noting.done();
  return recorded;
}

Result<> PostgresRun::record_backup(const migration::BackupStatus& backup) {
  DBM_EFFECT_REPLY(recording, "run.record-backup");
  if (recording.must_fail()) return context().work->lose();
  const auto recorded = update_row("backup = " + json_literal(to_json(backup)));
  if (recording.reply_lost()) return context().work->lose();
  if (!recorded) return recorded;
  recording.done();
  row_.backup = backup;
  context().backup_id = backup.id;
  return {};
}

Result<> PostgresRun::record_rehearsal(const migration::DryRunStatus& dry_run) {
  DBM_EFFECT_REPLY(recording, "run.record-rehearsal");
  if (recording.must_fail()) return context().work->lose();
  const auto recorded = update_row("dry_run = " + json_literal(to_json(dry_run)));
  if (recording.reply_lost()) return context().work->lose();
  if (!recorded) return recorded;
  recording.done();
  row_.dry_run = dry_run;
  return {};
}

Result<> PostgresRun::record_checks(const migration::ChecksStatus& checks) {
  DBM_EFFECT_REPLY(recording, "run.record-checks");
  if (recording.must_fail()) return context().work->lose();
  const auto recorded = update_row("checks = " + json_literal(to_json(checks)));
  if (recording.reply_lost()) return context().work->lose();
  if (!recorded) return recorded;
  recording.done();
  row_.checks = checks;
  return {};
}

Result<> PostgresRun::finish(const std::optional<Error>& failure) {
  const bool over = !failure || failure->kind == ErrorKind::Terminal;
  const bool validated = !failure || failure->reason == "ValidationFailed";
  std::string assignments = "failure = " + (failure ? json_literal(failure_json(*failure)) : "NULL");
  if (over)
    assignments += ", outcome = " + quote_literal(failure ? failure->reason : "Succeeded") +
                   ", finished = pg_catalog.clock_timestamp()";
  if (validated) assignments += ", validated = true";
  assignments += ", plan = plan || " + history_count_sql(context().fence.schema);

  DBM_EFFECT_REPLY(finishing, "run.finish");
  if (finishing.must_fail()) return context().work->lose();
  const auto recorded = update_row(assignments);
  if (finishing.reply_lost()) return context().work->lose();
  if (!recorded) return recorded;
  finishing.done();
  if (over) row_.outcome = failure ? failure->reason : "Succeeded";
  row_.validated = row_.validated || validated;
  return holding_->release();
}

}  // namespace dbm::postgres
