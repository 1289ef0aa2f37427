#include "migration/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/digest.h"
#include "migration/plan_rules.h"
#include "script/appended.h"

namespace dbm::migration {
namespace {

using script::Script;

Error changed(const std::string& message, const char* cause) {
  return {ErrorKind::Terminal, "ChangedScript", message, cause};
}

/// What docs/scripts.md#runs-again says about one script before its text is looked at.
enum class Verdict { Settled, Changed, Pending, Baseline, BeyondTarget };

struct Line {
  const Script* script;
  const HistoryRow* row;  ///< nullptr: the ledger does not know it
  Verdict verdict;
};

bool counts_as_applied(const HistoryRow& row) { return row.status == "applied" || row.status == "baseline"; }

class Planner {
 public:
  Planner(const Migration& migration, const script::ScriptSet& source, const Inspection& database)
      : migration_(migration), source_(source), database_(database) {}

  Result<Plan> make() {
    index_rows();
    if (const auto bounds = read_bounds(); !bounds) return bounds.error();
    if (const auto closed = check_closed(); !closed) return closed.error();
    if (const auto missing = check_missing(); !missing) return missing.error();

    std::vector<const Script*> to_read;
    for (const Script& script : source_.scripts) {
      const Line line = classify(script);
      if (line.verdict == Verdict::Settled || line.verdict == Verdict::BeyondTarget) continue;
      lines_.push_back(line);
      to_read.push_back(&script);
    }
    auto analyses = analyse_all(to_read);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (!analyses[i]) return analyses[i].error();
      if (const auto taken = take(lines_[i], *std::move(analyses[i])); !taken) return taken.error();
    }
    if (const auto sound = check_plan(migration_.spec, database_, rows_, plan_); !sound) return sound.error();
    plan_.digest = digest();
    return std::move(plan_);
  }

 private:
  void index_rows() {
    rows_.reserve(database_.rows.size());
    for (const HistoryRow& row : database_.rows) {
      rows_.emplace(row.version_key, &row);
      if (counts_as_applied(row) &&
          (newest_ == nullptr || script::compare_keys(newest_->version_key, row.version_key) < 0))
        newest_ = &row;
    }
    in_source_.reserve(source_.scripts.size());
    for (const Script& script : source_.scripts) in_source_.emplace(script.version.key, &script);
  }

  /// targetVersion and baselineVersion, as keys.
  Result<> read_bounds() {
    const auto known = [&](const script::Version& version) {
      return in_source_.contains(version.key) || rows_.contains(version.key);
    };
    const auto read = [&](const std::string& written, const char* field, std::string& key) -> Result<> {
      if (written.empty()) return {};
      const auto version = script::parse_version(written);
      if (!version || !known(*version))
        return Error{
            ErrorKind::Terminal, "InvalidSpec",
            std::string("spec.") + field + " must be a version of the source; there is no " + written,
            "InvalidValue"};
      key = version->key;
      return {};
    };
    if (const auto target = read(migration_.spec.target_version, "targetVersion", target_); !target)
      return target;
    if (!target_.empty() && newest_ != nullptr && script::compare_keys(target_, newest_->version_key) < 0)
      return Error{ErrorKind::Terminal, "InvalidSpec",
                   "spec.targetVersion " + migration_.spec.target_version + " must not be older than " +
                       newest_->version + ", which is applied",
                   "InvalidValue"};
    return read(migration_.spec.baseline_version, "baselineVersion", baseline_);
  }

  /// A script that ended our transaction leaves its row unclosed (docs/exactly-once.md#transaction).
  Result<> check_closed() const {
    for (const HistoryRow& row : database_.rows) {
      if (row.status != "applied" || row.closed) continue;
      return Error{ErrorKind::Terminal, "ManualInterventionRequired",
                   "script " + row.version + " ended the transaction it ran in, so what it did is not proven",
                   "RowNotClosed"}
          .with_remedy("look at what it did, then run: dbm resolve " + row.version +
                       "=applied (or =pending)");
    }
    return {};
  }

  Result<> check_missing() {
    for (const HistoryRow& row : database_.rows) {
      if (row.status != "applied" || in_source_.contains(row.version_key)) continue;
      if (!baseline_.empty() && script::compare_keys(row.version_key, baseline_) <= 0) continue;
      const std::string what =
          "script " + row.version + " (" + row.name + ") is applied, but the source has no such file";
      if (migration_.spec.changed_script == ChangedScript::Refuse)
        return changed(what, "ScriptMissing").with_remedy("put the file back, or set changedScript: Warn");
      plan_.warnings.push_back(what);
    }
    return {};
  }

  [[nodiscard]] Line classify(const Script& script) const {
    const auto found = rows_.find(script.version.key);
    const HistoryRow* row = found == rows_.end() ? nullptr : found->second;
    if (row != nullptr && row->status == "baseline") return {&script, row, Verdict::Settled};
    if (row != nullptr && row->status == "applied")
      return {&script, row, row->checksum == script.checksum ? Verdict::Settled : Verdict::Changed};
    if (row == nullptr && !baseline_.empty() && script::compare_keys(script.version.key, baseline_) <= 0)
      return {&script, row, Verdict::Baseline};
    if (!target_.empty() && script::compare_keys(script.version.key, target_) > 0)
      return {&script, row, Verdict::BeyondTarget};
    return {&script, row, Verdict::Pending};
  }

  Result<> take(const Line& line, script::Analysis analysis) {
    const Script& script = *line.script;
    if (analysis.checksum != script.checksum)
      return Error{ErrorKind::Transient, "ProgressingWithRetry",
                   script.forward.name + " changed while it was read", "SourceChanged"};
    if (line.verdict == Verdict::Changed) return take_changed(line, analysis);
    if (!analysis.directives.engine.empty() && analysis.directives.engine != "PostgreSQL") {
      plan_.warnings.push_back(script.forward.name + ": left out, it is for engine " +
                               analysis.directives.engine);
      return {};
    }
    if (line.verdict == Verdict::Baseline) {
      plan_.baseline.push_back({script, std::move(analysis), "at or below baselineVersion", 0});
      return {};
    }
    if (line.row == nullptr && newest_ != nullptr &&
        script::compare_keys(script.version.key, newest_->version_key) < 0)
      return Error{ErrorKind::Terminal, "OutOfOrder",
                   script.forward.name + " is new, but older than " + newest_->version + ", which is applied"}
          .with_remedy("give it a version after " + newest_->version);
    if (line.row != nullptr && must_run_outside(*line.row, analysis))
      if (auto outside = script::analyse_refused_inside(script); outside && !outside->in_transaction)
        analysis = *std::move(outside);
    PendingScript pending{script, std::move(analysis), "new", 0};
    if (line.row != nullptr) {
      explain(*line.row, pending);
      if (const auto sound = check_begun(pending, *line.row); !sound) return sound;
    }
    add(std::move(pending));
    return {};
  }

  Result<> take_changed(const Line& line, const script::Analysis& analysis) {
    const std::string& file = line.script->forward.name;
    if (analysis.normalised == line.row->normalised) {
      plan_.warnings.push_back(file + ": DBM712 text changed, meaning the same");
      return {};
    }
    const std::string what = file + " was changed after it was applied: the ledger has " +
                             line.row->checksum + ", the source " + line.script->checksum;
    if (migration_.spec.changed_script == ChangedScript::Refuse) return refuse_changed(line, analysis, what);
    plan_.warnings.push_back(file + ": DBM712 changed after it was applied; it does not run again");
    return {};
  }

  /// The ledger keeps checksums, not texts: where the change is can be told of what was added at the end
  /// only.
  static Error refuse_changed(const Line& line, const script::Analysis& analysis, const std::string& what) {
    const HistoryRow& row = *line.row;
    Error error = changed(what, "ChecksumDiffers").with_position({line.script->forward.name, 0, 0});
    const auto before = static_cast<std::uint64_t>(row.statements);
    if (const auto added = script::appended_at(line.script->forward, before, row.normalised)) {
      error.message += "; all from statement " + std::to_string(before + 1) + " on is new";
      return error.with_position(*added).with_remedy(
          "move what was added into a new script, or set changedScript: Warn");
    }
    if (before != analysis.statements)
      error.message += "; it had " + std::to_string(before) + (before == 1 ? " statement" : " statements") +
                       ", now " + std::to_string(analysis.statements);
    return error.with_remedy("undo the change and write a new script instead, or set changedScript: Warn");
  }

  static void explain(const HistoryRow& row, PendingScript& pending) {
    const std::string share = std::to_string(row.statements_done) + " of " + std::to_string(row.statements) +
                              " statements in effect";
    if (row.status == "running") {
      pending.why = "interrupted: what took effect is looked up first";
      pending.continue_at = row.statements_done;
    } else if (row.status == "failed") {
      pending.why = row.statements_done == 0 ? "failed before, nothing in effect" : share;
      pending.continue_at = row.statements_done;
    } else {
      pending.why = "rolled back before";
    }
  }

  void add(PendingScript pending) {
    const script::Analysis& analysis = pending.analysis;
    const std::string& file = pending.script.forward.name;
    plan_.effects |= analysis.effects;
    if (!analysis.directives.irreversible.empty()) plan_.effects |= script::kIrreversible;
    plan_.statements += static_cast<std::int64_t>(analysis.statements);
    for (const auto& notice : analysis.notices) plan_.warnings.push_back(notice);
    if (!analysis.in_transaction) plan_.outside_transaction.push_back(file + forced_by(analysis));
    plan_.pending.push_back(std::move(pending));
  }

  static std::string forced_by(const script::Analysis& analysis) {
    for (const auto& statement : analysis.named)
      if (statement.what.scope == script::Scope::OutsideOnly)
        return ", line " + std::to_string(statement.at.line) + ": " + statement.what.kind;
    return ": declared with transaction none";
  }

  /// docs/status.md#plan-digest. nlohmann::json sorts the members, which makes the text canonical.
  [[nodiscard]] std::string digest() const {
    nlohmann::json scripts = nlohmann::json::array();
    const auto add_all = [&](const std::vector<PendingScript>& all, const char* direction) {
      for (const PendingScript& pending : all)
        scripts.push_back({{"versionKey", pending.script.version.key},
                           {"checksum", pending.analysis.normalised},
                           {"direction", direction},
                           {"transaction", pending.analysis.in_transaction ? "script" : "none"}});
    };
    add_all(plan_.baseline, "baseline");
    add_all(plan_.pending, "forward");
    const nlohmann::json all = {{"scripts", std::move(scripts)},
                                {"targetVersion", target_},
                                {"newestApplied", newest_ == nullptr ? "" : newest_->version_key},
                                {"systemIdentifier", database_.database.system_identifier},
                                {"database", database_.database.name},
                                {"ledgerSchema", migration_.spec.ledger_schema}};
    return "sha256:" + sha256_hex(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }

  const Migration& migration_;
  const script::ScriptSet& source_;
  const Inspection& database_;
  RowIndex rows_;
  std::unordered_map<std::string_view, const Script*> in_source_;
  const HistoryRow* newest_ = nullptr;
  std::string target_, baseline_;  ///< keys; empty: none
  std::vector<Line> lines_;
  Plan plan_;
};

}  // namespace

Result<Plan> make_plan(const Migration& migration, const script::ScriptSet& source,
                       const Inspection& database) {
  return Planner{migration, source, database}.make();
}

}  // namespace dbm::migration
