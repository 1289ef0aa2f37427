#pragma once
/// What becomes of a line that only psql understands (docs/scripts.md#psql-lines). Internal to the room.

#include <string>
#include <string_view>

namespace dbm::script {

struct PsqlLine {
  enum class Verdict { Skip, EndsStatement, Refuse };

  Verdict verdict = Verdict::Refuse;
  std::size_t size = 0;  ///< Bytes of the line it takes up, from the backslash.
  std::string command;   ///< "\\connect"
  std::string why;       ///< For Refuse: the sentence behind the command's name.
  std::string remedy;    ///< For Refuse: what to do instead.
};

/// `line` begins with the backslash and holds no line end. `inside`: a statement is open.
PsqlLine judge_psql_line(std::string_view line, bool inside);

}  // namespace dbm::script
