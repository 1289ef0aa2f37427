#include <algorithm>
#include <map>

#include "source/kinds.h"

namespace dbm::source {

Result<Texts> read_inline(const migration::Migration& migration) {
  Texts texts;
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; const migration::InlineScript& script : migration.spec.source.inline_scripts) {
    const auto [first, added] = seen.emplace(script.name, i);
    if (!added) {
      return Error{ErrorKind::Terminal, "SourceInvalid",
                   "source.inline has two scripts named '" + script.name + "' (entries " +
                       std::to_string(first->second + 1) + " and " + std::to_string(i + 1) +
                       "); each needs its own name",
                   "DuplicateFile"}
          .with_position(position_in(migration, "/spec/source/inline/" + std::to_string(i) + "/name"));
    }
    texts.push_back(script::text_of(script.name, script.sql));
    ++i;
  }
  std::sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return texts;
}

}  // namespace dbm::source
