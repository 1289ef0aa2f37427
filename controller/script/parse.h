#pragma once
/// The parser as a judge of syntax alone. Internal to the room.

#include <string_view>

#include "script/classify.h"

namespace dbm::script {

/// Whether grammar 15 understands a text; if not, puts the parser's words into `out`. Says yes to what is too
/// long to be asked about cheaply.
bool check_syntax(std::string_view text, StatementClass& out);

}  // namespace dbm::script
