#pragma once
/// A script that cannot be one transaction, as the units it runs in.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/plan.h"
#include "script/classify.h"

namespace dbm::postgres {

struct JournalUnit {
  enum class Kind {
    Session,        ///< SET, RESET: no effect on the database; done again when the script is continued later
    Transactional,  ///< one statement, or a BEGIN … COMMIT block: in a transaction together with its own
                    ///< journal rows
    Outside,        ///< alone, outside a transaction: intent, statement, outcome
  };
  Kind kind = Kind::Transactional;
  std::uint64_t first = 0, last = 0;  ///< statement indices, both inclusive
  bool block = false;                 ///< BEGIN … COMMIT: those two are ours to send
  std::vector<std::string> hashes;    ///< SHA-256 of each statement's text
  std::vector<std::string> kinds;     ///< "CREATE TABLE", …
  script::StatementClass what;        ///< of an Outside unit
};

/// Reads the script once. ChangedScript when the text is not what the plan was made from;
/// SourceInvalid/TransactionControl for a block without its end.
Result<std::vector<JournalUnit>> read_units(const migration::PendingScript& script);

}  // namespace dbm::postgres
