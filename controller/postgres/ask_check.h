#pragma once
/// Asking one check: a query whose rows are the violations, or a question to the catalog. Within a
/// transaction.

#include <chrono>
#include <stop_token>
#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/object.h"
#include "postgres/session.h"

namespace dbm::postgres {

/// Rows counted at most; what lies beyond is "more than".
constexpr int kViolationsCounted = 100'000;

struct Answer {
  bool held = false;
  std::string message;  ///< what was expected and what is; counts, types, SQLSTATE, never a value of a row
};

/// How one check is asked. All within a savepoint that is rolled back, so whatever the check did to the
/// session is undone.
struct Asking {
  Session& session;
  std::chrono::milliseconds
      timeout{};  ///< statement_timeout of this check; over it the answer is "timed out"
  Deadline deadline;
  const std::stop_token& stop;
};

/// An Error only when the check could not be asked: lost connection, a lock that did not come, deadline,
/// stop.
Result<Answer> ask_check(const Asking& asking, const migration::Check& check);

}  // namespace dbm::postgres
