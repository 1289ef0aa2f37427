#include "postgres/begin.h"

#include "base/digest.h"
#include "base/inject.h"
#include "postgres/execution.h"
#include "postgres/ledger_install.h"
#include "postgres/ledger_scripts.h"
#include "postgres/look.h"
#include "postgres/look_sessions.h"
#include "postgres/run_lock.h"
#include "postgres/sqlstate.h"

namespace dbm::postgres {
namespace {

using migration::LedgerState;

/// Refuses what is neither Absent nor Ours, but for what a take-over accepts.
Result<> refuse_ledger(const Judgement& judgement, bool take_over) {
  switch (judgement.state) {
    case LedgerState::Absent:
    case LedgerState::Ours:
      return {};
    case LedgerState::OtherOwner:
    case LedgerState::IdentityChanged:
      if (take_over) return {};
      break;
    case LedgerState::ForeignSchema:
    case LedgerState::Newer:
      break;
  }
  return ledger_error(judgement);
}

/// The fence is ours to take, as one condition: what was looked at may have changed since.
std::string epoch_sql(const migration::RunRequest& request, const Identity& identity,
                      const std::string& ledger_id, const std::string& new_run) {
  const std::string schema = quote_ident(request.target.ledger_schema),
                    run = quote_literal(new_run) + "::pg_catalog.uuid";
  const auto is = [](const std::string& column, const std::string& value) {
    return column + " = " + quote_literal(value);
  };
  // An open run with the same spec and source goes on under its old name, with its batch, plan digest and
  // backup.
  std::string sql = "UPDATE " + schema + ".fence SET epoch = epoch + 1, " + is("holder", request.holder) +
                    ", run = coalesce((SELECT r.run FROM " + schema + ".run r WHERE r.outcome IS NULL AND " +
                    is("r.spec_digest", request.spec_digest) + " AND " +
                    is("r.source_digest", request.source_digest) + " ORDER BY r.epoch DESC LIMIT 1), " + run +
                    ")";
  sql += ", " + is("owner_cluster", request.owner.cluster_id) + ", " +
         is("owner_namespace", request.owner.namespace_) + ", " + is("owner_name", request.owner.name) +
         ", " + is("timeline", identity.timeline) + ", " + is("database", identity.database) +
         ", system_identifier = coalesce(nullif(" + quote_literal(identity.system_identifier) +
         ", ''), system_identifier)";
  sql += " WHERE " + is("ledger_id", ledger_id) + " AND (SELECT pg_catalog.max(v.version) FROM " + schema +
         ".ledger_version v) = " + std::to_string(ledger_version());
  if (!request.take_over) {
    sql += " AND " + is("owner_namespace", request.owner.namespace_) + " AND " +
           is("owner_name", request.owner.name) + " AND owner_cluster IN ('local', " +
           quote_literal(request.owner.cluster_id) + ")";
    sql += " AND " + is("database", identity.database) + " AND (system_identifier = '' OR " +
           quote_literal(identity.system_identifier) + " IN ('', system_identifier))";
  }
  return sql + " RETURNING epoch, run";
}

}  // namespace

Holding::Holding(migration::RunRequest request) : request_(std::move(request)), run_name_(random_uuid()) {}

Holding::~Holding() {
  keep_alive_.reset();  // from here on nobody else touches the session
  // Best effort: the server frees the lock with the session anyway.
  if (locked_ && work_ && !work_->lost() && PQtransactionStatus(work_->raw()) == PQTRANS_IDLE)
    (void)release_run_lock(*work_, context_.fence.lock_key);
}

Result<std::unique_ptr<Holding>> Holding::take(const migration::RunRequest& request, Deadline deadline,
                                               const std::stop_token& stop, LookSessions* looks) {
  std::unique_ptr<Holding> holding{new Holding{request}};
  if (looks != nullptr) holding->looker_ = looks->take(request.target);
  auto done = holding->open_sessions(deadline, stop);
  if (done) done = holding->lock_ledger(deadline, stop);  // from here on no other run executes anything
  if (done) done = holding->take_epoch(deadline, stop);
  if (!done) return done.error();
  holding->keep_alive_ = std::make_unique<KeepAlive>(*holding->work_);
  return holding;
}

Result<> Holding::open_sessions(Deadline deadline, const std::stop_token& stop) {
  bool options_refused = false;
  if (!open_together(deadline, stop))
    if (const auto opened = open_watch(options_refused, deadline, stop); !opened) return opened;
  const Look& seen = seen_->look;
  const auto acceptable =
      refuse_ledger(judge(seen, request_.target.ledger_schema, request_.owner), request_.take_over);
  if (!acceptable) return acceptable;
  const auto may_create = refuse_without_create(seen, request_.target.ledger_schema);
  if (!may_create) return may_create;
  if (!work_)
    if (const auto opened = open_work(options_refused, deadline, stop); !opened) return opened;
  context_.work = &*work_;
  context_.watch = &*watch_;
  context_.reopen_watch = [this] { return open_watch_again(); };
  context_.fence.schema = request_.target.ledger_schema;
  context_.spec = request_.spec;
  context_.target = &request_.target;
  context_.server_version = seen.identity.version_num;
  context_.login = seen.identity.login;
  return {};
}

Result<> Holding::lock(std::int64_t key, Deadline deadline, const std::stop_token& stop) {
  const auto locked = acquire_run_lock(*work_, *watch_, key, deadline, stop);
  if (!locked) return locked;
  context_.fence.lock_key = key;
  locked_ = true;
  return {};
}

Result<> Holding::lock_ledger(Deadline deadline, const std::stop_token& stop) {
  if (!seen_->look.fence) {
    const auto made = make_ledger(deadline, stop);
    if (!made) return made;
  } else {
    const auto locked = lock(run_lock_key(seen_->look.fence->ledger_id), deadline, stop);
    if (!locked) return locked;
  }
  return upgrade_ledger(*work_, request_.target.ledger_schema, seen_->look.version, deadline, stop);
}

/// The first run of all: under a lock that needs no ledger, look again, create, take the ledger's own lock
/// too.
Result<> Holding::make_ledger(Deadline deadline, const std::stop_token& stop) {
  const auto& schema = request_.target.ledger_schema;
  const auto bootstrap = bootstrap_lock_key(seen_->look.identity.database, schema);
  const auto first = acquire_run_lock(*work_, *watch_, bootstrap, deadline, stop);
  if (!first) return first;
  auto seen = look(looker(), schema, {}, deadline, stop);
  if (!seen) return seen.error();
  seen_->look = std::move(*seen);
  const auto judgement = judge(seen_->look, schema, request_.owner);
  const auto acceptable = refuse_ledger(judgement, request_.take_over);
  if (!acceptable) return acceptable;

  if (judgement.state == LedgerState::Absent) {
    const auto ledger_id = create_ledger(*work_, seen_->look, schema, request_.owner, deadline, stop);
    if (!ledger_id) return ledger_id.error();
    seen_->look.version = ledger_version();
    seen_->look.fence = LedgerFence{*ledger_id, 0, "", "", request_.owner, "", "", ""};
  }
  const auto locked = lock(run_lock_key(seen_->look.fence->ledger_id), deadline, stop);
  if (!locked) return locked;
  return release_run_lock(*work_, bootstrap);
}

Result<> Holding::take_epoch(Deadline deadline, const std::stop_token& stop) {
  const auto& look_then = seen_->look;
  DBM_EFFECT_REPLY(taking, "run.epoch");
  if (taking.must_fail()) return work_->lose();
  const auto taken = work_->pipeline(
      as_login({epoch_sql(request_, look_then.identity, look_then.fence->ledger_id, run_name_)}), deadline,
      stop);
  if (taking.reply_lost()) return work_->lose();
  if (taken.error)
    return taken.error->during("take a new epoch");  // the run ends here, and its session with it
  taking.done();
  if (const Rows& rows = taken.rows[kOwnStepsAt]; rows.size() == 1) {
    context_.fence.epoch = rows.number(0, 0);
    context_.fence.run = rows.text(0, 1);
    return {};
  }
  // Not ours, or not any more: say what it is now.
  const auto seen = look(*watch_, request_.target.ledger_schema, {}, deadline, stop);
  if (!seen) return seen.error();
  const auto acceptable =
      refuse_ledger(judge(*seen, request_.target.ledger_schema, request_.owner), request_.take_over);
  if (!acceptable) return acceptable;
  return Error{ErrorKind::Transient, "ProgressingWithRetry", "the ledger changed while the run began",
               "LedgerChanged"};
}

Result<> Holding::release() {
  const auto use = use_work();
  if (!locked_) return {};
  locked_ = false;
  return release_run_lock(*work_, context_.fence.lock_key);
}

}  // namespace dbm::postgres
