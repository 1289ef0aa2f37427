#pragma once
/// A World whose program reaches its server through a proxy, the jobs that faults strike, and a gate that
/// holds a script in the server until the test has done its harm.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/tcp_proxy.h"
#include "support/world.h"

namespace dbm::test {

using Versions = std::vector<std::string>;

/// Scripts for a World, and what must be so in the end, whatever happened.
struct Job {
  std::string name;
  std::function<void(World&)> prepare;
  std::function<void(const World&)> expect;
};

/// One transaction each; one chain; statement by statement.
const std::vector<Job>& jobs();

struct Desk {
  explicit Desk(PostgresServer& server = PostgresServer::shared());
  World world;
  TcpProxy proxy;  ///< the manifest leads through it
};

/// Each version applied once, where a script may be more than one transaction: witness, canary, no open row.
void expect_once(const World& world, const Versions& versions);

/// The statement that waits, at most 60 s, until the gate is open. `prepare_gate` makes what it needs.
void prepare_gate(World& world);
std::string gate();
void open_gate(const World& world);
/// Whether a script waits there now; with `wait_at_gate` until it does.
[[nodiscard]] bool wait_at_gate(const World& world);

/// The backend of a run's session that holds lock and scripts; empty when there is none.
std::string work_backend(const World& world);
/// Ends the work session of a run that waits for `wait_event_type` now ("" for any). False: there is none.
bool terminate_work(const World& world, const std::string& wait_event_type = {});

/// `dbm apply`, started; more arguments behind.
Child start_apply(World& world, const std::vector<std::string>& more = {});
/// Waits for its end and holds it to what every run is held to.
Finished finish(World& world, Child& child);
/// "status/reason" of a condition, also while no status has been written yet.
std::string condition_now(const World& world, const std::string& type);

}  // namespace dbm::test
