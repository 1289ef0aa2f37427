#pragma once
/// A run's row and its evidence, between the ledger's JSON and values.

#include <optional>
#include <string>

#include "migration/engine.h"
#include "migration/plan.h"
#include "postgres/session.h"

namespace dbm::postgres {

std::string to_json(const migration::BackupStatus& backup);
std::string to_json(const migration::DryRunStatus& dry_run);
std::string to_json(const migration::ChecksStatus& checks);
std::string failure_json(const Error& error);
/// Names and numbers of the plan, for people who read `run`.
std::string plan_json(const migration::Plan& plan);

/// The columns read_run_row expects, of `run r`, and how many they are.
std::string run_columns();
inline constexpr int kRunColumns = 16;
migration::RunRow read_run_row(const Rows& rows, int row);

}  // namespace dbm::postgres
