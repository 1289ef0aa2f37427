#include "postgres/chain.h"

#include <algorithm>
#include <optional>

#include "base/inject.h"
#include "postgres/ledger_guard.h"
#include "postgres/transaction.h"

namespace dbm::postgres {
namespace {

constexpr std::size_t kMostScripts = 64;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20;

bool has_check_in_transaction(const migration::Spec& spec) {
  return std::ranges::any_of(spec.checks, [](const migration::Check& check) {
    return std::ranges::find(check.at, migration::Gate::InTransaction) != check.at.end();
  });
}

/// What reaches outside the database must not be announced by a commit that a crash could still lose.
bool reaches_outside(const migration::PendingScript& script) {
  return (script.analysis.effects & (script::kExternal | script::kUnknown)) != 0;
}

/// A script's statements, read to the end and found to be what the plan was made from: only then may its
/// COMMIT go out.
struct ReadScript {
  std::vector<std::string> sql;  ///< time-outs included
  std::vector<bool> is_statement;
  bool guarded = false;  ///< it speaks of the ledger
};

Result<ReadScript> read_script(const migration::PendingScript& script, StatementLimits limits,
                               const std::string& ledger) {
  auto reader = script::StatementReader::open(script.script.forward, script.analysis.wrapped);
  if (!reader) return reader.error();
  ReadScript read;
  read.guarded = may_hide_something(script.analysis);
  while (true) {
    const auto next = reader->next();
    if (!next) return next.error();
    if (*next == nullptr) break;
    for (std::string& sql : limits.before(**next, script.analysis.directives)) {
      read.sql.push_back(std::move(sql));
      read.is_statement.push_back(false);
    }
    read.guarded = read.guarded || speaks_of_ledger((*next)->text, ledger);
    read.sql.emplace_back((*next)->text);
    read.is_statement.push_back(true);
  }
  if (reader->checksum() != script.script.checksum) return text_changed(file_of(script));
  return read;
}

class Chain {
 public:
  Chain(Execution& execution, std::span<const migration::PendingScript> scripts, Milliseconds lock_limit)
      : execution_(execution),
        scripts_(scripts),
        pipeline_(*execution.run.work, execution.watch),
        limits_(lock_limit, execution.run.spec->apply.statement_timeout) {
    execution.watch.begin_try(lock_limit);
  }

  ChainOutcome run() {
    if (auto read = read_scripts(); !read) return {{}, read.error()};
    if (auto reset = send_reset(); !reset) return {{}, reset.error()};
    DBM_EFFECT_REPLY(effect, "chain.send");
    if (effect.must_fail()) return {{}, execution_.run.work->lose()};
    auto sent = send_all();
    if (sent && effect.reply_lost()) {
      (void)pipeline_.close();
      execution_.run.work->lose();
      return {{}, outcome_unknown()};
    }
    if (sent) effect.done();
    if (sent) sent = read_replies();
    finish(sent);
    return std::move(outcome_);
  }

 private:
  Result<> read_scripts() {
    for (const auto& script : scripts_) {
      auto read = read_script(script, limits_, execution_.run.fence.schema);
      if (read) {
        texts_.push_back(std::move(*read));
        continue;
      }
      if (texts_.empty()) return read.error();
      scripts_ = scripts_.first(texts_.size());  // those before it go out; it is looked at again by itself
      break;
    }
    return {};
  }

  Result<> send_reset() {
    if (!execution_.needs_reset) return {};
    for (const std::string& sql : reset_statements(execution_.run)) {
      if (auto sent = pipeline_.send(sql, StepTag{Step::Reset}.packed()); !sent) return sent;
    }
    if (auto synced = pipeline_.sync(); !synced) return synced;
    while (pipeline_.pending() > 0) {
      const auto reply = pipeline_.next();
      if (!reply) return reply.error();
      if (reply->kind == Reply::Kind::Failed)
        return translate(read_error(reply->result.get()), "ApplyFailed");
    }
    execution_.needs_reset = false;
    return {};
  }

  Result<> send_all() {
    for (std::uint32_t at = 0; at < scripts_.size(); ++at) {
      if (auto sent = send_script(at); !sent) return sent;
    }
    DBM_EFFECT(effect, "chain.sync");
    if (effect.must_fail()) return execution_.run.work->lose();
    auto synced = pipeline_.sync();
    effect.done();
    return synced;
  }

  Result<> send_script(std::uint32_t at) {
    const auto& script = scripts_[at];
    const RunContext& run = execution_.run;
    const bool follows = at + 1 < scripts_.size() && !reaches_outside(script);
    const std::string role = set_role(run);
    std::uint32_t statement = 0;
    auto sent = send(Step::Begin, at, kBegin);
    if (sent) sent = send(Step::Enter, at, begin_script_sql(run.fence, record_of(run, script), "applied"));
    if (sent && follows) sent = send(Step::Setting, at, "SET LOCAL synchronous_commit = off");
    if (sent && !role.empty()) sent = send(Step::Role, at, role);
    for (std::size_t i = 0; sent && i < texts_[at].sql.size(); ++i) {
      const bool own = texts_[at].is_statement[i];
      sent = send(own ? Step::Statement : Step::Setting, at, texts_[at].sql[i], own ? statement++ : 0);
    }
    for (const char* sql : {kConstraintsNow, kCloseCursors}) {
      if (sent) sent = send(Step::Harden, at, sql);
    }
    for (const char* sql : {kDisarmRole, kDisarmPath}) {
      if (sent) sent = send(Step::Setting, at, sql);
    }
    if (sent && texts_[at].guarded) sent = send(Step::Guard, at, guard_sql(run.fence.schema));
    // The row is closed before the server has told how many rows there were, if there can be any.
    const auto rows = script.analysis.counts_rows ? std::nullopt : std::optional<std::int64_t>(0);
    if (sent) sent = send(Step::Leave, at, leave_sql(run.fence, script.script.version.key, rows));
    if (sent) sent = send(Step::Commit, at, "COMMIT");
    return sent;
  }

  Result<> send(Step step, std::uint32_t script, const std::string& sql, std::uint32_t statement = 0) {
    return pipeline_.send(sql, StepTag{step, script, statement}.packed());
  }

  /// All replies to the Sync, whatever they say: each COMMIT that was executed counts.
  Result<> read_replies() {
    auto began = std::chrono::steady_clock::now();
    std::int64_t rows = 0;
    while (pipeline_.pending() > 0) {
      const auto reply = pipeline_.next();
      if (!reply && reply.error().cause == "Timeout" && !pipeline_.lost()) {
        out_of_time_ = true;  // it was cancelled; what is still answered counts all the same
        continue;
      }
      if (!reply) return reply.error();
      const StepTag where = StepTag::unpack(reply->tag);
      if (reply->kind == Reply::Kind::Failed) failure_ = StepFailure{where, read_error(reply->result.get())};
      if (reply->kind != Reply::Kind::Done) continue;
      if (where.step == Step::Statement) rows += rows_changed(reply->result.get());
      if (where.step != Step::Commit) continue;
      if (auto committed = judge_commit(reply->result.get()); !committed) return committed;
      const auto now = std::chrono::steady_clock::now();
      outcome_.applied.push_back({scripts_[where.script].script.version.id, rows,
                                  std::chrono::duration_cast<Milliseconds>(now - began).count()});
      execution_.report(scripts_[where.script],
                        static_cast<std::int64_t>(scripts_[where.script].analysis.statements), "");
      began = now;
      rows = 0;
    }
    return {};
  }

  void finish(const Result<>& sent) {
    const std::size_t done = outcome_.applied.size();
    if (done == scripts_.size()) return;
    outcome_.durable = done == 0 || reaches_outside(scripts_[done - 1]);
    if (pipeline_.lost()) {
      outcome_.error = outcome_unknown();
      return;
    }
    if (!sent) (void)pipeline_.close();
    if (!roll_back()) {
      outcome_.error = connection_lost();
      return;
    }
    outcome_.error = error_at(scripts_[done], sent);
    if (outcome_.error->at.file.empty()) outcome_.error->at.file = file_of(scripts_[done]);
  }

  bool roll_back() {
    if (pipeline_.idle()) return true;
    DBM_EFFECT(effect, "chain.rollback");
    if (effect.must_fail()) {
      execution_.run.work->lose();
      return false;
    }
    const bool undone = pipeline_.send("ROLLBACK", 0) && pipeline_.close();
    effect.done();
    return undone;
  }

  Error error_at(const migration::PendingScript& script, const Result<>& sent) const {
    if (out_of_time_ && (!failure_ || failure_->report.sqlstate == "57014"))
      return execution_.watch.out_of_time();
    if (!failure_) return sent ? outcome_unknown() : sent.error();
    if (failure_->where.step != Step::Commit) return explain(*failure_, script);
    if (failure_->report.severity != "ERROR" || failure_->report.sqlstate == "57014")
      return outcome_unknown();
    return translate(failure_->report, "ApplyFailed");
  }

  Execution& execution_;
  std::span<const migration::PendingScript> scripts_;
  Pipeline pipeline_;
  StatementLimits limits_;
  std::vector<ReadScript> texts_;
  std::optional<StepFailure> failure_;
  bool out_of_time_ = false;
  ChainOutcome outcome_;
};

}  // namespace

std::size_t chain_length(const migration::Spec& spec, std::span<const migration::PendingScript> scripts) {
  if (has_check_in_transaction(spec)) return 0;
  std::size_t length = 0;
  std::uint64_t bytes = 0;
  for (const auto& script : scripts) {
    const auto& what = script.analysis;
    const bool fits = what.chainable && what.in_transaction && !what.has_copy && !what.may_lose_objects &&
                      !what.changes_session;
    bytes += script.script.forward.size;
    if (!fits || length == kMostScripts || bytes > kMostBytes) break;
    ++length;
  }
  return length;
}

ChainOutcome apply_chain(Execution& execution, std::span<const migration::PendingScript> scripts,
                         Milliseconds lock_limit) {
  return Chain(execution, scripts, lock_limit).run();
}

}  // namespace dbm::postgres
