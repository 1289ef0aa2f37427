// The run's row: what a status is rebuilt from, and what an interrupted run takes up again.
#include "integration/postgres/ledger_fixture.h"

namespace dbm::test {
namespace {

class LedgerEvidence : public LedgerTest {};

TEST_F(LedgerEvidence, KeepsBatchDigestAndBackupAcrossAnInterruption) {
  migration::Plan plan;
  plan.digest = "sha256:first";
  std::string first_run;
  {
    auto run = begin();
    ASSERT_TRUE(run) << run.error().message;
    ASSERT_TRUE((*run)->open(plan));
    first_run = (*run)->row().run_id;
    ASSERT_TRUE((*run)->record_backup({.id = "b1",
                                       .store = "default",
                                       .location = "x",
                                       .sha256 = "s",
                                       .verified = "Structure",
                                       .completion_time = "t",
                                       .bytes = 5}));
  }  // as after a crash: not finished
  plan.digest = "sha256:second";

  auto run = begin();
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE((*run)->open(plan));

  EXPECT_EQ((*run)->row().run_id, first_run);
  EXPECT_EQ((*run)->row().plan_digest, "sha256:first");
  EXPECT_EQ((*run)->row().batch, 1);
  EXPECT_EQ((*run)->row().epoch, 2);
  ASSERT_TRUE((*run)->row().backup);
  EXPECT_EQ((*run)->row().backup->bytes, 5U);
}

TEST_F(LedgerEvidence, AnotherSpecOpensARunOfItsOwn) {
  migration::Plan plan;
  plan.digest = "sha256:first";
  {
    auto run = begin();
    ASSERT_TRUE(run && (*run)->open(plan));
  }
  auto edited = request();
  edited.spec_digest = "sha256:edited";
  edited.generation = 2;

  auto run = begin(edited);
  ASSERT_TRUE(run && (*run)->open(plan));
  EXPECT_EQ((*run)->row().batch, 2);
  ASSERT_TRUE((*run)->record_checks(
      {.passed = 1, .failed = 0, .warned = 0, .vacuous = 0, .results = {{"c", "After", "Passed", ""}}}));
  ASSERT_TRUE((*run)->record_rehearsal(
      {.mode = "Rehearse", .reason = "", .rehearsed = 2, .not_rehearsed = 0, .longest_blocking_millis = 40}));
  ASSERT_TRUE((*run)->finish(std::nullopt));

  const auto seen = inspect();
  ASSERT_TRUE(seen && seen->last_run);
  EXPECT_EQ(seen->last_run->outcome, "Succeeded");
  EXPECT_TRUE(seen->last_run->validated);
  EXPECT_EQ(seen->last_run->checks->results.front().name, "c");
  EXPECT_EQ(seen->last_run->dry_run->longest_blocking_millis, 40);
  EXPECT_EQ(seen->generation, 2);
  EXPECT_EQ(ask("SELECT string_agg(outcome, ' ' ORDER BY batch) FROM dbm.run"), "Superseded Succeeded");
}

TEST_F(LedgerEvidence, AFailureIsRecordedWithPlaceAndRemedy) {
  migration::Plan plan;
  auto run = begin();
  ASSERT_TRUE(run && (*run)->open(plan));
  Error failure{ErrorKind::Terminal,  "ApplyFailed", "division by zero (22012)", "StatementFailed", "22012",
                {"0001_a.sql", 3, 8}, "look"};
  failure.phase = "Apply";
  failure.server_message = "canary-row";

  ASSERT_TRUE((*run)->finish(failure));

  const auto seen = inspect();
  ASSERT_TRUE(seen && seen->last_run && seen->last_run->failure);
  EXPECT_EQ(seen->last_run->outcome, "ApplyFailed");
  EXPECT_EQ(seen->last_run->failure->line, 3);
  EXPECT_EQ(seen->last_run->failure->script, "0001_a.sql");
  EXPECT_EQ(ask("SELECT count(*) FROM dbm.run WHERE run::text LIKE '%canary%'"), "0");
}

}  // namespace
}  // namespace dbm::test
