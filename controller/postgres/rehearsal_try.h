#pragma once
/// One try of a rehearsal: one transaction on *work*, rolled back whatever happens. Private to rehearse.cpp.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "migration/engine.h"
#include "migration/plan.h"
#include "postgres/catalog.h"
#include "postgres/lock_watch.h"
#include "postgres/pipeline.h"
#include "postgres/run_context.h"
#include "postgres/sqlstate.h"
#include "script/statements.h"

namespace dbm::postgres {

/// How a try came to its end.
struct TryOutcome {
  enum class Kind {
    Done,         ///< every script asked for was rehearsed
    Stopped,      ///< from `script` on nothing was rehearsed: `why`
    LockTimeout,  ///< a lock did not come; the same may be tried again
    Failed,       ///< `error`
  };
  Kind kind = Kind::Done;
  std::size_t script = 0;
  std::string why;
  std::optional<Error> error;
};

class RehearsalTry {
 public:
  /// `lock_limit` of every wait for a lock; shorter where less of maxBlocking is left. All references outlive
  /// this.
  RehearsalTry(RunContext& run, const migration::Plan& plan, std::chrono::milliseconds lock_limit,
               Deadline deadline, const std::stop_token& stop);
  ~RehearsalTry();
  RehearsalTry(const RehearsalTry&) = delete;
  RehearsalTry& operator=(const RehearsalTry&) = delete;

  /// Rehearses scripts [0, end) of the plan. Afterwards roll_back().
  TryOutcome run(std::size_t end, const migration::ProgressSink& progress);
  /// Undoes everything, and says whether the run lock is still ours.
  Result<> roll_back();
  /// Who was in the way of the last statement, as LockWatch tells it; empty: nobody was seen.
  [[nodiscard]] const std::string& blockers() const { return watch_.blockers(); }

  std::vector<migration::RehearsedStatement> statements;  ///< at most 1,000
  /// How long locks were held that keep others from reading or writing rows; set by roll_back().
  std::int64_t blocking_millis = 0;
  std::optional<SchemaSnapshot> schema;  ///< as all of it left it; none where that was not looked at

 private:
  using Clock = std::chrono::steady_clock;
  struct Said {
    std::optional<ServerError> error;
    bool out_of_time = false;
    std::int64_t rows = 0;
  };

  Result<> begin();
  void look_at_schema();
  TryOutcome script(std::size_t index);
  TryOutcome statements_of(std::size_t index, std::vector<std::string>& named);
  TryOutcome finish_script(std::size_t index);
  Result<Said> execute(const script::Statement& statement, script::StatementReader& reader);
  Result<> stream(Pipeline& pipeline, const std::string& text, script::StatementReader& reader, Said& said);
  Result<> look_at_locks(migration::RehearsedStatement& entry, Clock::time_point began);
  TryOutcome judge(std::size_t index, std::uint64_t statement, const Said& said) const;
  [[nodiscard]] std::chrono::milliseconds time_left() const;
  TryOutcome failed(std::size_t index, Error error) const;

  RunContext& run_;
  const migration::Plan& plan_;
  std::chrono::milliseconds lock_limit_;
  Deadline deadline_;
  const std::stop_token& stop_;
  LockWatch watch_;
  std::map<std::string, std::string> files_;  ///< oid → file node of every user relation, before
  std::set<std::string> seen_locks_;
  std::optional<Clock::time_point> blocking_since_;
  std::int64_t looks_ = 0;
  bool open_ = false;
};

}  // namespace dbm::postgres
