#include "migration/plan_rules.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "base/digest.h"
#include "script/statements.h"

namespace dbm::migration {
namespace {

/// Fewer are read faster than a thread is started.
constexpr std::size_t kWorthThreads = 32;

Error invalid(const PendingScript& pending, const std::string& what, const char* cause) {
  const std::string& file = pending.script.forward.name;
  return Error{ErrorKind::Terminal, "SourceInvalid", file + " " + what, cause}.with_position({file, 0, 0});
}

Result<> check_requirements(const std::vector<PendingScript>& all,
                            std::set<std::string, std::less<>>& known) {
  for (const PendingScript& pending : all) {
    for (const auto& needed : pending.analysis.directives.requires_versions) {
      const auto version = script::parse_version(needed);
      if (known.contains(needed) || (version && known.contains(version->key))) continue;
      return invalid(pending, "requires " + needed + ", which is neither applied nor pending before it",
                     "MissingDependency");
    }
    known.insert(pending.script.version.key);
    known.insert(pending.script.name);
  }
  return {};
}

bool any_requirement(const Plan& plan) {
  const auto has = [](const PendingScript& pending) {
    return !pending.analysis.directives.requires_versions.empty();
  };
  return std::any_of(plan.pending.begin(), plan.pending.end(), has) ||
         std::any_of(plan.baseline.begin(), plan.baseline.end(), has);
}

}  // namespace

std::vector<Result<script::Analysis>> analyse_all(const std::vector<const script::Script*>& scripts) {
  std::vector<Result<script::Analysis>> answers(scripts.size(), script::Analysis{});
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < scripts.size(); i = next++) answers[i] = script::analyse(*scripts[i]);
  };
  std::vector<std::jthread> helpers;
  if (scripts.size() >= kWorthThreads)
    for (unsigned n = std::min(std::thread::hardware_concurrency(), 8u); n > 1; --n)
      helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  return answers;
}

bool must_run_outside(const HistoryRow& row, const script::Analysis& analysis) {
  // Only a script that runs statement by statement has a running row, or some of its statements in effect.
  const bool refused = row.status == "failed" && (row.failed_with == "25001" || row.statements_done > 0);
  return analysis.in_transaction && analysis.normalised == row.normalised &&
         (refused || row.status == "running");
}

Result<> check_begun(const PendingScript& pending, const HistoryRow& row) {
  const auto& done = row.done_hashes;
  if (done.empty()) return {};
  const std::string& file = pending.script.forward.name;
  const bool one = done.size() == 1;
  const std::string share = one ? "its first statement is in effect"
                                : "its first " + std::to_string(done.size()) + " statements are in effect";
  const std::string by_hand = "`dbm resolve " + row.version + "=applied` once the rest is in effect too";
  if (pending.analysis.in_transaction)
    return Error{ErrorKind::Terminal, "ChangedScript",
                 file + ": " + share + ", so it cannot begin anew in a transaction", "ChecksumDiffers"}
        .with_position({file, 0, 0})
        .with_remedy("put '-- dbm:transaction none' back at its top, or " + by_hand);
  auto reader = script::StatementReader::open(pending.script.forward, pending.analysis.wrapped);
  if (!reader) return reader.error();
  for (std::size_t i = 0; i < done.size(); ++i) {
    const auto next = reader->next();
    if (!next) return next.error();
    if (*next != nullptr && sha256_hex((*next)->text) == done[i]) {
      for (bool more = (*next)->copy_from_stdin; more;) {
        const auto rows = reader->next_rows();
        if (!rows) return rows.error();
        more = !rows->empty();
      }
      continue;
    }
    const std::string now = *next == nullptr ? " is missing now" : " is another now";
    return Error{ErrorKind::Terminal, "ChangedScript",
                 file + ": " + share + ", and statement " + std::to_string(i + 1) + now, "ChecksumDiffers"}
        .with_position(*next == nullptr ? Position{file, 0, 0} : (*next)->at)
        .with_remedy("put the first " + (one ? "statement" : std::to_string(done.size()) + " statements") +
                     " back as " + (one ? "it was" : "they were") + ", or " + by_hand);
  }
  return {};
}

Result<> check_plan(const Spec& spec, const Inspection& database, const RowIndex& rows, const Plan& plan) {
  if (any_requirement(plan)) {
    std::set<std::string, std::less<>> known;
    for (const auto& [key, row] : rows) {
      if (row->status != "applied" && row->status != "baseline") continue;
      known.emplace(key);
      known.insert(row->name);
    }
    if (const auto met = check_requirements(plan.baseline, known); !met) return met;
    if (const auto met = check_requirements(plan.pending, known); !met) return met;
  }
  for (const PendingScript& pending : plan.pending) {
    if (!script::server_matches(pending.analysis.directives.server, database.server_version_num))
      return invalid(pending,
                     "is for server " + pending.analysis.directives.server + ", this one is " +
                         database.database.server_version,
                     "UnsupportedServer");
    if (spec.apply.transaction == ApplyTransaction::AllPending && !pending.analysis.in_transaction)
      return invalid(pending, "cannot run in a transaction, as apply.transaction AllPending asks for",
                     "CannotBeInTransaction")
          .with_remedy(
              "set apply.transaction: PerScript, or apply this script in a run of its own with "
              "targetVersion");
  }
  return {};
}

Plan without_notice_of(Plan plan, const Error& error) {
  if (error.cause != "SyntaxError") return plan;
  std::string place;
  for (const PendingScript& pending : plan.pending)
    for (const auto& named : pending.analysis.named)
      if (!named.what.syntax_error.empty() && named.at.file == error.at.file &&
          std::pair(named.at.line, named.at.column) <= std::pair(error.at.line, error.at.column))
        place = to_string(named.at);
  std::erase_if(plan.warnings, [&](const std::string& warning) {
    return !place.empty() && warning.starts_with(place + ": DBM717");
  });
  return plan;
}

}  // namespace dbm::migration
