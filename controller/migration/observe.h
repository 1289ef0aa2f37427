#pragma once
/// The only reader of the world: object, Secret, scripts, ledger → Facts. Creates and changes nothing.

#include "migration/facts.h"
#include "migration/surroundings.h"

namespace dbm::migration {

struct ObserveOptions {
  bool requested = false;
  bool even_suspended = false;  ///< `plan` and `status` look at a suspended object too
};

/// The object alone, decoded where it can be: for the first write of a new one. Nothing else is read.
Facts glance(const kubernetes::Object& object, const Surroundings& surroundings);

/// Never fails: what could not be read stands in Facts::trouble, with everything that could beside it.
/// Scripts and ledger are read at the same time.
Facts observe(const kubernetes::Object& object, const Surroundings& surroundings,
              const ObserveOptions& options, Deadline deadline, const std::stop_token& stop);

/// The same facts with the ledger looked at again: after a run.
Facts observe_again(Facts facts, const Surroundings& surroundings, Deadline deadline,
                    const std::stop_token& stop);

/// Puts a fresh look at the ledger into the facts: plan and generation follow from it.
void take_inspection(Facts& facts, Inspection inspection, const Surroundings& surroundings);

/// Whose ledger it has to be.
Owner owner_of(const Migration& migration, const Surroundings& surroundings);

}  // namespace dbm::migration
