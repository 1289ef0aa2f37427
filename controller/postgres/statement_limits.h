#pragma once
/// Which time-outs must be set before a statement. They stand before each: a script's own SET may not lift
/// them.

#include <string>
#include <vector>

#include "postgres/lock_schedule.h"
#include "script/analysis.h"
#include "script/statements.h"

namespace dbm::postgres {

/// A time-out as the server takes it: milliseconds, at most what its settings hold (24 days).
std::string server_millis(Milliseconds time);

class StatementLimits {
 public:
  /// `lock`: of this try; `statement`: of the spec, 0 for none. `local`: "LOCAL " in a transaction, ""
  /// outside.
  StatementLimits(Milliseconds lock, Milliseconds statement, std::string_view local = "LOCAL ")
      : lock_(lock), statement_(statement), local_(local) {}

  /// The SETs that must precede `statement`. In a row of plain INSERT, UPDATE, DELETE they are sent once in
  /// 64: of those only a trigger could have changed a setting, and they queue for no lock that holds others
  /// up.
  std::vector<std::string> before(const script::Statement& statement, const script::ScriptDirectives& script);
  /// Nothing is known of the session's settings any more.
  void forget() { rows_in_a_row_ = kUnknown; }

 private:
  static constexpr int kUnknown = -1;

  Milliseconds lock_, statement_;
  std::string_view local_;
  int rows_in_a_row_ = kUnknown;
  bool timed_ = false;  ///< a statement_timeout of ours may stand
};

/// INSERT, UPDATE or DELETE, by its first word.
bool writes_rows(std::string_view statement);

}  // namespace dbm::postgres
