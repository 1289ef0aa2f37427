#pragma once
/// Progress of a run on standard error: one moving line on a terminal, a plain line per step elsewhere.

#include <string>

#include "base/guarded.h"
#include "migration/engine.h"

namespace dbm::cli {

/// Safe to call from any thread.
class ProgressPrinter {
 public:
  /// `quiet`: says nothing.
  explicit ProgressPrinter(bool quiet);
  ~ProgressPrinter();

  void show(const migration::Progress& progress);
  /// Ends a moving line, so that what is printed next starts a line of its own.
  void finish_line();

 private:
  struct Shown {
    std::string phase, script;
    bool line_open = false;
  };

  void write(const std::string& text);

  bool quiet_;
  bool terminal_;
  Guarded<Shown> shown_;
};

}  // namespace dbm::cli
