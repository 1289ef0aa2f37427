// The verbs of a run one after another, as the phases of a migration call them.
#include "integration/postgres/ledger_fixture.h"
#include "script/analysis.h"

namespace dbm::test {
namespace {

using std::chrono::seconds;

class LedgerWholeRun : public LedgerTest {
 protected:
  static migration::Plan plan_of(const std::string& file, const std::string& text) {
    auto set = script::read_set({script::text_of(file, text)}, {});
    if (!set) throw std::runtime_error(set.error().message);
    migration::Plan plan;
    for (auto& one : set->scripts) {
      auto analysis = script::analyse(one);
      if (!analysis) throw std::runtime_error(analysis.error().message);
      plan.pending.push_back({one, *analysis, "new", 0});
    }
    plan.digest = "sha256:plan";
    return plan;
  }
};

TEST_F(LedgerWholeRun, GoesThroughAllItsVerbsAndKeepsItsLock) {
  as_login("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)");
  const auto plan =
      plan_of("0001_note.sql", "ALTER TABLE orders ADD note text;\nUPDATE orders SET note = 'x';\n");
  const auto deadline = Deadline::after(seconds{60});
  std::size_t bytes = 0;
  std::vector<std::string> applied;

  auto run = begin();
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE((*run)->inspect());
  ASSERT_TRUE((*run)->open(plan));
  const auto facts = (*run)->dump(
      false,
      [&bytes](std::string_view part) -> Result<> {
        bytes += part.size();
        return {};
      },
      deadline, {}, [](const migration::Progress&) {});
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_TRUE((*run)->record_backup({.id = "b1", .store = "default"}));
  const auto rehearsal = (*run)->rehearse(plan, deadline, {}, [](const migration::Progress&) {});
  ASSERT_TRUE(rehearsal) << rehearsal.error().message;
  ASSERT_TRUE((*run)->record_rehearsal(rehearsal->summary));
  const auto done = (*run)->apply(
      plan, deadline, {}, [](const migration::Progress&) {},
      [&applied](const migration::AppliedScript& one) { applied.push_back(one.version); });
  ASSERT_TRUE(done) << done.error().message;
  const auto checks = (*run)->check(migration::Gate::After, plan, deadline, {});
  ASSERT_TRUE(checks) << checks.error().message;
  ASSERT_TRUE((*run)->record_checks(*checks));
  const auto finished = (*run)->finish(std::nullopt);

  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_GT(bytes, 0U);
  EXPECT_EQ(rehearsal->summary.rehearsed, 1);
  EXPECT_EQ(applied, (std::vector<std::string>{"0001"}));
  EXPECT_EQ(checks->failed, 0);
  EXPECT_EQ(ask("SELECT status, backup_id, plan_digest, statements_done, batch FROM dbm.history"),
            "applied|b1|sha256:plan|2|1");
  EXPECT_EQ(ask("SELECT note FROM orders"), "x");
  const auto seen = inspect();
  ASSERT_TRUE(seen && seen->last_run);
  EXPECT_EQ(seen->last_run->outcome, "Succeeded");
  ASSERT_EQ(seen->newest.size(), 1U);
  EXPECT_EQ(seen->newest[0].result, "Succeeded");
  EXPECT_EQ(seen->newest[0].backup, "b1");
}

class LedgerGates : public LedgerWholeRun {
 protected:
  LedgerGates() {
    as_login("CREATE TABLE orders (id int PRIMARY KEY, total int)");
    check("some", "SELECT 1 WHERE NOT EXISTS (SELECT FROM orders)", migration::Severity::Error);
    check("few", "SELECT 1 FROM orders", migration::Severity::Warning);
    check("totals", "SELECT id FROM orders WHERE total < 0", migration::Severity::Error);
  }
  void check(const std::string& name, const std::string& query, migration::Severity severity) {
    migration::Check one;
    one.name = name;
    one.at = {migration::Gate::InTransaction};
    one.severity = severity;
    one.sql = migration::SqlCheck{query};
    spec_.checks.push_back(std::move(one));
  }
  static Result<> apply(migration::EngineRun& run, const migration::Plan& plan) {
    return run.apply(
        plan, Deadline::after(seconds{60}), {}, [](const migration::Progress&) {},
        [](const migration::AppliedScript&) {});
  }
  static std::string verdicts(const migration::ChecksStatus& checks) {
    std::string text;
    for (const auto& one : checks.results)
      if (one.at == "InTransaction") text += (text.empty() ? "" : " ") + one.name + "=" + one.result;
    return text;
  }
};

TEST_F(LedgerGates, WhatChecksSaidInTransactionsIsPartOfTheVerdictAfter) {
  const auto plan = plan_of("0001_row.sql", "INSERT INTO orders VALUES (1, 5);\n");
  auto run = begin();
  ASSERT_TRUE(run && (*run)->inspect() && (*run)->open(plan));
  const auto done = apply(**run, plan);
  ASSERT_TRUE(done) << done.error().message;

  const auto after = (*run)->check(migration::Gate::After, plan, Deadline::after(seconds{60}), {});

  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(verdicts(*after), "few=Warned totals=Vacuous some=Passed");
  EXPECT_EQ(after->warned, 1);
  EXPECT_EQ(after->vacuous, 1);
  run->reset();  // a crash before Validate
  auto next = begin();
  ASSERT_TRUE(next && (*next)->inspect() && (*next)->open(plan));
  const auto again = (*next)->check(migration::Gate::After, plan, Deadline::after(seconds{60}), {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(verdicts(*again), "few=Warned totals=Vacuous some=Passed");
}

TEST_F(LedgerGates, AFailedOneIsInTheRunsRowThoughItsTransactionIsGone) {
  const auto plan = plan_of("0001_row.sql", "INSERT INTO orders VALUES (1, -5);\n");
  auto run = begin();
  ASSERT_TRUE(run && (*run)->inspect() && (*run)->open(plan));

  const auto done = apply(**run, plan);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ValidationFailed");
  ASSERT_TRUE((*run)->row().checks);
  EXPECT_EQ(verdicts(*(*run)->row().checks), "totals=Failed few=Warned some=Passed");
  ASSERT_TRUE((*run)->finish(done.error()));
  const auto seen = inspect();
  ASSERT_TRUE(seen && seen->last_run && seen->last_run->checks);
  EXPECT_EQ(seen->last_run->checks->failed, 1);
  EXPECT_EQ(ask("SELECT count(*) FROM orders"), "0");
}

}  // namespace
}  // namespace dbm::test
