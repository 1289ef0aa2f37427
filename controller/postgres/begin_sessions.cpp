/// The two sessions of a run: opened, and known to be what they have to be before anything is done on them.
#include <functional>
#include <thread>

#include "postgres/begin.h"
#include "postgres/pooler.h"

namespace dbm::postgres {
namespace {

using Settings = std::map<std::string, std::string>;

/// A setting the server does not know: it is too old, or what the manifest says in `options` is wrong.
Error refused_setting(const migration::Target& target, const Error& refusal, Deadline deadline,
                      const std::stop_token& stop) {
  auto session = Session::connect(target, {"dbmigration/look", {}}, deadline, stop);
  if (!session) return session.error();
  const auto identity = ask_identity(*session, deadline, stop);
  if (!identity) return identity.error();
  const auto usable = refuse_server(*identity);
  return usable ? refusal : usable.error();
}

/// A session with the server's own word on who it is and what settings reached it.
struct Opened {
  Session session;
  PipelineResult answers;
};

Result<Opened> open_and_ask(const migration::Target& target, const std::string& name,
                            const Settings& settings, Deadline deadline, const std::stop_token& stop) {
  auto session = Session::connect(target, {name, settings}, deadline, stop);
  if (!session) return session.error();
  const std::string questions[] = {identity_sql(), read_back_sql(settings)};
  auto answers = session->pipeline(questions, deadline, stop);
  if (answers.error) return *answers.error;
  return Opened{std::move(*session), std::move(answers)};
}

/// The same server, database and login as was looked at, reached without a pooler, with all settings.
bool is_as_seen(Opened& opened, const Settings& settings, const migration::Target& target,
                const Identity& seen) {
  const Identity is = read_identity(opened.answers.rows[0]);
  opened.session.heard_backend(is.backend_pid);
  return opened.session.is_direct() && is.system_identifier == seen.system_identifier &&
         is.database == seen.database && is.timeline == seen.timeline && is.version_num == seen.version_num &&
         is.login == seen.login && is.in_recovery == seen.in_recovery &&
         arrived(opened.answers.rows[1], settings, target);
}

}  // namespace

/// Where the database was looked at a moment ago on a session that is still there, its version is known and
/// no pooler is in the way: watch and work need not wait for each other, nor for one more look meanwhile.
/// False when anything is not as expected; what it is then shows in opening one after the other.
bool Holding::open_together(Deadline deadline, const std::stop_token& stop) {
  if (!looker_) return false;
  const auto& target = request_.target;
  const Settings for_watch = run_settings(RunRole::Watch, 0),
                 for_work = run_settings(RunRole::Work, looker_->server_version());
  const Error untold{ErrorKind::Transient, "ProgressingWithRetry", "not opened"};
  Result<Opened> watch = untold, work = untold;
  std::jthread opens_watch{[&] {
    watch = open_and_ask(target, "dbmigration/" + run_name_ + "/watch", for_watch, deadline, stop);
  }};
  std::jthread opens_work{
      [&] { work = open_and_ask(target, "dbmigration/" + run_name_, for_work, deadline, stop); }};
  auto seen = look(*looker_, target.ledger_schema, {}, deadline, stop);
  opens_watch.join();
  opens_work.join();
  const bool usable = seen && refuse_server(seen->identity) && refuse_login(seen->identity, target);
  if (!usable || !watch || !work || !is_as_seen(*watch, for_watch, target, seen->identity) ||
      !is_as_seen(*work, for_work, target, seen->identity)) {
    looker_.reset();
    return false;
  }
  watch_.emplace(std::move(watch->session));
  work_.emplace(std::move(work->session));
  seen_ = std::make_unique<Seen>(Seen{std::move(*seen)});
  return true;
}

Result<> Holding::open_watch(bool& options_refused, Deadline deadline, const std::stop_token& stop) {
  const auto& target = request_.target;
  const auto settings = run_settings(RunRole::Watch, 0);
  // The watch goes first and tells the version: an unknown setting would be refused.
  auto watch = connect_with_settings(target, "dbmigration/" + run_name_ + "/watch", settings, options_refused,
                                     deadline, stop);
  if (!watch && watch.error().sqlstate == "42704")
    return refused_setting(target, watch.error(), deadline, stop);
  if (!watch) return watch.error();
  watch_.emplace(std::move(*watch));
  auto seen = look(*watch_, target.ledger_schema, {{read_back_sql(settings)}, {}}, deadline, stop);
  if (!seen) return seen.error();
  const auto usable = refuse_server(seen->identity);
  if (!usable) return usable;
  const auto login = refuse_login(seen->identity, target);
  if (!login) return login;

  const bool settings_lost = options_refused || !arrived(seen->always.front(), settings, target);
  if (settings_lost || watch_->backend_pid() != seen->identity.backend_pid) {
    const auto session_mode = prove_session_mode(*watch_, target, deadline, stop);
    if (!session_mode) return session_mode;
    const auto set = watch_->exec(set_sql(settings), {}, deadline, stop);
    if (!set) return set.error();
  }
  seen_ = std::make_unique<Seen>(Seen{std::move(*seen)});
  return {};
}

// No deadline of the caller's: the run waits for it no longer than for one look.
Result<> Holding::open_watch_again() {
  const auto soon = Deadline::after(std::chrono::seconds{3});
  const auto settings = run_settings(RunRole::Watch, 0);
  bool options_refused = false;
  auto watch = connect_with_settings(request_.target, "dbmigration/" + run_name_ + "/watch", settings,
                                     options_refused, soon, {});
  if (!watch) return watch.error();
  if (options_refused)
    if (const auto set = watch->exec(set_sql(settings), {}, soon, {}); !set) return set.error();
  *watch_ = std::move(*watch);
  return {};
}

Result<> Holding::open_work(bool options_refused, Deadline deadline, const std::stop_token& stop) {
  const auto settings = run_settings(RunRole::Work, seen_->look.identity.version_num);
  auto work = connect_with_settings(request_.target, "dbmigration/" + run_name_, settings, options_refused,
                                    deadline, stop);
  if (!work) return work.error();
  work_.emplace(std::move(*work));
  const auto read_back = work_->exec(read_back_sql(settings), {}, deadline, stop);
  if (!read_back) return read_back.error();
  if (options_refused || !arrived(*read_back, settings, request_.target)) {
    context_.after_reset = set_sql(settings);
    const auto set = work_->exec(context_.after_reset, {}, deadline, stop);
    if (!set) return set.error();
  }
  return {};
}

}  // namespace dbm::postgres
