#pragma once
/// A line of a script without anything that may be a value. Internal to the room.

#include <cstddef>
#include <optional>
#include <string>

namespace dbm::script {

struct LineToMask {
  const std::string& bytes;    ///< From the beginning of a statement to the end of the line.
  std::size_t line_begin = 0;  ///< Offset in `bytes`.
  std::size_t place = 0;       ///< Offset of the caret's byte.
  bool quotes_pair_up = true;  ///< False: what looks like a word may stand in a literal.
};

struct MaskedLine {
  std::string line;
  std::size_t caret = 0;  ///< Column of a terminal, from 0.
};

/// Shows SQL's own words, parentheses, commas and semicolons; all else is "…". Quotes may have been forgotten
/// and rows may stand where no statement is, so from the first thing on that may belong to a value (a
/// literal, a number, a comma, an operator, SET, VALUES, PASSWORD …) SQL's words are masked too, to the
/// statement's end. The first words of a statement are shown with one slip in them ("ALTER TABEL"). Nothing
/// at all where a COPY, a psql command or a template stands before the place or on its line.
std::optional<MaskedLine> mask_line(const LineToMask& line);

}  // namespace dbm::script
