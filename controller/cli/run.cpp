#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/inject.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace dbm::cli {
namespace {

struct Verb {
  std::string_view name;
  ExitCode (*run)(const Options&);
};

constexpr std::array kVerbs{
    Verb{"apply", run_apply},
    Verb{"plan", run_plan},
    Verb{"status", run_status},
    Verb{"history", run_history},
    Verb{"validate", run_validate},
    Verb{"resolve", run_resolve},
    Verb{"backup list", run_backup_list},
    Verb{"backup verify", run_backup_verify},
    Verb{"restore", run_restore},
    Verb{"create", run_create},
#ifdef DBM_INJECTION
    Verb{"inject-points", run_inject_points},
#endif
};

}  // namespace

int run(int argc, const char* const* argv) {
  // A reader that goes away shows as an error of write(), a full quota as ENOSPC's cousin EFBIG: both are
  // handled where they happen.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  const Parsed parsed = parse(argc, argv);
  if (!parsed.options) {
    std::fputs(parsed.message.c_str(), parsed.exit_code == kDone ? stdout : stderr);
    return parsed.exit_code;
  }
  const auto verb = std::find_if(kVerbs.begin(), kVerbs.end(),
                                 [&](const Verb& v) { return v.name == parsed.options->verb; });
  return verb->run(*parsed.options);
}

#ifdef DBM_INJECTION
ExitCode run_inject_points(const Options&) {
  for (const auto& point : inject::all_points())
    print(std::string(point.name) + (point.has_reply != 0 ? " reply\n" : "\n"));
  return kDone;
}
#endif

}  // namespace dbm::cli
