#pragma once
/// A database with checks to ask of it.

#include <string>
#include <vector>

#include "integration/postgres/database_fixture.h"
#include "migration/plan.h"
#include "postgres/checks.h"

namespace dbm::test {

inline migration::Check sql_check(const std::string& query) {
  migration::Check check;
  check.name = "asked";
  check.sql = migration::SqlCheck{query};
  return check;
}

class ChecksTest : public DatabaseTest {
 protected:
  /// "Failed: 2 violations", of one check at one gate.
  std::string ask_one(migration::Check check, migration::Gate gate = migration::Gate::After) {
    check.at = {gate};
    spec_.checks = {std::move(check)};
    return verdict(gate);
  }
  std::string verdict(migration::Gate gate = migration::Gate::After, const std::string& name = "asked") {
    const auto status = postgres::check_gate(gate, request(), Deadline::after(std::chrono::seconds{60}), {});
    return status ? verdict_in(*status, name)
                  : "error " + status.error().reason + ": " + status.error().message;
  }
  static std::string verdict_in(const migration::ChecksStatus& status, const std::string& name) {
    for (const auto& result : status.results)
      if (result.name == name) return result.result + ": " + result.message;
    return "absent";
  }
  postgres::CheckRequest request() {
    return {&target_, &spec_, plan_.pending.empty() ? nullptr : &plan_, baseline_ ? &*baseline_ : nullptr,
            timeout_};
  }
  void take_baseline() {
    auto taken = postgres::take_baseline(request(), Deadline::after(std::chrono::seconds{60}), {});
    ASSERT_TRUE(taken) << taken.error().message;
    baseline_ = std::move(*taken);
  }
  /// Makes the script pending, and runs it as the login.
  void apply(const std::string& text) {
    pending(text);
    as_login(text);
  }
  void pending(const std::string& text) {
    migration::PendingScript script;
    script.script.forward = script::text_of("0001_script.sql", text);
    script.analysis.may_lose_objects = true;
    plan_.pending.push_back(std::move(script));
  }

  migration::Spec spec_;
  migration::Plan plan_;
  std::optional<postgres::CheckBaseline> baseline_;
  std::chrono::milliseconds timeout_{60'000};
};

}  // namespace dbm::test
