#include "cli/progress.h"

#include <unistd.h>

#include "base/redact.h"

namespace dbm::cli {
namespace {

/// "Apply     0003_tickets.sql  statement 3 of 9": what both forms of a line say.
std::string describe(const migration::Progress& progress) {
  std::string text(progress.activity.empty() ? to_string(progress.phase) : progress.activity);
  text.resize(std::max<std::size_t>(text.size(), 8), ' ');
  if (!progress.script.empty()) text += "  " + progress.script;
  if (progress.of > 1)
    text += "  " + std::to_string(progress.statement) + " of " + std::to_string(progress.of);
  if (progress.percent > 0) text += "  " + std::to_string(progress.percent) + " %";
  if (!progress.message.empty()) text += "  " + progress.message;
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

ProgressPrinter::ProgressPrinter(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressPrinter::~ProgressPrinter() { finish_line(); }

void ProgressPrinter::show(const migration::Progress& progress) {
  if (quiet_) return;
  shown_.with([&](Shown& shown) {
    const std::string phase(to_string(progress.phase));
    const bool new_step =
        phase != shown.phase || progress.script != shown.script || !progress.message.empty();
    // That a script is through is said when it is applied, not when its last statement is.
    const bool through = progress.percent == 100 && progress.message.empty();
    if (!terminal_ && (!new_step || through)) return;
    if (terminal_) {
      // A new phase starts a new line, so that the last state of each stays to be read.
      const bool keep = shown.line_open && phase != shown.phase;
      write((keep ? "\n" : "\r") + describe(progress) + "\x1b[K");
    } else {
      write(describe(progress) + "\n");
    }
    shown = {phase, progress.script, terminal_};
  });
}

void ProgressPrinter::finish_line() {
  if (quiet_) return;
  shown_.with([&](Shown& shown) {
    if (shown.line_open) write("\n");
    shown.line_open = false;
  });
}

void ProgressPrinter::write(const std::string& text) {
  const std::string line = redact::scrub(text);
  // Progress informs; when standard error is gone the work goes on.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) quiet_ = true;
}

}  // namespace dbm::cli
