#include "cli/place.h"

#include <algorithm>

#include "migration/observe.h"
#include "script/excerpt.h"

namespace dbm::cli {
namespace {

constexpr std::chrono::seconds kReadingTakes{10};

}  // namespace

void show_place(const Desk& desk, const Error& error) {
  if (error.at.file.empty() || error.at.line == 0 || error.at.column == 0) return;
  const auto& surroundings = desk.wiring.surroundings();
  const auto facts = migration::glance(desk.object, surroundings);
  if (!facts.decoded) return;
  const auto texts =
      surroundings.sources->texts(facts.migration, Deadline::after(kReadingTakes), desk.stop());
  if (!texts) return;
  // A manifest, which may hold secrets, is none of them.
  const auto text = std::find_if(texts->begin(), texts->end(),
                                 [&](const script::Text& one) { return one.name == error.at.file; });
  if (text == texts->end()) return;
  if (const auto shown = script::excerpt(*text, error.at)) complain_further(*shown);
}

}  // namespace dbm::cli
