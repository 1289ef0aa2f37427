#pragma once
/// Which statements read a whole table under a lock that keeps nobody from its rows, and may do so only where
/// no other lock does.

#include <stop_token>
#include <string>
#include <string_view>

#include "postgres/session.h"

namespace dbm::postgres {

/// VALIDATE CONSTRAINT takes SHARE UPDATE EXCLUSIVE, but in a rehearsal the locks of the scripts before it
/// are still held, and others would wait for those as long as it reads. Why it is not rehearsed then; empty:
/// the statement is another one, or its table is small. Within the rehearsal's transaction, under the
/// script's search_path.
Result<std::string> long_scan(Session& work, std::string_view statement, Deadline deadline,
                              const std::stop_token& stop);

}  // namespace dbm::postgres
