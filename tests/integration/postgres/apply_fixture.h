#pragma once
/// A run in a fresh database, and scripts to apply in it. Each script carries the witness and the canary: a
/// row per version, and a number that tells how often something was applied, and that nothing else was.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database_fixture.h"
#include "migration/plan.h"
#include "postgres/apply.h"
#include "postgres/begin.h"
#include "postgres/settle.h"
#include "script/analysis.h"
#include "support/tcp_proxy.h"

namespace dbm::test {

struct NamedScript {
  std::string file, sql;
};

/// The lines of EXACTLY-ONCE's witness and canary for `version`.
inline std::string witnessed(const std::string& version, const std::string& sql) {
  return sql + "\nINSERT INTO witness (version, xid, pid) VALUES ('" + version +
         "', pg_current_xact_id(), pg_backend_pid());\nUPDATE canary SET v = v * 2 + 1;\n";
}

/// The witness alone, for scripts that go in a chain.
inline std::string chained(const std::string& version, const std::string& sql) {
  return sql + "\nINSERT INTO witness (version, xid, pid) VALUES ('" + version +
         "', pg_current_xact_id(), pg_backend_pid());\n";
}

class ApplyTest : public DatabaseTest {
 protected:
  ApplyTest() {
    as_login(
        "CREATE TABLE witness (version text PRIMARY KEY, xid xid8 NOT NULL, pid int NOT NULL);"
        "CREATE TABLE canary (v numeric NOT NULL); INSERT INTO canary VALUES (1)");
  }

  /// A new run: lock, epoch, fence. Through `port` when given (a proxy's). Settles what the last one left.
  Result<> begin(std::optional<int> port = {}) {
    end();
    migration::RunRequest request;
    request.target = target_;
    if (port) request.target.keywords["port"] = std::to_string(*port);
    request.owner = {"local", "default", "test"};
    request.holder = "test";
    request.spec_digest = "sha256:" + std::to_string(++runs_);
    request.spec = &spec_;
    auto holding = postgres::Holding::take(request, Deadline::after(std::chrono::seconds{30}), {});
    if (!holding) return holding.error();
    holding_ = std::move(*holding);
    context().batch = runs_;
    const auto use = holding_->use_work();
    auto settled = postgres::settle(context(), Deadline::after(std::chrono::seconds{30}), {});
    if (!settled) return settled.error();
    settled_ = settled->lines;
    return {};
  }
  void end() { holding_.reset(); }
  /// Whoever gives its session something to do that takes time holds use_work(), as Run does: else the thread
  /// that keeps the session alive meets them there.
  postgres::RunContext& context() { return holding_->context(); }

  /// What a plan of these scripts is; those the ledger has as applied are left out, as make_plan would.
  migration::Plan plan(const std::vector<NamedScript>& scripts) {
    std::vector<script::Text> texts;
    for (const auto& one : scripts) texts.push_back(script::text_of(one.file, one.sql));
    auto set = script::read_set(std::move(texts), {});
    if (!set) throw std::runtime_error(set.error().message);
    migration::Plan made;
    for (auto& one : set->scripts) {
      if (ask("SELECT count(*) FROM dbm.history WHERE status IN ('applied', 'baseline') AND version_key = '" +
              one.version.key + "'") != "0")
        continue;
      auto analysis = script::analyse(one);
      if (!analysis) throw std::runtime_error(analysis.error().message);
      made.pending.push_back({one, *analysis, "new", 0});
    }
    return made;
  }

  Result<> apply_plan(const migration::Plan& plan,
                      Deadline deadline = Deadline::after(std::chrono::seconds{60}),
                      const std::stop_token& stop = {}) {
    applied_.clear();
    progress_.clear();
    const auto use = holding_->use_work();
    return postgres::apply_pending(
        context(), plan, deadline, stop,
        [this](const migration::Progress& told) {
          progress_.push_back(told);
          on_progress_(told);
        },
        [this](const migration::AppliedScript& one) { applied_.push_back(one.version); });
  }
  Result<> apply(const std::vector<NamedScript>& scripts) { return apply_plan(plan(scripts)); }

  /// As superuser.
  void change(const std::string& text) { (void)sql(database_, text); }

  std::string statuses() {
    return ask("SELECT version, status, finished IS NOT NULL FROM dbm.history ORDER BY id");
  }
  /// The same without the canary, which no chain may carry: an UPDATE can take any time.
  void expect_chained_once(int scripts) {
    EXPECT_EQ(ask("SELECT count(*) FROM witness w JOIN dbm.history h ON h.version = w.version AND h.status = "
                  "'applied' AND "
                  "h.finished IS NOT NULL AND h.xmin = w.xid::xid"),
              std::to_string(scripts));
    EXPECT_EQ(ask("SELECT count(*) FROM witness"), std::to_string(scripts));
  }
  /// Exactly once: one witness per applied row, of the very transaction that wrote the row; the canary counts
  /// them.
  void expect_exactly_once(int scripts) {
    EXPECT_EQ(ask("SELECT count(*) FROM witness w JOIN dbm.history h ON h.version = w.version AND h.status = "
                  "'applied' AND "
                  "h.finished IS NOT NULL AND h.xmin = w.xid::xid"),
              std::to_string(scripts));
    EXPECT_EQ(ask("SELECT count(*) FROM witness"), std::to_string(scripts));
    EXPECT_EQ(ask("SELECT v = 2 ^ " + std::to_string(scripts + 1) + " - 1 FROM canary"), "t");
  }

  migration::Spec spec_;
  std::unique_ptr<postgres::Holding> holding_;
  std::vector<std::string> settled_, applied_;
  std::vector<migration::Progress> progress_;
  std::function<void(const migration::Progress&)> on_progress_ = [](const migration::Progress&) {};
  int runs_ = 0;
};

}  // namespace dbm::test
