#pragma once
/// A run on PostgreSQL: the verbs of EngineRun over what the run holds.

#include <memory>
#include <optional>
#include <string>

#include "migration/engine.h"
#include "migration/plan.h"
#include "postgres/begin.h"
#include "postgres/checks.h"
#include "postgres/look_sessions.h"

namespace dbm::postgres {

class PostgresRun final : public migration::EngineRun {
 public:
  /// `looks` outlives it.
  PostgresRun(std::unique_ptr<Holding> holding, LookSessions& looks)
      : looks_(looks), holding_(std::move(holding)) {}

  /// What earlier runs left open; before anything new.
  Result<> settle(Deadline deadline, const std::stop_token& stop);

  Result<migration::Inspection> inspect() override;
  Result<> open(const migration::Plan& plan) override;
  [[nodiscard]] const migration::RunRow& row() const override { return row_; }

  Result<migration::DumpFacts> dump(bool schema_only, const migration::DumpSink& sink, Deadline deadline,
                                    const std::stop_token& stop,
                                    const migration::ProgressSink& progress) override;
  Result<migration::Rehearsal> rehearse(const migration::Plan& plan, Deadline deadline,
                                        const std::stop_token& stop,
                                        const migration::ProgressSink& progress) override;
  Result<> apply(const migration::Plan& plan, Deadline deadline, const std::stop_token& stop,
                 const migration::ProgressSink& progress,
                 const std::function<void(const migration::AppliedScript&)>& applied) override;
  Result<migration::ChecksStatus> check(migration::Gate gate, const migration::Plan& plan, Deadline deadline,
                                        const std::stop_token& stop) override;

  Result<> record_backup(const migration::BackupStatus& backup) override;
  Result<> record_rehearsal(const migration::DryRunStatus& dry_run) override;
  Result<> record_checks(const migration::ChecksStatus& checks) override;
  /// A failure that is not Terminal leaves the row open: the next run with the same spec and source takes it
  /// up, with its batch, plan digest and backup.
  Result<> finish(const std::optional<Error>& failure) override;

 private:
  [[nodiscard]] RunContext& context() { return holding_->context(); }
  [[nodiscard]] CheckRequest check_request(const migration::Plan& plan);
  Error undone(const Error& error);
  /// Enter and one UPDATE of the run's row, as one transaction.
  Result<> update_row(const std::string& assignments);
  Result<> note(const Error& failure);

  LookSessions& looks_;
  std::unique_ptr<Holding> holding_;
  migration::RunRow row_;
  bool untouched_ = false;  ///< no script of this run has taken effect
  std::optional<CheckBaseline> baseline_;
};

}  // namespace dbm::postgres
