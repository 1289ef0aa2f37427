#pragma once
/// COPY as it stands in a script, and other things a statement's tokens must be asked for. Internal to the
/// room.

#include <string>
#include <string_view>

namespace dbm::script {

struct CopyForm {
  bool from_stdin = false;  ///< Rows follow in the file.
  std::string error;        ///< Why it cannot stand in a script; empty: it can.
  std::string remedy;
};

/// `text`: a statement that begins with COPY.
CopyForm read_copy(std::string_view text);

/// What a block of the file holds while rows are read.
struct RowBlock {
  std::size_t size = 0;  ///< Bytes of whole rows at its beginning, or of the end mark's line.
  bool ends = false;     ///< It begins with the end mark "\." on a line alone.
};
/// `last`: nothing follows the block, so that an end mark needs no line end.
RowBlock find_rows(std::string_view block, bool last);

/// Whether the rest of a line holds nothing that would run.
bool is_blank_or_comment(std::string_view rest);

/// SET standard_conforming_strings, or set_config of it, to anything but on.
bool turns_off_standard_strings(std::string_view text);

}  // namespace dbm::script
