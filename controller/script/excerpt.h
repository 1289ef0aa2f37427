#pragma once
/// The line of a script that a message is about, as it may be shown to a person.

#include <optional>
#include <string>

#include "base/result.h"
#include "script/text.h"

namespace dbm::script {

/// Two lines, each with its end: the script's line behind its number, and a caret below the place.
///
///       12 | CREATE TABLE … (… bigint PRIMARY …, … … DEFAULT '…');
///          |                                 ^
///
/// Nothing that may be a row's value or a secret is in it, nor what is one only because a quote or a
/// semicolon was forgotten: see masking.h. What a terminal would obey is left out; wide characters count as
/// two columns. Reads the text up to the line. None where the place is not known, lies in rows of COPY or
/// behind a COPY that has none, in no UTF-8, or more than 1 MiB behind its statement's beginning; none of a
/// psql command or a template.
std::optional<std::string> excerpt(const Text& text, const Position& at);

}  // namespace dbm::script
