#include "postgres/schema_change.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <unordered_map>

namespace dbm::postgres {
namespace {

using Names = std::set<std::string>;

/// The objects of a snapshot by name, each with the name of what it belongs to.
using Owners = std::map<std::string, std::string>;

std::string full_name(const CatalogObject& object) { return object.kind + " " + object.name; }

Owners owners_in(const SchemaSnapshot& snapshot) {
  std::unordered_map<std::string_view, const CatalogObject*> by_identity;
  for (const CatalogObject& object : snapshot.objects) by_identity.emplace(object.identity, &object);
  Owners owners;
  for (const CatalogObject& object : snapshot.objects) {
    const auto owner = by_identity.find(object.container_identity);
    owners.emplace(full_name(object), owner == by_identity.end() ? "" : full_name(*owner->second));
  }
  return owners;
}

/// What only `all` has. A column of a table that only it has is not told of beside the table.
Names only_in(const Owners& all, const Owners& other) {
  Names names;
  for (const auto& [name, owner] : all) {
    const bool with_owner = !owner.empty() && !other.contains(owner);
    if (!other.contains(name) && !with_owner) names.insert(name);
  }
  return names;
}

Names without(const Names& all, const Names& some) {
  Names rest;
  std::ranges::set_difference(all, some, std::inserter(rest, rest.end()));
  return rest;
}

/// "gained table public.a, index public.b and 3 more".
void add(std::string& text, const char* verb, const Names& names) {
  constexpr std::size_t kMost = 5;
  if (names.empty()) return;
  text += (text.empty() ? "" : "; ") + std::string(verb);
  std::size_t named = 0;
  for (const std::string& name : names) {
    if (named == kMost) break;
    text += (named++ == 0 ? " " : ", ") + name;
  }
  if (names.size() > kMost) text += " and " + std::to_string(names.size() - kMost) + " more";
}

}  // namespace

SchemaChange change_between(const SchemaSnapshot& before, const SchemaSnapshot& after) {
  const Owners then = owners_in(before), now = owners_in(after);
  return {only_in(now, then), only_in(then, now)};
}

std::string difference(const RehearsedChange& rehearsed, const SchemaSnapshot& before,
                       const SchemaSnapshot& now) {
  const SchemaChange expected = change_between(before, rehearsed.after);
  const SchemaChange actual = change_between(before, now);
  std::string text;
  // What only scripts did that were not rehearsed is expected of nobody.
  if (rehearsed.whole) add(text, "gained", without(actual.gained, expected.gained));
  if (!rehearsed.rest_loses) add(text, "did not gain", without(expected.gained, actual.gained));
  if (rehearsed.whole) {
    add(text, "lost", without(actual.lost, expected.lost));
    add(text, "did not lose", without(expected.lost, actual.lost));
  }
  return text;
}

}  // namespace dbm::postgres
