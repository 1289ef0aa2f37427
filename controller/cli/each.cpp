#include "cli/each.h"

namespace dbm::cli {

ExitCode report(const Error& error) {
  complain(error);
  return exit_code_of(error);
}

ExitCode for_each_object(const Options& options, const std::function<ExitCode(const Desk&)>& verb,
                         const migration::ProgressSink& progress) {
  const auto wiring = Wiring::make(options, Wiring::Need::Everything);
  if (!wiring) return report(wiring.error());
  const auto objects = (*wiring)->migrations();
  if (!objects) return report(objects.error());
  migration::Reconciler reconciler{(*wiring)->surroundings(),
                                   progress ? progress : [](const migration::Progress&) {}};
  ExitCode code = kDone;
  for (const auto& object : *objects) {
    if ((*wiring)->stop().stop_requested()) return worst(code, kFailed);
    code = worst(code, verb({options, **wiring, reconciler, object, objects->size() > 1}));
  }
  return code;
}

}  // namespace dbm::cli
