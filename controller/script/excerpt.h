#pragma once
/// The line of a script that a message is about, as it may be shown to a person.

#include <optional>
#include <string>

#include "base/result.h"
#include "script/text.h"

namespace dbm::script {

/// Two lines, each with its end: the script's line behind its number, and a caret below the place.
///
///       12 | INSERT INTO seats VALUES (…, '…', …
///          |                                 ^
///
/// Nothing that may be a row's value is in it: literals, numbers and comments are masked, and every word but
/// SQL's own once a literal, an operator or VALUES has been seen in the statement, since a quote forgotten
/// turns values into words. What a terminal would obey is left out; wide characters count as two columns.
/// Reads the text up to the line. None where the place is not known, lies in rows of COPY, in no UTF-8, or
/// more than 1 MiB behind its statement's beginning.
std::optional<std::string> excerpt(const Text& text, const Position& at);

}  // namespace dbm::script
