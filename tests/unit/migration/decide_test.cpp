#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/decide.h"
#include "unit/migration/worlds.h"

namespace dbm::migration {
namespace {

const Files kOne{{"0001_a.sql", "CREATE TABLE a (id int);"}};

/// Everything applied and validated.
Facts settled() {
  Facts facts;
  facts.migration = migration_of(small_spec());
  facts.decoded = true;
  facts.source = std::make_shared<const script::ScriptSet>(scripts(kOne));
  facts.database = database_with({row_of(facts.source->scripts[0])});
  facts.database->last_run = RunRow{.spec_digest = facts.migration.spec_digest,
                                    .source_digest = facts.source->digest,
                                    .outcome = "Succeeded",
                                    .validated = true};
  facts.plan = std::make_shared<const Plan>();
  return facts;
}
Facts pending() {
  Facts facts = settled();
  facts.database->last_run.reset();
  facts.database->rows.clear();
  facts.plan = std::make_shared<const Plan>(*make_plan(facts.migration, *facts.source, *facts.database));
  return facts;
}
Facts failed(const char* outcome) {
  Facts facts = pending();
  facts.database->last_run = RunRow{.spec_digest = facts.migration.spec_digest,
                                    .source_digest = facts.source->digest,
                                    .outcome = outcome,
                                    .failure = FailureStatus{.phase = "Apply",
                                                             .reason = "StatementFailed",
                                                             .script = "0001_a.sql",
                                                             .sqlstate = "42P07",
                                                             .message = "it is there",
                                                             .remedy = "drop it",
                                                             .line = 3,
                                                             .column = 1}};
  return facts;
}

TEST(Decide, NothingWhenAllIsAppliedAndValidated) { EXPECT_EQ(decide(settled(), false).next, Next::Nothing); }
TEST(Decide, RunsWhatIsPending) { EXPECT_EQ(decide(pending(), false).next, Next::Run); }

TEST(Decide, RunsWhereNothingIsPendingButTheLastRunNeverValidated) {
  Facts facts = settled();
  facts.database->last_run->validated = false;
  facts.database->last_run->outcome = "";
  EXPECT_EQ(decide(facts, false).next, Next::Run);
}

TEST(Decide, RunsTheChecksAgainWhenTheSpecChanged) {
  Facts facts = settled();
  facts.database->last_run->spec_digest = "sha256:other";
  EXPECT_EQ(decide(facts, false).next, Next::Run);
}

TEST(Decide, SuspendedDoesNothingWhateverIsWrong) {
  Facts facts = pending();
  facts.migration.spec.suspend = true;
  facts.trouble = Error{ErrorKind::Transient, "x", "y"};
  EXPECT_EQ(decide(facts, false).next, Next::Suspended);
}

TEST(Decide, ATerminalFailureIsOneAttempt) {
  for (const char* outcome :
       {"ApplyFailed", "ValidationFailed", "DryRunFailed", "BackupFailed", "ManualInterventionRequired"}) {
    Facts facts = failed(outcome);
    const auto decision = decide(facts, false);
    EXPECT_EQ(decision.next, Next::Stalled) << outcome;
    EXPECT_EQ(decision.why->reason, outcome);
    EXPECT_EQ(decision.why->cause, "StatementFailed");
    EXPECT_EQ(decision.why->at, (Position{"0001_a.sql", 3, 1}));
    EXPECT_EQ(decision.why->phase, "Apply");
  }
}

TEST(Decide, TriesAgainWhenAskedOrWhenSpecOrSourceChanged) {
  Facts asked = failed("ApplyFailed");
  asked.requested = true;
  EXPECT_EQ(decide(asked, false).next, Next::Run);
  Facts spec = failed("ApplyFailed");
  spec.database->last_run->spec_digest = "sha256:other";
  EXPECT_EQ(decide(spec, false).next, Next::Run);
  Facts source = failed("ApplyFailed");
  source.database->last_run->source_digest = "sha256:other";
  EXPECT_EQ(decide(source, false).next, Next::Run);
}

TEST(Decide, LedgersThatAreNotOursStallUnlessTakenOver) {
  struct Row {
    LedgerState state;
    const char* reason;
    bool may_be_taken;
  };
  for (const Row& row : {Row{LedgerState::OtherOwner, "DatabaseOwnedElsewhere", true},
                         Row{LedgerState::IdentityChanged, "IdentityChanged", true},
                         Row{LedgerState::ForeignSchema, "DatabaseOwnedElsewhere", false},
                         Row{LedgerState::Newer, "LedgerNewer", false}}) {
    Facts facts = pending();
    facts.database->ledger = row.state;
    EXPECT_EQ(decide(facts, false).why->reason, row.reason);
    EXPECT_EQ(decide(facts, true).next, row.may_be_taken ? Next::Run : Next::Stalled);
  }
}

TEST(Decide, ToAnAlteredLedgerAnotherNameIsNoAnswer) {
  Facts facts = pending();
  facts.database->ledger = LedgerState::ForeignSchema;
  facts.database->ledger_trouble = "schema \"dbm\" has been altered: trigger t on history";
  EXPECT_EQ(decide(facts, false).why->remedy,
            "put back what was altered; another ledgerSchema would run every script again");
}

TEST(Decide, AnOldServerIsRefused) {
  Facts facts = pending();
  facts.database->server_version_num = 130012;
  EXPECT_EQ(decide(facts, false).why->cause, "ServerTooOld");
}

TEST(Decide, KindsOfTroubleSayWhatFollows) {
  const auto next = [](ErrorKind kind, const char* reason) { return decide_on({kind, reason, "m"}).next; };
  EXPECT_EQ(next(ErrorKind::Transient, "ProgressingWithRetry"), Next::Retry);
  EXPECT_EQ(next(ErrorKind::InDoubt, "CommitOutcomeUnknown"), Next::Retry);
  EXPECT_EQ(next(ErrorKind::Cancelled, "Stopping"), Next::Retry);
  EXPECT_EQ(next(ErrorKind::Waiting, "WaitingForLock"), Next::Wait);
  EXPECT_EQ(next(ErrorKind::Terminal, "SourceInvalid"), Next::Stalled);
}

TEST(Decide, ReasonsAreAlwaysOnesOfTheApi) {
  EXPECT_EQ(stalled_reason({ErrorKind::Terminal, "Odd", "m", "", "", {}, "", "Backup"}), "BackupFailed");
  EXPECT_EQ(stalled_reason({ErrorKind::Terminal, "Odd", "m"}), "ManualInterventionRequired");
  EXPECT_EQ(reconciling_reason({ErrorKind::InDoubt, "CommitOutcomeUnknown", "m"}), "ResolvingOutcome");
  EXPECT_EQ(reconciling_reason({ErrorKind::Transient, "Odd", "m"}), "ProgressingWithRetry");
  EXPECT_EQ(reconciling_reason({ErrorKind::Waiting, "WaitingForLock", "m"}), "WaitingForLock");
}

}  // namespace
}  // namespace dbm::migration
