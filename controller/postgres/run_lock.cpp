#include "postgres/run_lock.h"

#include <array>
#include <chrono>
#include <random>

#include "base/digest.h"
#include "base/inject.h"
#include "postgres/pqxx_query.h"

namespace dbm::postgres {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{30'000};
constexpr std::array kFirstTries{milliseconds{20}, milliseconds{50}, milliseconds{100}, milliseconds{200},
                                 milliseconds{400}};

std::int64_t key_of(const std::string& text) {
  Sha256 hash;
  hash.update("dbmigration.dev/run\n" + text);
  const auto digest = hash.finish();
  std::uint64_t key = 0;
  for (int byte = 0; byte < 8; ++byte) key = key << 8 | digest[static_cast<std::size_t>(byte)];
  return static_cast<std::int64_t>(key);
}

std::string literal(std::int64_t key) { return "'" + std::to_string(key) + "'::bigint"; }

/// How long after the beginning the next try comes.
milliseconds next_try(std::size_t tries, milliseconds so_far) {
  if (tries < kFirstTries.size()) return kFirstTries[tries];
  thread_local std::minstd_rand random{std::random_device{}()};
  return so_far + milliseconds{std::uniform_int_distribution{500, 1500}(random)};
}

/// "user app, application dbmigration/…, pid 4711", as far as it can be seen.
std::string holder_of(Session& watch, std::int64_t key) {
  const auto rows = query_with_pqxx(watch,
                                    "SELECT a.usename, a.application_name, l.pid FROM pg_catalog.pg_locks l "
                                    "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
                                    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
                                    " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE "
                                    "d.datname = pg_catalog.current_database())"
                                    " AND l.classid = ((" +
                                        literal(key) +
                                        " >> 32) & 4294967295)::pg_catalog.oid"
                                        " AND l.objid = (" +
                                        literal(key) + " & 4294967295)::pg_catalog.oid LIMIT 1");
  if (!rows || rows->empty()) return "a session that cannot be seen";
  const auto row = (*rows)[0];
  return "user " + row[0].as<std::string>("?") + ", application " + quote_ident(row[1].as<std::string>("")) +
         ", pid " + row[2].as<std::string>("?");
}

}  // namespace

std::int64_t run_lock_key(const std::string& ledger_id) { return key_of(ledger_id); }
std::int64_t bootstrap_lock_key(const std::string& database, const std::string& schema) {
  return key_of(database + "\n" + schema);
}

Result<> acquire_run_lock(Session& work, Session& watch, std::int64_t key, Deadline deadline,
                          const std::stop_token& stop) {
  const auto begin = Deadline::Clock::now();
  const Deadline patience = deadline.earlier(Deadline::after(kPatience));
  for (std::size_t tries = 0;; ++tries) {
    DBM_EFFECT_REPLY(locking, "run.lock");
    if (locking.must_fail()) return work.lose();
    const auto got = work.exec("SELECT pg_catalog.pg_try_advisory_lock(" + literal(key) + ")", {},
                               Deadline::after(std::chrono::seconds{30}), stop);
    if (locking.reply_lost()) return work.lose();
    if (!got) return got.error().during("take the run lock");
    locking.done();
    if (got->boolean(0, 0)) return {};

    const auto so_far = std::chrono::ceil<milliseconds>(Deadline::Clock::now() - begin);
    const auto pause = std::max(milliseconds{1}, next_try(tries, so_far) - so_far);
    if (patience.passed() || patience.left() < pause)
      return Error{ErrorKind::Waiting, "WaitingForLock",
                   "another run holds this ledger's lock: " + holder_of(watch, key)};
    const auto rested = rest(pause, Deadline::never(), stop);
    if (!rested) return rested;
  }
}

Result<> release_run_lock(Session& work, std::int64_t key) {
  if (work.lost()) return connection_lost();
  DBM_EFFECT_REPLY(unlocking, "run.unlock");
  const auto answer = work.exec("SELECT pg_catalog.pg_advisory_unlock(" + literal(key) + ")",
                                Deadline::after(std::chrono::seconds{10}));
  if (unlocking.reply_lost()) return work.lose();
  if (!answer) return answer.error().during("give the run lock back");
  unlocking.done();
  if (!answer->boolean(0, 0))
    return Error{ErrorKind::Transient, "ProgressingWithRetry", "the run lock was lost during the run",
                 "RunLockLost"};
  return {};
}

}  // namespace dbm::postgres
