// The reply to a COMMIT is lost, or any other reply: looked up in the ledger, never repeated
// (docs/exactly-once.md#lost-replies).

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "desk.h"

namespace dbm::test {
namespace {

constexpr std::size_t kTogether = 6;  ///< Most of a run's time after a fault is its pause.

/// What a connection suffers, and how one says it.
struct Fault {
  std::string name;
  std::function<void(TcpProxy&)> arm;
};

struct Struck {
  std::unique_ptr<Desk> desk;
  Child child;
};

/// `dbm apply` once for each fault, several side by side. False when some of the faults struck nothing: there
/// are no more.
bool all_strike(const Job& job, const std::vector<Fault>& faults) {
  std::vector<Struck> struck;
  for (const Fault& fault : faults) {
    auto desk = std::make_unique<Desk>();
    job.prepare(desk->world);
    fault.arm(desk->proxy);
    auto child = start_apply(desk->world);
    struck.push_back({std::move(desk), std::move(child)});
  }
  bool all = true;
  for (std::size_t at = 0; at < struck.size(); ++at) {
    SCOPED_TRACE(job.name + ": " + faults[at].name);
    auto& [desk, child] = struck[at];
    const auto finished = finish(desk->world, child);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    job.expect(desk->world);
    EXPECT_EQ(desk->world.condition("Ready"), "True/Succeeded");
    all = all && desk->proxy.cuts() > 0;
  }
  return all;
}

class LostReply : public ::testing::TestWithParam<Job> {
 protected:
  /// `fault(n)` for n = 1, 1 + step, … until there is no n-th; how many there were.
  static int until_none_is_left(const std::function<Fault(int)>& fault, int step) {
    int next = 1;
    while (true) {
      std::vector<Fault> faults;
      for (std::size_t i = 0; i < kTogether; ++i, next += step) faults.push_back(fault(next));
      if (!all_strike(GetParam(), faults) || HasFailure()) return next;
    }
  }
};

TEST_P(LostReply, OfEveryCommitIsLookedUp) {
  const int tried = until_none_is_left(
      [](int nth) {
        return Fault{"the reply to COMMIT " + std::to_string(nth) + " is lost",
                     [nth](TcpProxy& proxy) { proxy.drop_reply_to("COMMIT", nth); }};
      },
      1);
  EXPECT_GT(tried, 6);
}

TEST_P(LostReply, OfAnythingElseIsSurvived) {
  until_none_is_left(
      [](int nth) {
        return Fault{"reply " + std::to_string(nth) + " is lost",
                     [nth](TcpProxy& proxy) { proxy.drop_reply_to("", nth); }};
      },
      11);
}

TEST_P(LostReply, OrACommitThatIsNotSentOrNotAnswered) {
  for (const Cut when : {Cut::BeforeSend, Cut::AfterSend}) {
    until_none_is_left(
        [when](int nth) {
          return Fault{std::string("cut ") + (when == Cut::BeforeSend ? "before" : "after") + " COMMIT " +
                           std::to_string(nth),
                       [nth, when](TcpProxy& proxy) { proxy.cut_at("COMMIT", when, nth); }};
        },
        2);
  }
}

INSTANTIATE_TEST_SUITE_P(Jobs, LostReply, ::testing::ValuesIn(jobs()),
                         [](const auto& info) { return info.param.name; });

// It has happened, but nobody has asked the ledger yet: I3 of docs/exactly-once.md#promises.
TEST(LostCommit, IsNotReportedAsAppliedBeforeTheLedgerSaysSo) {
  Desk desk;
  desk.world.add_script("0001");
  prepare_gate(desk.world);
  desk.world.add_script("0002", gate());
  auto child = start_apply(desk.world, {"--timeout", "3s"});
  ASSERT_TRUE(wait_at_gate(desk.world));

  desk.proxy.drop_reply_to("COMMIT");
  desk.proxy.refuse(true);  // nobody can ask the ledger, neither anew nor on the session that looked before
  (void)desk.world.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
      "application_name = 'dbmigration/look'");
  open_gate(desk.world);
  const auto finished = finish(desk.world, child);

  EXPECT_EQ(finished.exit_code, 5) << finished.err;
  EXPECT_NE(desk.world.status()["status"].value("currentVersion", "none"), "0002")
      << "the status is ahead of what was read";
  desk.proxy.refuse(false);
  EXPECT_EQ(desk.world.apply().exit_code, 0);
  desk.world.expect_exactly_once({"0001", "0002"});
}

}  // namespace
}  // namespace dbm::test
