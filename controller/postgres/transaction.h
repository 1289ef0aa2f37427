#pragma once
/// One transaction of scripts on *work*, pipelined (docs/exactly-once.md#transaction). Nothing is sent twice;
/// no Sync stands between BEGIN and the last statement unless its reply was read: "in a transaction".

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postgres/execution.h"
#include "postgres/pipeline.h"
#include "postgres/sqlstate.h"
#include "postgres/statement_limits.h"
#include "script/statements.h"

namespace dbm::postgres {

/// Whose step a reply belongs to: class MG counts at our own only.
enum class Step : std::uint8_t {
  Reset,
  Begin,
  Setting,
  Role,
  Enter,
  Statement,
  Harden,
  Guard,
  Leave,
  Commit
};

struct StepTag {
  Step step = Step::Begin;
  std::uint32_t script = 0;     ///< index within the chain or the transaction, below 2^24
  std::uint32_t statement = 0;  ///< index within the script

  [[nodiscard]] std::uint64_t packed() const {
    return std::uint64_t{static_cast<std::uint8_t>(step)} << 56U | std::uint64_t{script & 0xffffffU} << 32U |
           statement;
  }
  static StepTag unpack(std::uint64_t tag) {
    return {static_cast<Step>(tag >> 56U), static_cast<std::uint32_t>(tag >> 32U & 0xffffffU),
            static_cast<std::uint32_t>(tag)};
  }
};

/// Where the server stopped, and what it said.
struct StepFailure {
  StepTag where;
  ServerError report;
};
/// The Error of a failed step of `script`: kind, reason, file, line and column.
Error explain(const StepFailure& failure, const migration::PendingScript& script);
/// What to do about a script that ended our transaction (MG003).
std::string transaction_ended_remedy(const migration::PendingScript& script);
/// What MG001 and MG002 mean once `enter` has passed in the same transaction: this script did it. Terminal
/// with `reason`, cause RunLockGivenAway. Other errors stay as they are.
Error run_lock_given_away(Error error, const migration::PendingScript& script, std::string_view reason);
/// The login may not become the role that the spec names.
Error role_refused(Error error);
/// Rows a statement changed, as its command tag says.
std::int64_t rows_changed(const PGresult* result);

class Transaction {
 public:
  Transaction(Execution& execution, Milliseconds lock_limit);
  ~Transaction();  ///< rolls back what was not committed
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// The reset where one is needed (a segment of its own: in one with BEGIN a ROLLBACK would undo it), then
  /// BEGIN.
  Result<> begin();
  /// What follows belongs to this script.
  void of_script(std::uint32_t index);
  /// One of our steps.
  Result<> step(Step step, const std::string& sql);
  /// A statement of the script, with its time-outs before it; COPY data are streamed from `reader`.
  Result<> statement(const script::Statement& statement, script::StatementReader& reader,
                     const script::ScriptDirectives& script);

  /// Reads all replies so far without a Sync.
  Result<> collect();
  /// Sync, all replies read, the server says "in a transaction", pipeline mode left: for COPY and checks.
  Result<> settle();
  /// Sync and all replies; then COMMIT alone. InDoubt when its reply does not come.
  Result<> commit();
  /// ROLLBACK. A lost connection rolls back by itself.
  void abandon();

  /// Why a call above returned an Error with a SQLSTATE; none when it was not the server's doing.
  [[nodiscard]] const std::optional<StepFailure>& failure() const { return failure_; }
  /// Rows changed by those statements of the current script whose replies were read.
  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  enum class State { New, Open, Ended };

  Result<> send(StepTag tag, const std::string& sql);
  Result<> read_one();
  Result<> read_all();
  Result<> thin_out();
  Result<> copy(const script::Statement& statement, script::StatementReader& reader);
  Result<> stream_rows(script::StatementReader& reader);
  Result<> send_commit();
  Result<> fail(StepTag where, const PGresult* result);

  Execution& execution_;
  Pipeline pipeline_;
  StatementLimits limits_;
  State state_ = State::New;
  std::uint32_t script_ = 0;
  std::int64_t rows_ = 0;
  int since_ask_ = 0;
  std::size_t bytes_since_ask_ = 0;
  std::size_t most_bytes_ = std::size_t{256} << 10;  ///< of statements outstanding; grows
  std::optional<StepFailure> failure_;
  std::string text_;  ///< reused: libpq wants a NUL at the end
};

}  // namespace dbm::postgres
