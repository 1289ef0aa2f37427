#include "postgres/statement_limits.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <limits>

namespace dbm::postgres {
namespace {

constexpr int kMostInARow = 64;

std::string set(std::string_view local, std::string_view name, Milliseconds value) {
  return "SET " + std::string(local) + std::string(name) + " = " + server_millis(value);
}

}  // namespace

std::string server_millis(Milliseconds time) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  return std::to_string(std::min<std::int64_t>(time.count(), kMost));
}

bool writes_rows(std::string_view statement) {
  constexpr std::array<std::string_view, 3> kWords{"INSERT", "UPDATE", "DELETE"};  // all six letters long
  if (statement.size() < 7 || std::isspace(static_cast<unsigned char>(statement[6])) == 0) return false;
  return std::ranges::any_of(kWords, [&](std::string_view word) {
    return std::ranges::equal(word, statement.substr(0, word.size()), [](char a, char b) {
      return a == std::toupper(static_cast<unsigned char>(b));
    });
  });
}

std::vector<std::string> StatementLimits::before(const script::Statement& statement,
                                                 const script::ScriptDirectives& script) {
  const auto& own = statement.directives;
  const bool rows = writes_rows(statement.text) && !own.lock_timeout && !own.statement_timeout;
  if (rows && rows_in_a_row_ != kUnknown && rows_in_a_row_ < kMostInARow) {
    ++rows_in_a_row_;
    return {};
  }
  rows_in_a_row_ = rows ? 0 : kUnknown;

  std::vector<std::string> all;
  const Milliseconds none{0};
  const auto lock =
      tighter(lock_, tighter(own.lock_timeout.value_or(none), script.lock_timeout.value_or(none)));
  all.push_back(set(local_, "lock_timeout", lock));
  const auto time = tighter(
      statement_, tighter(own.statement_timeout.value_or(none), script.statement_timeout.value_or(none)));
  if (time > none || timed_) all.push_back(set(local_, "statement_timeout", time));
  timed_ = time > none;
  return all;
}

}  // namespace dbm::postgres
