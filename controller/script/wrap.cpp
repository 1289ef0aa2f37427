#include "script/wrap.h"

namespace dbm::script {

Wrap wrap_of(const Summary& summary) {
  if (summary.first() != First::Other) return Wrap::None;
  const std::string_view first = summary.word(0);
  const bool begins = first == "begin" || (first == "start" && summary.word(1) == "transaction");
  const bool ends = (first == "commit" && summary.word(1) != "prepared") || first == "end";
  if (!begins && !ends) return Wrap::None;

  std::size_t at = 1;
  if (summary.word(at) == "transaction" || summary.word(at) == "work") ++at;
  if (ends) return summary.word(at).empty() ? Wrap::End : Wrap::Special;
  while (!summary.word(at).empty()) {
    // Our transactions are READ COMMITTED, READ WRITE: said once more, it changes nothing.
    if (summary.word(at) == "isolation" && summary.word(at + 2) == "read" &&
        summary.word(at + 3) == "committed") {
      at += 4;
    } else if (summary.word(at) == "read" && summary.word(at + 1) == "write") {
      at += 2;
    } else {
      return Wrap::Special;
    }
  }
  return Wrap::Begin;
}

}  // namespace dbm::script
