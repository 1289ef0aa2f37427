#pragma once
/// Looks at the run's work from beside it, by the session *watch*: who holds the lock we wait for, and how
/// long we did.

#include <string>

#include "postgres/pipeline.h"
#include "postgres/run_context.h"

namespace dbm::postgres {

/// The patience of everything that apply sends. Counts apply.deadline: execution, less waiting for locks.
/// Used by the run's thread alone.
class LockWatch final : public Patience {
 public:
  /// `budget` is spec.apply.deadline (0: none).
  LockWatch(RunContext& run, std::chrono::milliseconds budget);

  [[nodiscard]] Deadline deadline() const override;
  [[nodiscard]] std::chrono::milliseconds first_look() const override;
  std::chrono::milliseconds look(std::chrono::milliseconds quiet) override;

  /// A try begins: nothing is known of blockers; looks come at max(half of `limit`, limit - 500 ms).
  void begin_try(std::chrono::milliseconds limit);
  /// Time that was not execution: sleeping between tries.
  void not_counted(std::chrono::milliseconds span) { waited_ += span; }
  /// A COMMIT is on its way: it is never cancelled.
  void committing(bool on) { committing_ = on; }
  /// Who was in the way at the last look, for people: "a lock on orders held by pid 4711 (app, idle in
  /// transaction, 42 s)". Empty: nobody was seen.
  [[nodiscard]] const std::string& blockers() const { return blockers_; }
  /// Keeps *watch* from being ended as idle while *work* talks without a pause. Cheap.
  void keep_alive();
  /// The error for a deadline that has passed: Terminal/DeadlineExceeded.
  [[nodiscard]] static Error out_of_time();

 private:
  RunContext& run_;
  Deadline::Clock::time_point began_ = Deadline::Clock::now();
  std::chrono::milliseconds budget_, waited_{0}, limit_{0}, waiting_since_{0};
  bool committing_ = false;
  std::string blockers_;
};

}  // namespace dbm::postgres
