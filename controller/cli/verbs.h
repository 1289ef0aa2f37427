#pragma once
/// Every verb: reads Options, prints its result, answers with the exit code.

#include "cli/options.h"

namespace dbm::cli {

ExitCode run_apply(const Options& options);
ExitCode run_plan(const Options& options);
ExitCode run_status(const Options& options);
ExitCode run_history(const Options& options);
ExitCode run_validate(const Options& options);
ExitCode run_resolve(const Options& options);
ExitCode run_backup_list(const Options& options);
ExitCode run_backup_verify(const Options& options);
ExitCode run_restore(const Options& options);
ExitCode run_create(const Options& options);
#ifdef DBM_INJECTION
ExitCode run_inject_points(const Options& options);
#endif

}  // namespace dbm::cli
