/// `dbm apply`: takes each database where its manifest says, and waits for it.

#include <nlohmann/json.hpp>

#include "cli/each.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/status_text.h"
#include "cli/verbs.h"

namespace dbm::cli {

ExitCode run_apply(const Options& options) {
  ProgressPrinter printer{options.quiet};
  const auto apply = [&](const Desk& desk) {
    const auto done = desk.reconciler.until_settled(desk.key(), desk.deadline(), desk.stop());
    printer.finish_line();
    if (options.output == Output::Table) {
      print(done.suspended ? desk.key().name + ": suspended, nothing was started\n"
                           : describe(desk.object, done.status));
    } else {
      print(with_status(desk.object, done.status), options.output);
    }
    if (done.failure) {
      complain(desk.named(*done.failure));
      // Who asks for quiet reads one line, or none.
      if (!options.quiet) show_place(desk, *done.failure);
    }
    return static_cast<ExitCode>(done.exit_code);
  };
  return for_each_object(options, apply,
                         [&](const migration::Progress& progress) { printer.show(progress); });
}

}  // namespace dbm::cli
