#include "postgres/lost_objects.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

/// A snapshot by the keys the comparison asks for. Holds pointers into it.
class Index {
 public:
  explicit Index(const SchemaSnapshot& snapshot) {
    for (const CatalogObject& object : snapshot.objects) {
      by_name_.emplace(object.kind + " " + object.name, &object);
      by_identity_.emplace(object.identity, &object);
      by_container_.emplace(object.container_identity, &object);
    }
  }

  [[nodiscard]] const CatalogObject* named(const std::string& kind, const std::string& name) const {
    const auto found = by_name_.find(kind + " " + name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  [[nodiscard]] const CatalogObject* identified(const std::string& identity) const {
    const auto found = by_identity_.find(identity);
    return found == by_identity_.end() ? nullptr : found->second;
  }
  /// Whether the container holds something of this kind that means the same under another name.
  [[nodiscard]] bool holds_equal(const std::string& container, const CatalogObject& object) const {
    if (object.masked.empty()) return false;
    const auto [begin, end] = by_container_.equal_range(container);
    return std::any_of(begin, end, [&](const auto& entry) {
      return entry.second->kind == object.kind && entry.second->masked == object.masked;
    });
  }

 private:
  std::unordered_map<std::string, const CatalogObject*> by_name_, by_identity_;
  std::unordered_multimap<std::string, const CatalogObject*> by_container_;
};

/// What stands in the place of `object` afterwards: the one of its name, else the same one renamed.
const CatalogObject* successor(const CatalogObject& object, const Index& after) {
  const auto* named = after.named(object.kind, object.name);
  return named != nullptr ? named : after.identified(object.identity);
}

bool is_kept(const CatalogObject& object, const CatalogObject* container, const Index& after) {
  const auto* named = after.named(object.kind, object.name);
  if (named != nullptr) return object.kind != "owner" || named->definition == object.definition;
  const auto* same = after.identified(object.identity);
  // A renamed thing is kept; one that went away with what stood in this place before is not.
  const bool top = container == nullptr || container->kind == "schema";
  if (same != nullptr && (top || same->container_identity == container->identity))
    return object.kind != "owner" || same->definition == object.definition;
  return container != nullptr && after.holds_equal(container->identity, object);
}

/// "index ix", "column t.c", …; `kind` and `name` of an entry a person wrote or a statement says.
bool covers(const std::string& entry, const CatalogObject& lost) {
  const auto words = [&](std::string_view kind) {
    return entry.size() > kind.size() + 1 && entry.starts_with(kind) && entry[kind.size()] == ' ';
  };
  const auto said = [&](std::string_view kind, const std::string& name) {
    return words(kind) && names_the_same(std::string_view(entry).substr(kind.size() + 1), name);
  };
  if (words("schema")) {
    const auto schema = name_parts(std::string_view(entry).substr(7));
    const auto parts = name_parts(lost.name);
    return !schema.empty() && !parts.empty() && parts.front() == schema.front();
  }
  if (lost.kind == "grant") {
    if (words("grant") && entry.ends_with(".*")) {
      const auto schema = name_parts(std::string_view(entry).substr(6));
      return !schema.empty() && name_parts(lost.container).front() == schema.front();
    }
    return said("grant", lost.container) || entry == "grant " + lost.name;
  }
  if (lost.kind == "function" || lost.kind == "procedure" || lost.kind == "aggregate")
    return said("function", lost.name) || said(lost.kind, lost.name);
  if (lost.kind.ends_with(" table") && said("table", lost.name)) return true;
  if (lost.kind == "materialized view" && said("view", lost.name)) return true;
  if (lost.kind == "domain" && said("type", lost.name)) return true;
  return said(lost.kind, lost.name);
}

std::string list_of(const std::vector<const CatalogObject*>& lost) {
  constexpr std::size_t kMost = 10;
  std::string list;
  for (std::size_t i = 0; i < lost.size() && i < kMost; ++i)
    list += (i == 0 ? "" : ", ") + lost[i]->kind + " " + lost[i]->name;
  if (lost.size() > kMost) list += " and " + std::to_string(lost.size() - kMost) + " more";
  return list;
}

std::string remedy_for(const std::vector<const CatalogObject*>& lost) {
  // A column swap shows as properties lost of a column that is still there.
  const bool swap = std::any_of(lost.begin(), lost.end(), [](const auto* object) {
    return object->kind == "not null" || object->kind == "default";
  });
  std::string remedy = swap ? "change the column in place (ALTER COLUMN … TYPE keeps index, NOT NULL and "
                              "DEFAULT), or make again what was lost; "
                            : "make again what was lost, or drop it by name first; ";
  return remedy + "a loss on purpose is declared by a line \"-- dbm:drops " + lost.front()->kind + " " +
         lost.front()->name + "\" before the first statement";
}

}  // namespace

std::vector<CatalogObject> lost_between(const SchemaSnapshot& before, const SchemaSnapshot& after) {
  const Index then{before};
  const Index now{after};
  std::vector<CatalogObject> lost;
  for (const CatalogObject& object : before.objects) {
    if (object.inherited) continue;
    const CatalogObject* container = nullptr;
    if (const auto* old = then.identified(object.container_identity)) {
      container = successor(*old, now);
      if (container == nullptr) continue;  // covered by what it belonged to
    }
    if (!is_kept(object, container, now)) lost.push_back(object);
  }
  return lost;
}

Result<> refuse_lost_objects(const SchemaSnapshot& before, const SchemaSnapshot& after,
                             const std::vector<std::string>& named,
                             const std::vector<std::string>& declared) {
  const auto all = lost_between(before, after);
  std::vector<const CatalogObject*> lost;
  for (const CatalogObject& object : all) {
    const auto by = [&](const std::string& entry) { return covers(entry, object); };
    if (std::any_of(named.begin(), named.end(), by) || std::any_of(declared.begin(), declared.end(), by))
      continue;
    lost.push_back(&object);
  }
  if (lost.empty()) return {};

  Error error{ErrorKind::Terminal, "ApplyFailed",
              "would lose without a statement that names it: " + list_of(lost), "LostObject"};
  error.remedy = remedy_for(lost);
  return error;
}

}  // namespace dbm::postgres
