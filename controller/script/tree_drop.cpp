#include <array>

#include <nlohmann/json.hpp>

#include "script/tree_class.h"

namespace dbm::script {

using nlohmann::json;

namespace {

struct ObjectKind {
  std::string_view type;
  const char* name;            ///< As it stands behind DROP, in lower case.
  unsigned dropped;            ///< Effects of dropping one.
  bool on_table = false;       ///< Its name begins with its table's.
  bool renamed_breaks = true;  ///< Clients name it.
};

constexpr std::array kObjects{
    ObjectKind{"OBJECT_TABLE", "table", kDataLoss | kBreaking | kBlocking},
    ObjectKind{"OBJECT_FOREIGN_TABLE", "foreign table", kBreaking},
    ObjectKind{"OBJECT_VIEW", "view", kBreaking},
    ObjectKind{"OBJECT_MATVIEW", "materialized view", kBreaking | kBlocking},
    ObjectKind{"OBJECT_SEQUENCE", "sequence", kBreaking},
    ObjectKind{"OBJECT_INDEX", "index", kBlocking, false, false},
    ObjectKind{"OBJECT_SCHEMA", "schema", kDataLoss | kBreaking | kBlocking},
    ObjectKind{"OBJECT_TYPE", "type", kBreaking},
    ObjectKind{"OBJECT_DOMAIN", "domain", kBreaking},
    ObjectKind{"OBJECT_FUNCTION", "function", kBreaking},
    ObjectKind{"OBJECT_PROCEDURE", "procedure", kBreaking},
    ObjectKind{"OBJECT_ROUTINE", "routine", kBreaking},
    ObjectKind{"OBJECT_AGGREGATE", "aggregate", kBreaking},
    ObjectKind{"OBJECT_EXTENSION", "extension", kBreaking | kDataLoss | kBlocking},
    ObjectKind{"OBJECT_TRIGGER", "trigger", kNoEffect, true, false},
    ObjectKind{"OBJECT_POLICY", "policy", kNoEffect, true, false},
    ObjectKind{"OBJECT_RULE", "rule", kNoEffect, true, false},
    ObjectKind{"OBJECT_COLUMN", "column", kDataLoss | kBreaking, true},
    ObjectKind{"OBJECT_ATTRIBUTE", "attribute", kBreaking, true},
    ObjectKind{"OBJECT_TABCONSTRAINT", "constraint", kNoEffect, true, false},
    ObjectKind{"OBJECT_DOMCONSTRAINT", "constraint", kNoEffect, true, false},
    ObjectKind{"OBJECT_STATISTIC_EXT", "statistics", kNoEffect, false, false},
    ObjectKind{"OBJECT_PUBLICATION", "publication", kNoEffect, false, false},
    ObjectKind{"OBJECT_FOREIGN_SERVER", "server", kBreaking | kExternal},
    ObjectKind{"OBJECT_FDW", "foreign data wrapper", kBreaking | kExternal},
    ObjectKind{"OBJECT_EVENT_TRIGGER", "event trigger", kExternal},
    ObjectKind{"OBJECT_DATABASE", "database", kExternal},
    ObjectKind{"OBJECT_ROLE", "role", kExternal},
    ObjectKind{"OBJECT_TABLESPACE", "tablespace", kExternal},
};

const ObjectKind* find_kind(const std::string& type) {
  for (const ObjectKind& kind : kObjects) {
    if (kind.type == type) return &kind;
  }
  return nullptr;
}

std::string upper(std::string_view text) {
  std::string high(text);
  for (char& c : high) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return high;
}

/// The name of one object of a DROP, in any of the shapes the grammar gives it.
std::string object_name(const json& object) {
  if (object.contains("List")) return dotted_name(at(at(object, "List"), "items"));
  if (object.contains("ObjectWithArgs")) return dotted_name(at(at(object, "ObjectWithArgs"), "objname"));
  if (object.contains("TypeName")) return dotted_name(at(at(object, "TypeName"), "names"));
  return quote_name(text_at(at(object, "String"), "sval"));
}

}  // namespace

void class_drop(const json& statement, StatementClass& out) {
  const ObjectKind* kind = find_kind(text_at(statement, "removeType"));
  out.kind = "DROP " + (kind != nullptr ? upper(kind->name) : std::string("OBJECT"));
  out.lock = LockClass::Brief;
  out.effects = kind != nullptr ? kind->dropped : static_cast<unsigned>(kBreaking);
  out.may_lose_objects = true;
  if (text_at(statement, "behavior") == "DROP_CASCADE") out.effects |= kBlocking | kBreaking;
  for (const json& object : at(statement, "objects")) {
    const std::string name = object_name(object);
    if (out.object.empty()) out.object = name;
    if (kind != nullptr) out.dropped.push_back(std::string(kind->name) + " " + name);
    if (kind != nullptr &&
        (kind->type == "OBJECT_TABLE" || kind->type == "OBJECT_VIEW" || kind->type == "OBJECT_MATVIEW"))
      out.touches.push_back(name);
  }
  if (!flag_at(statement, "concurrent")) return;
  out.kind = "DROP INDEX CONCURRENTLY";
  out.scope = Scope::OutsideOnly;
  out.probe = ProbeKind::DropIndexConcurrently;
  out.lock = LockClass::Concurrent;
  out.effects = kNoEffect;
}

void class_rename(const json& statement, StatementClass& out) {
  const ObjectKind* kind = find_kind(text_at(statement, "renameType"));
  const std::string table = relation_name(at(statement, "relation"));
  const std::string part = text_at(statement, "subname");
  const std::string whole = kind != nullptr ? upper(kind->name) : std::string("OBJECT");
  out.kind = "ALTER " + whole + " RENAME";
  if (kind != nullptr && kind->on_table && kind->name != std::string_view("trigger"))
    out.kind = "ALTER TABLE RENAME " + whole;
  out.relation = table;
  // An index takes only the light lock.
  out.lock =
      kind != nullptr && kind->type == "OBJECT_INDEX" ? LockClass::ShareUpdateExclusive : LockClass::Brief;
  if (kind == nullptr || kind->renamed_breaks) out.effects |= kBreaking;
  if (kind != nullptr && (kind->dropped & kExternal) != 0) out.effects |= kExternal;
  out.may_lose_objects = true;
  if (kind == nullptr) return;
  const std::string name = table.empty() ? object_name(at(statement, "object")) : table;
  out.dropped.push_back(std::string(kind->name) + " " + name +
                        (part.empty() || !kind->on_table ? "" : "." + quote_name(part)));
}

void class_comment(const json& statement, StatementClass& out) {
  out.kind = "COMMENT";
  out.lock = LockClass::ShareUpdateExclusive;
  // COMMENT … IS NULL takes a comment away.
  if (at(statement, "comment").is_string()) return;
  out.may_lose_objects = true;
  const ObjectKind* kind = find_kind(text_at(statement, "objtype"));
  out.dropped.push_back("comment " + (kind != nullptr ? std::string(kind->name) + " " : std::string()) +
                        object_name(at(statement, "object")));
}

}  // namespace dbm::script
