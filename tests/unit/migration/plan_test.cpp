/// The table of docs/scripts.md#runs-again, and what a plan must hold beyond it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/digest.h"
#include "migration/plan_rules.h"
#include "unit/migration/worlds.h"

namespace dbm::migration {
namespace {

const Files kTwo{{"0001_a.sql", "CREATE TABLE a (id int);"}, {"0002_b.sql", "CREATE TABLE b (id int);"}};

std::vector<std::string> pending_of(const Result<Plan>& plan) {
  std::vector<std::string> versions;
  if (!plan) return {plan.error().reason + "/" + plan.error().cause};
  for (const auto& pending : plan->pending)
    versions.push_back(pending.script.version.id + ": " + pending.why);
  return versions;
}

class PlanTable : public testing::Test {
 protected:
  Json spec_ = small_spec();
  Files files_ = kTwo;
  std::vector<HistoryRow> rows_;

  Result<Plan> plan() { return make_plan(migration_of(spec_), scripts(files_), database_with(rows_)); }
  void apply(std::size_t count, const std::string& status = "applied") {
    const auto set = scripts(files_);
    for (std::size_t i = 0; i < count; ++i) rows_.push_back(row_of(set.scripts[i], status));
  }
};

TEST_F(PlanTable, WithoutALedgerEverythingIsNew) {
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0001: new", "0002: new"}));
}

TEST_F(PlanTable, AppliedAndEqualIsSettled) {
  apply(2);
  EXPECT_TRUE(plan()->empty());
}

TEST_F(PlanTable, OtherTextWithTheSameMeaningRunsNothingAndIsSaid) {
  apply(2);
  files_[0].second = "-- a comment\nCREATE  TABLE a (id int);";
  EXPECT_TRUE(plan()->empty());
  EXPECT_THAT(plan()->warnings, testing::ElementsAre("0001_a.sql: DBM712 text changed, meaning the same"));
}

/// 0001 stopped after its first statement.
class PlanOfABegunScript : public PlanTable {
 protected:
  PlanOfABegunScript() {
    files_ = {
        {"0001_a.sql", "-- dbm:transaction none\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\n"}};
    apply(1, "failed");
    rows_[0].statements_done = 1;
    rows_[0].done_hashes = {sha256_hex("CREATE TABLE a (id int)")};
  }
};

TEST_F(PlanOfABegunScript, GoesOnWhereTheBeginningIsWhatItWas) {
  files_[0].second = "-- dbm:transaction none\nCREATE TABLE a (id int);\nCREATE TABLE b (id bigint);\n";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0001: 1 of 2 statements in effect"}));
}

TEST_F(PlanOfABegunScript, IsRefusedWhereWhatIsInEffectHasChanged) {
  files_[0].second = "-- dbm:transaction none\nCREATE TABLE a (id bigint);\nCREATE TABLE b (id int);\n";
  EXPECT_EQ(plan().error().message,
            "0001_a.sql: its first statement is in effect, and statement 1 is another now");
  EXPECT_EQ(plan().error().at, (Position{"0001_a.sql", 2, 1}));
  files_[0].second = "-- dbm:transaction none\n";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"ChangedScript/ChecksumDiffers"}));
}

TEST_F(PlanOfABegunScript, DoesNotBeginAnewInATransaction) {
  files_[0].second = "CREATE TABLE a (id int);\nCREATE TABLE b (id int);\n";
  EXPECT_EQ(plan().error().message,
            "0001_a.sql: its first statement is in effect, so it cannot begin anew in a transaction");
}

TEST_F(PlanTable, ChangedIsRefusedWithBothChecksumsOrWarned) {
  apply(2);
  const std::string before = rows_[0].checksum;
  files_[0].second = "CREATE TABLE a (id bigint);";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"ChangedScript/ChecksumDiffers"}));
  EXPECT_THAT(plan().error().message, testing::HasSubstr(before));
  spec_["changedScript"] = "Warn";
  EXPECT_TRUE(plan()->empty());
  EXPECT_EQ(plan()->warnings.size(), 1u);
}

// The commonest change: a line more in a script that is applied already.
TEST_F(PlanTable, ChangedAtItsEndIsRefusedAtWhatWasAdded) {
  files_[0].second = "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n";
  apply(2);
  files_[0].second =
      "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n-- more\nINSERT INTO a VALUES (2);\n";

  EXPECT_EQ(plan().error().at, (Position{"0001_a.sql", 4, 1}));
  EXPECT_THAT(plan().error().message, testing::EndsWith("; all from statement 3 on is new"));
  EXPECT_EQ(plan().error().remedy, "move what was added into a new script, or set changedScript: Warn");
}

TEST_F(PlanTable, ChangedElsewhereIsRefusedWithWhatIsKnown) {
  apply(2);
  files_[0].second = "CREATE TABLE a (id bigint);\nCREATE TABLE c (id int);\n";

  EXPECT_EQ(plan().error().at, (Position{"0001_a.sql", 0, 0}));
  EXPECT_THAT(plan().error().message, testing::EndsWith("; it had 1 statement, now 2"));
}

/// A script whose text does not tell that the server will refuse it in a transaction.
class PlanOfARefusedScript : public PlanTable {
 protected:
  PlanOfARefusedScript() {
    files_ = {{"0001_a.sql", "CREATE TABLE a (id int);\nREINDEX TABLE parted;\n"}};
    apply(1, "failed");
    rows_[0].failed_with = "25001";
  }
};

TEST_F(PlanOfARefusedScript, RunsItStatementByStatement) {
  const auto made = plan();
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->pending.size(), 1u);
  EXPECT_FALSE(made->pending[0].analysis.in_transaction);
  EXPECT_EQ(made->pending[0].analysis.named.size(), 2u);
  EXPECT_THAT(made->outside_transaction, testing::ElementsAre("0001_a.sql, line 2: REINDEX"));
}

TEST_F(PlanOfARefusedScript, GoesOnSoAfterACrash) {
  rows_[0].failed_with.clear();
  rows_[0].status = "running";
  rows_[0].closed = false;
  EXPECT_FALSE(plan()->pending.at(0).analysis.in_transaction);
}

TEST_F(PlanOfARefusedScript, TriesAnotherTextInATransactionAgain) {
  files_[0].second = "REINDEX TABLE ordinary;\n";
  EXPECT_TRUE(plan()->pending.at(0).analysis.in_transaction);
}

TEST_F(PlanOfARefusedScript, LeavesAloneWhatFailedOtherwise) {
  rows_[0].failed_with = "42P01";
  EXPECT_TRUE(plan()->pending.at(0).analysis.in_transaction);
}

TEST_F(PlanOfARefusedScript, IsRefusedWhereAllIsToBeOneTransaction) {
  spec_["apply"]["transaction"] = "AllPending";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"SourceInvalid/CannotBeInTransaction"}));
}

TEST_F(PlanTable, MissingFileIsRefusedOrWarnedUnlessBelowTheBaseline) {
  apply(2);
  files_.erase(files_.begin());
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"ChangedScript/ScriptMissing"}));
  spec_["changedScript"] = "Warn";
  EXPECT_TRUE(plan()->empty());
  spec_["changedScript"] = "Refuse";
  spec_["baselineVersion"] = "0001";
  EXPECT_TRUE(plan()->empty());
}

TEST_F(PlanTable, NewButOlderThanTheNewestAppliedIsOutOfOrder) {
  apply(2);
  files_.insert(files_.begin() + 1, {"0001.5_late.sql", "SELECT 1;"});
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"OutOfOrder/"}));
}

TEST_F(PlanTable, BaselineRowsNeverRunAndBaselineVersionMakesThem) {
  spec_["baselineVersion"] = "1";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0002: new"}));
  EXPECT_EQ(plan()->baseline.size(), 1u);
  apply(1, "baseline");
  files_[0].second = "CREATE TABLE other (id int);";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0002: new"}));
  EXPECT_TRUE(plan()->baseline.empty());
  spec_["baselineVersion"] = "0700";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"InvalidSpec/InvalidValue"}));
}

TEST_F(PlanTable, FailedWithNothingInEffectIsPendingAndWithSomeContinues) {
  apply(1, "failed");
  EXPECT_EQ(pending_of(plan())[0], "0001: failed before, nothing in effect");
  rows_[0].statements = 9;
  rows_[0].statements_done = 3;
  EXPECT_EQ(pending_of(plan())[0], "0001: 3 of 9 statements in effect");
  EXPECT_EQ(plan()->pending[0].continue_at, 3);
}

TEST_F(PlanTable, RolledBackIsPendingAndRunningIsLookedUp) {
  apply(1, "rolled_back");
  EXPECT_EQ(pending_of(plan())[0], "0001: rolled back before");
  rows_[0].status = "running";
  EXPECT_EQ(pending_of(plan())[0], "0001: interrupted: what took effect is looked up first");
}

TEST_F(PlanTable, AnAppliedRowNeverClosedNeedsAPerson) {
  apply(1);
  rows_[0].closed = false;
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"ManualInterventionRequired/RowNotClosed"}));
}

TEST_F(PlanTable, TargetStopsThereAndNeverGoesBack) {
  spec_["targetVersion"] = "1";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0001: new"}));
  apply(2);
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"InvalidSpec/InvalidValue"}));
  spec_["targetVersion"] = "9";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"InvalidSpec/InvalidValue"}));
}

TEST_F(PlanTable, RequirementsAreAppliedOrPendingBefore) {
  files_[1].second = "-- dbm:requires 0001\nSELECT 1;";
  EXPECT_EQ(pending_of(plan()).size(), 2u);
  files_[0].second = "-- dbm:requires 0002\nSELECT 1;";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"SourceInvalid/MissingDependency"}));
}

TEST_F(PlanTable, AnotherEngineIsLeftOutAndAnotherServerStops) {
  files_[0].second = "-- dbm:engine SQLite\nSELECT 1;";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0002: new"}));
  files_[0].second = "-- dbm:server >=16\nSELECT 1;";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"SourceInvalid/UnsupportedServer"}));
}

TEST_F(PlanTable, EveryComparisonOfAServerRuleCounts) {
  // The second one was overlooked once: a script for servers below 15 would have run on 15.
  files_[0].second = "-- dbm:server >=14, <15\nSELECT 1;";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"SourceInvalid/UnsupportedServer"}));
  files_[0].second = "-- dbm:server >=14, <16\nSELECT 1;";
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"0001: new", "0002: new"}));
}

TEST_F(PlanTable, AllPendingRefusesWhatCannotBeInATransaction) {
  files_[1].second = "CREATE INDEX CONCURRENTLY i ON a (id);";
  EXPECT_EQ(plan()->outside_transaction.size(), 1u);
  spec_["apply"] = {{"transaction", "AllPending"}};
  EXPECT_EQ(pending_of(plan()), (std::vector<std::string>{"SourceInvalid/CannotBeInTransaction"}));
}

TEST_F(PlanTable, TheDigestIsOfWhatRunsWhereAndNotOfWhenItIsMade) {
  const auto first = plan()->digest;
  EXPECT_EQ(first.size(), 7u + 64u);
  EXPECT_EQ(plan()->digest, first);
  files_[1].second += " -- a remark";
  EXPECT_EQ(plan()->digest, first);
  spec_["targetVersion"] = "2";
  EXPECT_NE(plan()->digest, first);
  files_[1].second = "CREATE TABLE c (id int);";
  EXPECT_NE(plan()->digest, first);
}

TEST_F(PlanTable, TenThousandAppliedRowsTakeMilliseconds) {
  files_.clear();
  for (int i = 1; i <= 10'000; ++i)
    files_.emplace_back(std::to_string(i) + "_t.sql", "CREATE TABLE t" + std::to_string(i) + " (id int);");
  const auto set = scripts(files_);
  for (const auto& script : set.scripts)
    rows_.push_back({.version = script.version.id,
                     .version_key = script.version.key,
                     .name = "t",
                     .status = "applied",
                     .closed = true,
                     .checksum = script.checksum});
  const auto migration = migration_of(spec_);
  const auto database = database_with(rows_);

  const auto begin = std::chrono::steady_clock::now();
  const auto plan = make_plan(migration, set, database);
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);

  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->empty());
  RecordProperty("milliseconds", static_cast<int>(took.count()));
  EXPECT_LT(took.count(), 1000);  // 10 ms on a quiet machine; the bound only finds what is not linear
}

}  // namespace
}  // namespace dbm::migration
