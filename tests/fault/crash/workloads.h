#pragma once
/// What the crash sweep interrupts: small jobs that between them pass every injection point of the program.

#include <functional>
#include <string>
#include <vector>

#include "support/world.h"

namespace dbm::test {

/// One call of the program. A crashed one is repeated, as a person would.
struct Command {
  std::vector<std::string> args;            ///< "-f MANIFEST" is added
  int exit_code = 0;                        ///< what it answers when nothing interferes
  std::function<void(World&)> before = {};  ///< what the person does first; again before each repetition
};

struct Workload {
  std::string name;
  std::function<void(World&)> prepare;  ///< scripts, manifest, and what happened before
  std::vector<Command> commands{{{"apply"}}};
  std::function<void(World&)> expect;  ///< what must be so in the end, whatever happened
  std::string only = {};  ///< interrupted at this point alone: the others are passed as in a cheaper workload
};

const std::vector<Workload>& workloads();

}  // namespace dbm::test
