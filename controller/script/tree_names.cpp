#include <algorithm>
#include <array>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "script/lexer.h"
#include "script/tree_class.h"

namespace dbm::script {

using nlohmann::json;

namespace {

/// Words PostgreSQL 15 does not take as the name of a table or column without quotes (manual, appendix C).
constexpr std::string_view kReserved =
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check "
    "collate collation column concurrently constraint create cross current_catalog current_date "
    "current_role current_schema current_time current_timestamp current_user default deferrable desc "
    "distinct do else end except false fetch for foreign freeze from full grant group having ilike "
    "in initially inner intersect into is isnull join lateral leading left like limit localtime "
    "localtimestamp natural not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric system_user table "
    "tablesample then to trailing true union unique user using variadic verbose when where window "
    "with ";

const std::unordered_set<std::string_view>& reserved() {
  static const std::unordered_set<std::string_view> words = [] {
    std::unordered_set<std::string_view> all;
    add_words(kReserved, all);
    return all;
  }();
  return words;
}

std::string function_name(const json& call) {
  const json& names = at(call, "funcname");
  if (!names.is_array() || names.empty()) return {};
  const auto part = [&](std::size_t index) { return text_at(at(names[index], "String"), "sval"); };
  const std::string last = part(names.size() - 1);
  if (names.size() == 1 || part(0) == "pg_catalog") return last;
  return part(0) + "." + last;
}

/// Columns that a WHERE says are NULL, as far as AND joins them.
std::vector<std::string> null_columns(const json& where) {
  std::vector<std::string> columns;
  std::vector<const json*> open{&where};
  while (!open.empty()) {
    const json& node = *open.back();
    open.pop_back();
    const json& both = at(node, "BoolExpr");
    if (text_at(both, "boolop") == "AND_EXPR") {
      for (const json& arm : at(both, "args")) open.push_back(&arm);
    }
    const json& test = at(node, "NullTest");
    const json& fields = at(at(at(test, "arg"), "ColumnRef"), "fields");
    if (text_at(test, "nulltesttype") == "IS_NULL" && !fields.empty())
      columns.push_back(text_at(at(fields.back(), "String"), "sval"));
  }
  return columns;
}

bool update_loses(const json& update) {
  const auto nulls = null_columns(at(update, "whereClause"));
  for (const json& target : at(update, "targetList")) {
    if (std::find(nulls.begin(), nulls.end(), text_at(at(target, "ResTarget"), "name")) == nulls.end())
      return true;
  }
  return false;
}

void note(const std::string& key, const json& value, Contents& contents) {
  if (key == "FuncCall") contents.functions.push_back(function_name(value));
  if (key == "InsertStmt") contents.inserts = true;
  if (key == "DeleteStmt") contents.deletes = true;
  if (key == "MergeStmt") contents.merges = true;
  if (key == "UpdateStmt") {
    contents.updates = true;
    contents.update_loses = contents.update_loses || update_loses(value);
  }
}

}  // namespace

const json& at(const json& object, const char* member) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(member);
  return found == object.end() ? kNothing : *found;
}

std::string text_at(const json& object, const char* member) {
  const json& value = at(object, member);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool flag_at(const json& object, const char* member) {
  const json& value = at(object, member);
  return value.is_boolean() && value.get<bool>();
}

std::string quote_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), plain) &&
      !reserved().contains(name))
    return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string relation_name(const json& range) {
  const std::string name = text_at(range, "relname");
  if (name.empty()) return {};
  const std::string schema = text_at(range, "schemaname");
  return schema.empty() ? quote_name(name) : quote_name(schema) + "." + quote_name(name);
}

std::string dotted_name(const json& list) {
  std::string name;
  if (!list.is_array()) return name;
  for (const json& part : list)
    name += (name.empty() ? "" : ".") + quote_name(text_at(at(part, "String"), "sval"));
  return name;
}

bool option_is_on(const json& options, std::string_view name, bool missing) {
  if (!options.is_array()) return missing;
  for (const json& option : options) {
    const json& element = at(option, "DefElem");
    if (text_at(element, "defname") != name) continue;
    const json& value = at(element, "arg");
    if (value.is_null()) return true;
    const json& number = at(at(value, "Integer"), "ival");
    if (value.contains("Integer")) return number.is_number() && number.get<long>() != 0;
    if (value.contains("Boolean")) return flag_at(at(value, "Boolean"), "boolval");
    const std::string text = lower(text_at(at(value, "String"), "sval"));
    return text != "false" && text != "off" && text != "no" && text != "0";
  }
  return missing;
}

Contents contents_of(const json& tree) {
  Contents contents;
  std::vector<const json*> open{&tree};
  while (!open.empty()) {
    const json& node = *open.back();
    open.pop_back();
    if (!node.is_object() && !node.is_array()) continue;
    if (node.is_object() && node.contains("relname") && contents.relations.size() < 64) {
      std::string name = relation_name(node);
      if (std::find(contents.relations.begin(), contents.relations.end(), name) == contents.relations.end())
        contents.relations.push_back(std::move(name));
    }
    for (auto member = node.rbegin(); node.is_array() && member != node.rend(); ++member)
      open.push_back(&*member);
    if (!node.is_object()) continue;
    for (const auto& member : node.items()) {
      note(member.key(), member.value(), contents);
      open.push_back(&member.value());
    }
  }
  return contents;
}

LockClass heavier(LockClass a, LockClass b) {
  constexpr std::array kOrder{LockClass::None,          LockClass::ShareUpdateExclusive, LockClass::Brief,
                              LockClass::ScanOrRewrite, LockClass::Concurrent,           LockClass::Unknown};
  const auto rank = [&](LockClass lock) { return std::find(kOrder.begin(), kOrder.end(), lock); };
  return rank(a) < rank(b) ? b : a;
}

}  // namespace dbm::script
