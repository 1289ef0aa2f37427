#include "postgres/checks.h"

#include <algorithm>

#include "postgres/always_on.h"
#include "postgres/ask_check.h"
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

/// A read-only transaction of its own connection, so that all checks of a gate see one moment.
Result<Session> open_gate(const CheckRequest& request, Deadline deadline, const std::stop_token& stop) {
  auto session = Session::connect(*request.target, {"dbmigration/checks", {}}, deadline, stop);
  if (!session) return session;
  std::vector<std::string> begin{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
  for (auto& setting : settings_for(*request.spec)) begin.push_back(std::move(setting));
  const auto begun = session->pipeline(begin, deadline, stop);
  if (begun.error) return begun.error->during("open the checks' transaction");
  return session;
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

}  // namespace

Result<ChecksStatus> check_gate(Gate gate, const CheckRequest& request, Deadline deadline,
                                const std::stop_token& stop) {
  if (gate == Gate::Before && !any_at(*request.spec, gate)) return ChecksStatus{};
  const auto words = words_of(request);
  if (!words) return words.error();
  auto session = open_gate(request, deadline, stop);
  if (!session) return session.error();
  auto status = ask_all(*session, gate, request, *words, Deadline::never(), deadline, stop);
  if (!status || gate == Gate::Before) {
    if (status) sort(*status);
    return status;
  }

  const auto now = take_snapshot(*session, request.spec->ledger_schema, deadline, stop);
  if (!now) return now.error();
  for (CheckResult& result : judge_schema(*now, request.baseline, *words)) add(*status, std::move(result));
  auto sequences = ask_sequences({*session, request.timeout, deadline, stop});
  if (!sequences) return sequences.error();
  add(*status, std::move(*sequences));
  sort(*status);
  return status;
}

Result<CheckBaseline> take_baseline(const CheckRequest& request, Deadline deadline,
                                    const std::stop_token& stop) {
  auto session = open_gate(request, deadline, stop);
  if (!session) return session.error();
  CheckBaseline baseline;
  for (const Check& check : request.spec->checks) {
    if (!is_at(check, Gate::After) && !is_at(check, Gate::InTransaction)) continue;
    const auto answer = ask_check({*session, kBaselineTimeout, deadline, stop}, check);
    if (!answer && session->lost()) return answer.error();
    if (stop.stop_requested())
      return answer ? Error{ErrorKind::Cancelled, "Cancelled", "stopped as asked", "Stopping"}
                    : answer.error();
    baseline.held[check.name] = answer && answer->held;
  }
  auto schema = take_snapshot(*session, request.spec->ledger_schema, deadline, stop);
  if (!schema) return schema.error();
  baseline.schema = std::move(*schema);
  return baseline;
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
