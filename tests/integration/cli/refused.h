#pragma once
/// What a user sees when something they gave is wrong: one line, a status, an exit code, and a database that
/// nobody touched.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/world.h"

namespace dbm::test {

/// How the program must answer. Lines are compared whole; in them <desk> is the manifest's folder, <home> the
/// one above, <port> and <db> the server's port and the database.
struct Answer {
  int exit_code = 1;
  std::string condition;        ///< "Stalled/InvalidSpec"; empty: no status may have been written
  std::string failure;          ///< failure.reason
  std::string line;             ///< of standard error
  std::string ledger = "none";  ///< "none": no schema dbm; "made": the run lock was taken; "any": as it was
};

/// Everything in the database but the ledger: schemas, relations, columns, and the rows of the test's tables.
std::string fingerprint(const World& world);

/// The lines of standard error, with what changes from run to run replaced.
std::vector<std::string> lines_of(const World& world, const std::string& err);

/// "Stalled/InvalidSpec", "Reconciling/WaitingForReference" or "Ready/Succeeded".
std::string situation(const World& world);
/// A field of status.failure; "" when absent.
std::string failure_field(const World& world, const std::string& name);

/// `apply -q` with a store of the World's own, and more arguments.
std::vector<std::string> quiet_apply(const World& world, const std::vector<std::string>& more = {});

/// Applies, and holds what comes of it to `answer`.
Finished expect_refused(World& world, const Answer& answer, const std::vector<std::string>& more = {},
                        const Environment& environment = {});
/// Looks at what has come of a run.
void expect_answer(const World& world, const Finished& finished, const Answer& answer);

/// A World on the shared server, with one script that waits.
class Refused : public ::testing::Test {
 protected:
  World world{PostgresServer::shared(), {"0001"}};
};

}  // namespace dbm::test
