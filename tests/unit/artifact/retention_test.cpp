#include "artifact/retention.h"

#include <set>

#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

using std::chrono::hours;
using Time = std::chrono::system_clock::time_point;

const Time kNow = from_rfc3339("2026-11-20T12:00:00Z");

/// Taken so many hours ago, verified, each of its own plan.
RetainedSet set_of(int epoch, int hours_ago, bool verified = true) {
  const Time at = kNow - hours{hours_ago};
  return {"id" + std::to_string(epoch),
          "shop/orders/id" + std::to_string(epoch) + "/",
          "plan" + std::to_string(epoch),
          epoch,
          at,
          at,
          verified};
}

std::vector<std::string> removed(const std::vector<RetentionDecision>& decisions) {
  std::vector<std::string> ids;
  for (const auto& decision : decisions)
    if (decision.verdict == Verdict::Remove) ids.push_back(decision.id);
  return ids;
}

std::string reason_of(const std::vector<RetentionDecision>& decisions, const std::string& id) {
  for (const auto& decision : decisions)
    if (decision.id == id) return decision.reason;
  return "(none)";
}

TEST(Retention, KeepsTheLastOnes) {
  const auto decisions = *decide_retention(
      {set_of(1, 900), set_of(4, 600), set_of(2, 800), set_of(3, 700), set_of(5, 500)}, {}, {}, kNow);

  EXPECT_EQ(removed(decisions), (std::vector<std::string>{"id2", "id1"}));
  EXPECT_EQ(reason_of(decisions, "id3"), "one of the newest 3 (keepLast)");
  EXPECT_EQ(reason_of(decisions, "id1"), "beyond every rule that keeps");
}

TEST(Retention, OrderIsTheSequenceNotTheNameNorTheClock) {
  auto newest = set_of(9, 2000);  // its clock was far behind
  newest.id = "a name that sorts first";

  const auto decisions =
      *decide_retention({set_of(8, 500), newest, set_of(7, 600)}, {.keep_last = 1}, {}, kNow);

  EXPECT_EQ(decisions.front().id, newest.id);
  EXPECT_EQ(removed(decisions), (std::vector<std::string>{"id8", "id7"}));
}

TEST(Retention, KeepsTheNewestVerifiedBehindUnverifiedOnes) {
  auto sets = std::vector{set_of(3, 500), set_of(2, 600, false), set_of(1, 700)};
  sets[0].verified = false;

  const auto decisions = *decide_retention(sets, {.keep_last = 1}, {}, kNow);

  EXPECT_EQ(reason_of(decisions, "id1"), "the newest verified backup");
  EXPECT_EQ(reason_of(decisions, "id2"), "the newest backup is not verified yet");
  EXPECT_TRUE(removed(decisions).empty());
}

TEST(Retention, KeepsWhatIsNeeded) {
  const auto decisions = *decide_retention({set_of(3, 500), set_of(2, 600), set_of(1, 700)}, {.keep_last = 1},
                                           {{"id1", "migration shop/orders has not succeeded"}}, kNow);

  EXPECT_EQ(removed(decisions), std::vector<std::string>{"id2"});
  EXPECT_EQ(reason_of(decisions, "id1"), "needed: migration shop/orders has not succeeded");
}

TEST(Retention, KeepsAllOfTheNewestPlanUntilItNeedNotBeUndone) {
  auto first_try = set_of(1, 100);
  first_try.plan_digest = "plan3";
  const std::vector<RetainedSet> sets{set_of(3, 98), set_of(2, 99), first_try};

  EXPECT_EQ(removed(*decide_retention(sets, {.keep_last = 1}, {}, kNow)), std::vector<std::string>{"id2"});
  EXPECT_EQ(removed(*decide_retention(sets, {.keep_last = 1}, {}, kNow + hours{100})),
            (std::vector<std::string>{"id2", "id1"}));
}

TEST(Retention, KeepsWhatIsDatedInTheFuture) {
  const auto decisions =
      *decide_retention({set_of(3, 500), set_of(2, -5), set_of(1, 700)}, {.keep_last = 1}, {}, kNow);

  EXPECT_EQ(reason_of(decisions, "id2"), "dated in the future");
  EXPECT_EQ(removed(decisions), std::vector<std::string>{"id1"});
}

TEST(Retention, ByAgeAloneKeepsOneOlderThanTheWindow) {
  const auto decisions = *decide_retention({set_of(4, 800), set_of(3, 900), set_of(2, 1000), set_of(1, 1100)},
                                           {.keep_last = 0, .max_age = hours{850}}, {}, kNow);

  EXPECT_EQ(removed(decisions), (std::vector<std::string>{"id2", "id1"}));
  EXPECT_EQ(reason_of(decisions, "id3"), "the newest of those older than maxAge");
}

TEST(Retention, AnyRuleThatKeepsKeeps) {
  const auto decisions = *decide_retention({set_of(4, 300), set_of(3, 400), set_of(2, 500), set_of(1, 1100)},
                                           {.keep_last = 1, .max_age = hours{720}}, {}, kNow);

  EXPECT_EQ(removed(decisions), std::vector<std::string>{"id1"});
}

TEST(Retention, RefusesRulesThatKeepNothing) {
  const auto refused = decide_retention({set_of(1, 500)}, {.keep_last = 0}, {}, kNow);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "backup.retention: must keep something: keepLast of at least 1, or maxAge");
}

TEST(Retention, RemovesTheOldestFirstAndFewAtOnce) {
  std::vector<RetainedSet> sets;
  for (int epoch = 1; epoch <= 30; ++epoch) sets.push_back(set_of(epoch, 2000 - epoch));

  const auto decisions = *decide_retention(sets, {.keep_last = 3, .deletions_max = 4}, {}, kNow);

  EXPECT_EQ(removed(decisions), (std::vector<std::string>{"id4", "id3", "id2", "id1"}));
  EXPECT_EQ(reason_of(decisions, "id5"), "goes another time: at most 4 at once");
}

/// A history with skewed clocks, pinned, failed and retaken backups.
struct History {
  std::vector<RetainedSet> sets;
  RetentionRules rules;
  std::map<std::string, std::string> needed;

  explicit History(std::mt19937& random) {
    const int count = static_cast<int>(random() % 25);
    for (int i = 0; i < count; ++i) {
      const int epoch = static_cast<int>(random() % 20) + 1;
      RetainedSet set = set_of(epoch, static_cast<int>(random() % 2000) - 100, random() % 4 != 0);
      set.id = "id" + std::to_string(i);
      set.plan_digest = "plan" + std::to_string(random() % 12);
      if (random() % 5 == 0) set.finished += hours{random() % 50};
      if (random() % 6 == 0) needed[set.id] = "pinned";
      sets.push_back(set);
    }
    rules.keep_last = static_cast<int>(random() % 5);
    if (rules.keep_last == 0 || random() % 2 == 0) rules.max_age = hours{random() % 1500};
    rules.deletions_max = static_cast<int>(random() % 12);
  }
};

TEST(Retention, BreaksNoFloorInAnyOfTenThousandHistories) {
  std::mt19937 random{11};
  int removals = 0;
  for (int round = 0; round < 10'000; ++round) {
    const History history{random};
    const auto decisions = *decide_retention(history.sets, history.rules, history.needed, kNow);
    auto shuffled = history.sets;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    ASSERT_EQ(decisions, *decide_retention(shuffled, history.rules, history.needed, kNow))
        << "input order mattered";
    ASSERT_EQ(decisions.size(), history.sets.size());

    std::map<std::string, RetainedSet> by_id;
    for (const auto& set : history.sets) by_id[set.id] = set;
    const auto gone = removed(decisions);
    removals += static_cast<int>(gone.size());
    const std::set<std::string> gone_ids(gone.begin(), gone.end());
    ASSERT_LE(static_cast<int>(gone.size()), history.rules.deletions_max);
    bool verified_seen = false;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      const RetainedSet& set = by_id[decisions[i].id];
      const bool newest_verified = set.verified && !verified_seen;
      verified_seen |= set.verified;
      const bool kept_by_rule = static_cast<int>(i) < history.rules.keep_last ||
                                (history.rules.max_age && kNow - set.finished <= *history.rules.max_age);
      if (!gone_ids.contains(set.id)) continue;
      ASSERT_FALSE(newest_verified || kept_by_rule || history.needed.contains(set.id) || set.finished > kNow);
      ASSERT_TRUE(by_id[decisions.front().id].verified);
      ASSERT_FALSE(set.plan_digest == by_id[decisions.front().id].plan_digest &&
                   kNow - set.finished < hours{168});
    }
    ASSERT_TRUE(gone.empty() || gone.size() < history.sets.size());
  }
  EXPECT_GT(removals, 10'000);  // it does remove, too
}

class CarryOut : public testing::Test {
 protected:
  BackupSet take(int epoch, const std::string& at, const std::string& ledger = kLedger) {
    clock_.at = from_rfc3339(at);
    auto owner = an_owner(epoch);
    owner.ledger_id = ledger;
    return write_set(store_, clock_, kKey, "rows", owner);
  }
  SetListing listing() { return *list_sets(store_, "shop", "orders", kLedger, ring(kKey)); }

  MemoryStore store_;
  StandingClock clock_;
};

TEST_F(CarryOut, TakesCompleteFirstAndTheManifestLast) {
  const auto old = take(1, "2026-01-01T00:00:00Z");
  const auto recent = take(2, "2026-01-02T00:00:00Z");
  ASSERT_TRUE(
      record_verification(store_, recent, {Level::Decode, true, "2026-01-02T00:00:00Z", ""}, ring(kKey)));
  std::vector<RetainedSet> sets;
  for (const auto& set : listing().sets) sets.push_back(retained(set));

  const auto count = carry_out(store_, *decide_retention(sets, {.keep_last = 1}, {}, kNow));

  EXPECT_EQ(*count, 1);
  EXPECT_EQ(store_.removed,
            (std::vector<std::string>{old.prefix + "COMPLETE", old.prefix + "artifact.dbm",
                                      old.prefix + "schema.dbm", old.prefix + "manifest.json"}));
  ASSERT_EQ(listing().sets.size(), 1U);
  EXPECT_EQ(listing().sets[0].manifest.id, recent.manifest.id);
}

TEST_F(CarryOut, CollectsOwnIncompleteSetsAfterADay) {
  const auto half = take(1, "2026-11-10T00:00:00Z");
  store_.objects.erase(half.prefix + "COMPLETE");
  store_.objects.erase(half.prefix + "manifest.json");
  const auto half_removed = take(2, "2026-11-11T00:00:00Z");
  store_.objects.erase(half_removed.prefix + "COMPLETE");
  store_.objects.erase(half_removed.prefix + "artifact.dbm");
  const auto young = take(3, "2026-11-20T00:00:00Z");
  store_.objects.erase(young.prefix + "COMPLETE");
  const auto future = take(4, "2027-11-20T00:00:00Z");
  store_.objects.erase(future.prefix + "COMPLETE");
  const auto foreign = take(5, "2026-11-10T00:00:00Z", "the ledger of another cluster");
  store_.objects.erase(foreign.prefix + "COMPLETE");
  store_.objects.erase(foreign.prefix + "manifest.json");
  store_.objects["shop/orders/0001-pre-20200101T000000Z-0000/unknown"] = "whose is this";
  store_.objects["shop/orders/no id of ours/artifact.dbm"] = store_.objects[half.prefix + "artifact.dbm"];
  const auto whole = take(6, "2026-11-10T00:00:00Z");

  const auto gone = collect_incomplete(store_, listing(), kLedger, {}, kNow);

  EXPECT_THAT(*gone, testing::UnorderedElementsAre(half.prefix, half_removed.prefix));
  EXPECT_TRUE((*store_.list(half.prefix)).empty());
  EXPECT_EQ((*store_.list(foreign.prefix)).size(), 2U);
  EXPECT_EQ(listing().incomplete.size(), 5U);
  EXPECT_EQ(listing().sets.size(), 1U);
}

TEST_F(CarryOut, LeavesIncompleteSetsOfAnotherDatabase) {
  const auto half = take(1, "2026-11-10T00:00:00Z");
  store_.objects.erase(half.prefix + "COMPLETE");
  const auto collect = [&](const DatabaseIdentity& of) {
    return *collect_incomplete(store_, listing(), kLedger, of, kNow);
  };

  EXPECT_THAT(collect({"orders_copy", "7710"}), testing::IsEmpty());
  EXPECT_THAT(collect({"orders", "7711"}), testing::IsEmpty());
  EXPECT_THAT(collect({"orders", "7710"}), testing::ElementsAre(half.prefix));
}

TEST_F(CarryOut, SetsApartWhatIsOfAnotherDatabase) {
  take(1, "2026-01-01T00:00:00Z");
  const auto newer_one = take(2, "2026-01-02T00:00:00Z");
  const auto counts = [&](const DatabaseIdentity& of) {
    const auto sets = of_database(listing(), of);
    if (!sets.sets.empty()) {
      EXPECT_EQ(sets.sets[0].manifest.id, newer_one.manifest.id);
    }
    return std::pair{sets.sets.size(), sets.elsewhere.size()};
  };

  EXPECT_EQ(counts({"orders", "7710"}), std::pair(2UL, 0UL));
  EXPECT_EQ(counts({"orders", ""}), std::pair(2UL, 0UL));
  EXPECT_EQ(counts({"orders", "7711"}), std::pair(0UL, 2UL));
  EXPECT_EQ(counts({"orders_copy", "7710"}), std::pair(0UL, 2UL));
  EXPECT_EQ(counts({"", "7710"}), std::pair(2UL, 0UL));
}

TEST_F(CarryOut, CollectsFewAtOnce) {
  for (int i = 0; i < 5; ++i) store_.objects.erase(take(i, "2026-11-10T00:00:00Z").prefix + "COMPLETE");

  EXPECT_EQ((*collect_incomplete(store_, listing(), kLedger, {}, kNow, 2)).size(), 2U);
  EXPECT_EQ(listing().incomplete.size(), 3U);
}

}  // namespace
}  // namespace dbm::artifact
