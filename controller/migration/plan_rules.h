#pragma once
/// What a plan must hold beyond each script's own row, and the reading of scripts on several threads.

#include <string_view>
#include <unordered_map>
#include <vector>

#include "migration/plan.h"

namespace dbm::migration {

/// The deciding row of each version key. Views and pointers belong to the inspection.
using RowIndex = std::unordered_map<std::string_view, const HistoryRow*>;

/// Reads each script once, on as many threads as there are processors; answers in the order of `scripts`.
std::vector<Result<script::Analysis>> analyse_all(const std::vector<const script::Script*>& scripts);

/// requires, server, AllPending. Terminal/SourceInvalid with MissingDependency, UnsupportedServer,
/// CannotBeInTransaction.
Result<> check_plan(const Spec& spec, const Inspection& database, const RowIndex& rows, const Plan& plan);

/// The server has refused this very script in a transaction (25001), or it has begun without one.
bool must_run_outside(const HistoryRow& row, const script::Analysis& analysis);

/// A script of which some statements are in effect goes on after them, so they must be what they were, and it
/// must still run outside a transaction: else Terminal/ChangedScript.
Result<> check_begun(const PendingScript& pending, const HistoryRow& row);

/// The plan without its notice that the parser does not read the statement which the server does not take
/// either: `error` (SyntaxError) says so already. Other errors take nothing away.
Plan without_notice_of(Plan plan, const Error& error);

}  // namespace dbm::migration
