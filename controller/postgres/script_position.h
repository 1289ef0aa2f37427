#pragma once
/// From the server's "character 18 of the statement" to a file's line and column. Pure but for reading the
/// script.

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "migration/plan.h"

namespace dbm::postgres {

/// The place of a statement's `character` (from 1; 0: its beginning), given where it begins. The server
/// counts characters, columns count bytes; a statement may run over many lines.
Position position_in(const Position& begin, std::string_view statement, int character);

/// Reads the script again up to statement `index`. Only the file's name when it cannot be read any more.
Position locate(const migration::PendingScript& script, std::uint64_t index, int character);

/// The statement's text; empty when it cannot be read again.
std::string statement_text(const migration::PendingScript& script, std::uint64_t index);

}  // namespace dbm::postgres
