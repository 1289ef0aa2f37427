#pragma once
/// Which of the server's words may be shown: a message names things, and a cast at run time (value::regclass)
/// makes a name of a row's value.

#include <string_view>

#include "postgres/sqlstate.h"

namespace dbm::postgres {

/// Whether all that the message names is named by the statement itself, or by the schema: each quoted name
/// stands in the statement as a name, not in one of its literals. What was raised while the statement was
/// read (it has a position) may also name what the statement does not, for no row has been read then.
/// `statement` empty: not known.
bool names_only_what_is_known(const ServerError& error, std::string_view statement);

}  // namespace dbm::postgres
