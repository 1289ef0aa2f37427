#pragma once
/// A database and the engine's runs in it.

#include <memory>
#include <string>

#include "integration/postgres/database_fixture.h"
#include "migration/plan.h"
#include "postgres/begin.h"
#include "postgres/engine.h"

namespace dbm::test {

/// The Error of a Result that must not have succeeded.
template <class T>
Error error_of(const Result<T>& result) {
  return result ? Error{ErrorKind::Terminal, "Succeeded", "it succeeded"} : result.error();
}

class LedgerTest : public DatabaseTest {
 protected:
  migration::RunRequest request() {
    return {.target = target_,
            .owner = owner_,
            .take_over = false,
            .holder = "test",
            .generation = 1,
            .spec_digest = "sha256:spec",
            .source_digest = "sha256:source",
            .spec = &spec_};
  }
  Result<std::unique_ptr<postgres::Holding>> hold() { return hold(request()); }
  static Result<std::unique_ptr<postgres::Holding>> hold(const migration::RunRequest& request,
                                                         const std::stop_token& stop = {}) {
    return postgres::Holding::take(request, Deadline::after(std::chrono::seconds{60}), stop);
  }
  Result<std::unique_ptr<migration::EngineRun>> begin() { return begin(request()); }
  Result<std::unique_ptr<migration::EngineRun>> begin(const migration::RunRequest& request) {
    return engine_->begin_run(request, Deadline::after(std::chrono::seconds{60}), {});
  }
  /// A ledger, made by a run that did nothing.
  void make_ledger() {
    const auto run = begin();
    ASSERT_TRUE(run) << run.error().message;
  }
  Result<migration::Inspection> inspect(int history_limit = 20) {
    return engine_->inspect(target_, {history_limit, owner_, false},
                            Deadline::after(std::chrono::seconds{60}), {});
  }
  /// "Terminal DatabaseOwnedElsewhere/ForeignSchema: …"
  static std::string words(const Error& error) {
    return std::string(to_string(error.kind)) + " " + error.reason +
           (error.cause.empty() ? "" : "/" + error.cause) + ": " + error.message;
  }

  void as_superuser(const std::string& text) { (void)ask(text); }

  migration::Owner owner_{"local", "shop", "orders"};
  migration::Spec spec_;
  std::unique_ptr<migration::Engine> engine_ = postgres::make_engine();
};

}  // namespace dbm::test
