#pragma once
/// The shape of every verb that works on objects: wire up, do it for each, the worst exit code wins.

#include <functional>
#include <string>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/wiring.h"
#include "migration/reconcile.h"
#include "migration/remedy.h"

namespace dbm::cli {

/// What one verb needs for one object.
struct Desk {
  const Options& options;
  Wiring& wiring;
  migration::Reconciler& reconciler;
  const kubernetes::Object& object;
  bool several;  ///< more than one object: results name theirs

  [[nodiscard]] const kubernetes::ObjectKey& key() const { return object.key; }
  [[nodiscard]] std::stop_token stop() const { return wiring.stop(); }
  /// Says which object the error is of where there are several, and what to do about it.
  [[nodiscard]] Error named(const Error& error) const {
    return (several ? error.during(key().name) : error).with_remedy(migration::remedy_for(error));
  }
  /// --timeout, from now; 0 is for ever.
  [[nodiscard]] Deadline deadline() const {
    return options.timeout.count() == 0 ? Deadline::never() : Deadline::after(options.timeout);
  }
};

/// Calls `verb` for each DatabaseMigration of -f in file order, and goes on with the next after a failure,
/// unless asked to stop. `progress`: where runs report to.
ExitCode for_each_object(const Options& options, const std::function<ExitCode(const Desk&)>& verb,
                         const migration::ProgressSink& progress = {});

/// Prints the error and gives its exit code.
ExitCode report(const Error& error);

}  // namespace dbm::cli
