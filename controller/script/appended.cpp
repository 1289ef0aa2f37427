#include "script/appended.h"

#include "script/normal_form.h"
#include "script/splitter.h"

namespace dbm::script {
namespace {

/// Reads over this many statements, rows included. False: there are fewer.
bool pass(Splitter& splitter, std::uint64_t statements) {
  for (std::uint64_t i = 0; i < statements; ++i) {
    const auto piece = splitter.next();
    if (!piece || *piece == nullptr) return false;
    for (bool more = (*piece)->rows_follow; more;) {
      const auto rows = splitter.rows();
      if (!rows) return false;
      more = !rows->empty();
    }
  }
  return true;
}

}  // namespace

std::optional<Position> appended_at(const Text& text, std::uint64_t statements,
                                    const std::string& normalised) {
  if (statements == 0) return std::nullopt;
  NormalForm normal;
  auto first = Splitter::open(text, &normal);
  if (!first || !pass(*first, statements) || normal.checksum() != normalised) return std::nullopt;
  auto again = Splitter::open(text);
  if (!again || !pass(*again, statements)) return std::nullopt;
  const auto added = again->next();
  if (!added || *added == nullptr) return std::nullopt;
  return (*added)->at;
}

}  // namespace dbm::script
