#pragma once
/// How much room text takes on a terminal. Pure; takes valid UTF-8. Internal to the room.

#include <string>
#include <string_view>
#include <utility>

namespace dbm::script {

/// Columns a terminal gives it: two for East Asian wide characters and pictures, none for combining marks.
std::size_t shown_columns(std::string_view text);

/// The text without what a terminal would obey or hide: tabs and other controls as blanks, marks of direction
/// and invisible characters as "?".
std::string showable(std::string_view text);

/// At most `most` columns of a line, from at most `before` columns left of the caret on, with "…" where
/// something is left out; and the caret's column in what is left.
std::pair<std::string, std::size_t> cut_around(std::string_view line, std::size_t caret, std::size_t before,
                                               std::size_t most);

}  // namespace dbm::script
