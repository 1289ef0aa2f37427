/// Rows that somebody deleted from the history: their scripts do not run again unasked.
#include "apply_fixture.h"
#include "ledger_fixture.h"

namespace dbm::test {
namespace {

using std::chrono::seconds;

class HistoryMissing : public LedgerTest {
 protected:
  static migration::Plan plan_of(std::vector<script::Text> texts) {
    auto set = script::read_set(std::move(texts), {});
    if (!set) throw std::runtime_error(set.error().message);
    migration::Plan plan;
    for (auto& one : set->scripts) plan.pending.push_back({one, *script::analyse(one), "new", 0});
    plan.digest = "sha256:plan";
    return plan;
  }
  void apply(const migration::Plan& plan, bool fails = false) {
    auto run = begin();
    ASSERT_TRUE(run) << run.error().message;
    ASSERT_TRUE((*run)->open(plan));
    const auto done = (*run)->apply(
        plan, Deadline::after(seconds{60}), {}, [](const migration::Progress&) {},
        [](const migration::AppliedScript&) {});
    ASSERT_EQ(static_cast<bool>(done), !fails);
    ASSERT_TRUE((*run)->finish(done ? std::nullopt : std::optional(done.error())));
  }
  Result<> resolve(const std::string& version, migration::Resolution how) {
    return engine_->resolve(request(), version, how, Deadline::after(seconds{60}), {});
  }
};

TEST_F(HistoryMissing, TheNewestRowIsMissedAndNamed) {
  apply(plan_of({script::text_of("0001_a.sql", "CREATE TABLE a (i int);"),
                 script::text_of("0002_b.sql", "CREATE TABLE b (i int);")}));
  as_superuser("DELETE FROM dbm.history WHERE version = '0002'");

  const auto seen = inspect();

  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->ledger, migration::LedgerState::ForeignSchema);
  EXPECT_EQ(seen->ledger_trouble,
            "schema \"dbm\" has been altered: 1 row is missing from its history (version 0002)");
}

TEST_F(HistoryMissing, APersonMayLetTheScriptRunAgain) {
  apply(plan_of({script::text_of("0001_a.sql", "CREATE TABLE a (i int);")}));
  as_superuser("DELETE FROM dbm.history; DROP TABLE a");
  ASSERT_EQ(inspect()->ledger, migration::LedgerState::ForeignSchema);

  const auto resolved = resolve("1", migration::Resolution::Pending);

  ASSERT_TRUE(resolved) << resolved.error().message;
  const auto seen = inspect();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->ledger, migration::LedgerState::Ours) << seen->ledger_trouble;
  ASSERT_EQ(seen->rows.size(), 1U);
  EXPECT_EQ(seen->rows[0].status, "superseded");
  EXPECT_FALSE(resolve("9", migration::Resolution::Pending)) << "nothing is missing any more";
  apply(plan_of({script::text_of("0001_a.sql", "CREATE TABLE a (i int);")}));
  EXPECT_EQ(inspect()->ledger, migration::LedgerState::Ours);
}

TEST_F(HistoryMissing, AFailedRowWithNothingInEffectMayGo) {
  apply(plan_of({script::text_of("0001_a.sql", "CREATE TABLE a (i int);")}));
  apply(plan_of({script::text_of("0002_b.sql", "SELECT nonsense;")}), true);
  as_superuser("DELETE FROM dbm.history WHERE status = 'failed'");

  EXPECT_EQ(inspect()->ledger, migration::LedgerState::Ours);

  as_superuser("DELETE FROM dbm.history");
  EXPECT_EQ(inspect()->ledger, migration::LedgerState::ForeignSchema);
}

}  // namespace
}  // namespace dbm::test
