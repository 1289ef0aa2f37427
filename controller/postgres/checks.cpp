#include "postgres/checks.h"

#include <algorithm>
#include <iterator>

#include "postgres/always_on.h"
#include "postgres/ask_check.h"
#include "postgres/look_sessions.h"
#include "postgres/plan_words.h"
#include "postgres/sql_words.h"
#include "postgres/statement_limits.h"

namespace dbm::postgres {
namespace {

using migration::Check;
using migration::CheckResult;
using migration::ChecksStatus;
using migration::Gate;
using std::chrono::milliseconds;

/// What an After check may cost on the untouched database before it counts as "not true yet".
constexpr milliseconds kBaselineTimeout{5'000};

bool is_at(const Check& check, Gate gate) { return std::ranges::find(check.at, gate) != check.at.end(); }

bool any_at(const migration::Spec& spec, Gate gate) {
  return std::ranges::any_of(spec.checks, [&](const Check& check) { return is_at(check, gate); });
}

std::string set_role(const migration::Spec& spec) {
  return spec.role.empty() ? "SET LOCAL ROLE NONE" : "SET LOCAL ROLE " + quote_ident(spec.role);
}

/// What every check is asked under: the role, all rows or an error, no long wait in a lock queue.
std::vector<std::string> settings_for(const migration::Spec& spec) {
  return {set_role(spec), "SET LOCAL row_security = off", "SET LOCAL cursor_tuple_fraction = 1",
          "SET LOCAL lock_timeout = " + server_millis(spec.apply.lock_timeout)};
}

/// Where a gate is asked: a session that only looked so far. One that a query of the user's ran on serves no
/// further, since not all that a query can do is undone with its transaction (an advisory lock stays).
template <class Ask>
auto ask_at_gate(const CheckRequest& request, bool asks_queries, Deadline deadline,
                 const std::stop_token& stop, Ask ask) {
  LookSessions own;
  LookSessions& looks = request.looks != nullptr ? *request.looks : own;
  return looks.use(*request.target, !asks_queries, deadline, stop, std::move(ask));
}

/// A read-only transaction, so that all checks of a gate see one moment.
std::vector<std::string> gate_steps(const CheckRequest& request) {
  std::vector<std::string> begin{
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
      "SELECT pg_catalog.set_config('application_name', "
      "pg_catalog.replace(pg_catalog.current_setting('application_name'), 'dbmigration/look', "
      "'dbmigration/checks'), true)"};
  for (auto& setting : settings_for(*request.spec)) begin.push_back(std::move(setting));
  return begin;
}

void append(std::vector<std::string>& steps, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(steps));
}

/// Queries of the user's that are asked at one of `gates`.
bool asks_queries(const migration::Spec& spec, std::initializer_list<Gate> gates) {
  return std::ranges::any_of(spec.checks, [&](const Check& check) {
    return check.sql && std::ranges::any_of(gates, [&](Gate gate) { return is_at(check, gate); });
  });
}

/// Order of results: what needs attention first.
int rank(const CheckResult& result) {
  if (result.result == "Failed") return 0;
  if (result.result == "Warned") return 1;
  return result.result == "Vacuous" ? 2 : 3;
}

void add(ChecksStatus& status, CheckResult result) {
  if (result.result == "Failed")
    ++status.failed;
  else if (result.result == "Warned")
    ++status.warned;
  else if (result.result == "Vacuous")
    ++status.vacuous;
  else
    ++status.passed;
  status.results.push_back(std::move(result));
}

void sort(ChecksStatus& status) { std::ranges::stable_sort(status.results, {}, rank); }

bool is_about(const migration::ColumnCheck& check, const WrittenTable& altered) {
  return (names_the_same(altered.table, check.table) || names_the_same(check.table, altered.table)) &&
         std::ranges::find(altered.columns, check.name) != altered.columns.end();
}

/// Already true before, and about rows that a pending script writes, or a column that it defines anew: then
/// it says nothing about that script. The words for what it does; empty: not vacuous.
std::string made_vacuous_by(const Check& check, const CheckRequest& request, const PlanWords& words) {
  if (is_at(check, Gate::Before) || request.baseline == nullptr) return {};
  const auto held = request.baseline->held.find(check.name);
  if (held == request.baseline->held.end() || !held->second) return {};
  if (check.column) {
    const bool altered = std::ranges::any_of(
        words.altered, [&](const WrittenTable& one) { return is_about(*check.column, one); });
    return altered ? check.column->table + "." + check.column->name + " was altered" : std::string{};
  }
  if (!check.sql) return {};
  for (const WrittenTable& written : words.written)
    if (reads(check.sql->query, written))
      return written.table + (written.columns.empty() ? "" : "." + written.columns.front()) + " was written";
  return {};
}

CheckResult result_of(const Check& check, Gate gate, const Answer& answer, const CheckRequest& request,
                      const PlanWords& words) {
  CheckResult result{check.name, std::string(to_string(gate)), "Passed", answer.message};
  if (!answer.held) {
    result.result = check.severity == migration::Severity::Error ? "Failed" : "Warned";
  } else if (gate != Gate::Before) {
    if (const std::string change = made_vacuous_by(check, request, words); !change.empty()) {
      result.result = "Vacuous";
      result.message = "was already true before " + change +
                       ", so it says nothing about that; at: [Before, After] if that is meant";
    }
  }
  return result;
}

Result<PlanWords> words_of(const CheckRequest& request) {
  // Without a baseline nothing is held against them.
  return request.plan == nullptr || request.baseline == nullptr ? PlanWords{}
                                                                : read_plan_words(*request.plan);
}

Result<ChecksStatus> ask_all(Session& session, Gate gate, const CheckRequest& request, const PlanWords& words,
                             Deadline budget_end, Deadline deadline, const std::stop_token& stop) {
  ChecksStatus status;
  for (const Check& check : request.spec->checks) {
    if (!is_at(check, gate)) continue;
    const auto left = budget_end.left(request.timeout);
    // With the budget used up there is nothing to ask with: the verdict is the same as after one more
    // millisecond.
    const auto answer =
        left.count() == 0
            ? Result<Answer>{Answer{false, "timed out: the checks before it used up the time for all"}}
            : ask_check({session, left, deadline, stop}, check);
    if (!answer) return answer.error().during("check " + check.name);
    add(status, result_of(check, gate, *answer, request, words));
  }
  return status;
}

/// Sends what opened the gate, where checks have to be asked next; without any it goes along with what
/// follows.
Result<> open_for_checks(Session& session, std::vector<std::string>& steps, bool any, Deadline deadline,
                         const std::stop_token& stop) {
  if (!any) return {};
  const auto begun = session.pipeline(steps, deadline, stop);
  steps.clear();
  return begun.error ? Result<>{begun.error->during("open the checks' transaction")} : Result<>{};
}

/// What is always on at After: `steps` go first, in the same round trip.
Result<> ask_always_on(Session& session, std::vector<std::string> steps, const CheckRequest& request,
                       const PlanWords& words, ChecksStatus& status, Deadline deadline,
                       const std::stop_token& stop) {
  const std::size_t snapshot = steps.size() + kSnapshotAt;
  append(steps, snapshot_steps(request.spec->ledger_schema));
  append(steps, sequence_steps());
  auto answer = session.pipeline(steps, deadline, stop);
  const bool sequences_failed = answer.error && answer.rows.size() + 1 == steps.size();
  if (answer.error && !sequences_failed) return *answer.error;
  const auto now = read_snapshot(answer.rows[snapshot]);
  for (CheckResult& result : judge_schema(now, request.baseline, words, request.rehearsed))
    add(status, std::move(result));
  auto sequences = judge_sequences(
      {session, request.timeout, deadline, stop},
      answer.error ? Result<Rows>{*answer.error} : Result<Rows>{std::move(answer.rows.back())});
  if (!sequences) return sequences.error();
  add(status, std::move(*sequences));
  return {};
}

/// The gate's checks, and at After those that are always on; ends the transaction.
Result<ChecksStatus> ask_gate(Session& session, Gate gate, const CheckRequest& request,
                              const PlanWords& words, Deadline deadline, const std::stop_token& stop) {
  std::vector<std::string> steps = gate_steps(request);
  const bool any = any_at(*request.spec, gate);
  if (const auto open = open_for_checks(session, steps, any, deadline, stop); !open) return open.error();
  auto status = ask_all(session, gate, request, words, Deadline::never(), deadline, stop);
  if (!status) return status;
  if (gate == Gate::After) {
    const auto asked = ask_always_on(session, std::move(steps), request, words, *status, deadline, stop);
    if (!asked) return asked.error();
  }
  sort(*status);
  if (const auto ended = session.exec("ROLLBACK", deadline, stop); !ended) return ended.error();
  return status;
}

Result<CheckBaseline> ask_baseline(Session& session, const CheckRequest& request, Deadline deadline,
                                   const std::stop_token& stop) {
  std::vector<std::string> steps = gate_steps(request);
  const bool any = any_at(*request.spec, Gate::After) || any_at(*request.spec, Gate::InTransaction);
  if (const auto open = open_for_checks(session, steps, any, deadline, stop); !open) return open.error();
  CheckBaseline baseline;
  for (const Check& check : request.spec->checks) {
    if (!is_at(check, Gate::After) && !is_at(check, Gate::InTransaction)) continue;
    const auto answer = ask_check({session, kBaselineTimeout, deadline, stop}, check);
    if (!answer && session.lost()) return answer.error();
    if (stop.stop_requested())
      return answer ? Error{ErrorKind::Cancelled, "Cancelled", "stopped as asked", "Stopping"}
                    : answer.error();
    baseline.held[check.name] = answer && answer->held;
  }
  const std::size_t snapshot = steps.size() + kSnapshotAt;
  append(steps, snapshot_steps(request.spec->ledger_schema));
  const auto answer = session.pipeline_then(steps, "ROLLBACK", deadline, stop);
  if (answer.error) return *answer.error;
  baseline.schema = read_snapshot(answer.rows[snapshot]);
  return baseline;
}

}  // namespace

Result<ChecksStatus> check_gate(Gate gate, const CheckRequest& request, Deadline deadline,
                                const std::stop_token& stop) {
  if (gate == Gate::Before && !any_at(*request.spec, gate)) return ChecksStatus{};
  const auto words = words_of(request);
  if (!words) return words.error();
  return ask_at_gate(request, asks_queries(*request.spec, {gate}), deadline, stop, [&](Session& session) {
    return ask_gate(session, gate, request, *words, deadline, stop);
  });
}

Result<CheckBaseline> take_baseline(const CheckRequest& request, Deadline deadline,
                                    const std::stop_token& stop) {
  return ask_at_gate(request, asks_queries(*request.spec, {Gate::After, Gate::InTransaction}), deadline, stop,
                     [&](Session& session) { return ask_baseline(session, request, deadline, stop); });
}

Result<ChecksStatus> check_in_transaction(Session& work, const CheckRequest& request, milliseconds budget,
                                          Deadline deadline, const std::stop_token& stop) {
  if (!any_at(*request.spec, Gate::InTransaction)) return ChecksStatus{};
  const auto words = words_of(request);
  if (!words) return words.error();
  std::vector<std::string> begin{"SAVEPOINT dbm_checks", "SET LOCAL search_path TO DEFAULT",
                                 "SET TRANSACTION READ ONLY"};
  for (auto& setting : settings_for(*request.spec)) begin.push_back(std::move(setting));
  const auto begun = work.pipeline(begin, deadline, stop);
  if (begun.error) return begun.error->during("open the checks' savepoint");

  auto status = ask_all(work, Gate::InTransaction, request, *words, Deadline::after(budget), deadline, stop);
  if (work.lost()) return status ? Result<ChecksStatus>{connection_lost()} : status;
  const std::vector<std::string> end{"ROLLBACK TO SAVEPOINT dbm_checks", "RELEASE SAVEPOINT dbm_checks"};
  const auto ended = work.pipeline(end);
  if (ended.error) return *ended.error;
  if (status) sort(*status);
  return status;
}

void merge_checks(ChecksStatus& all, const ChecksStatus& more) {
  std::vector<CheckResult> results = std::move(all.results);
  for (const CheckResult& result : more.results) {
    const auto known = std::ranges::find_if(
        results, [&](const CheckResult& one) { return one.name == result.name && one.at == result.at; });
    if (known == results.end())
      results.push_back(result);
    else if (rank(result) < rank(*known))
      *known = result;
  }
  all = {};
  for (CheckResult& result : results) add(all, std::move(result));
  sort(all);
}

Result<> refuse_failed(const ChecksStatus& checks) {
  const auto failed = std::ranges::find(checks.results, std::string("Failed"), &CheckResult::result);
  if (failed == checks.results.end()) return {};
  std::string message = "check " + failed->name + " failed: " + failed->message;
  if (checks.failed > 1) message += " (and " + std::to_string(checks.failed - 1) + " more)";
  return Error{ErrorKind::Terminal, "ValidationFailed", std::move(message), "CheckFailed"};
}

}  // namespace dbm::postgres
