#pragma once
/// Which of the server's words may be shown: a message names things, and a cast at run time (value::regclass)
/// makes a name of a row's value.

#include <string_view>

#include "postgres/sqlstate.h"

namespace dbm::postgres {

/// Whether all that the message names, in quotation marks or not, is named by the statement itself: it stands
/// there as a name, in no literal and in no place of a value (VALUES, the arguments of CALL and EXECUTE),
/// where a quote may have been forgotten. What was raised while a statement without literals was read (the
/// error has a position) may also name what the statement does not, the schema's own, for no value has been
/// seen then. `statement` empty: not known, or ours; then nothing in quotation marks but what has a position.
bool names_only_what_is_known(const ServerError& error, std::string_view statement);

}  // namespace dbm::postgres
