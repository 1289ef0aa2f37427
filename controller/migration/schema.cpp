#include "migration/schema.h"

#include <re2/re2.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/units.h"

namespace dbm::migration::schema {

bool matches(const std::string& text, const char* pattern) {
  return RE2::FullMatch(text, RE2(pattern, RE2::Quiet));
}

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDuration = "^([0-9]+(ms|s|m|h))+$";
constexpr const char* kPositiveDuration = "^([0-9]+(ms|s|m|h))*0*[1-9][0-9]*(ms|s|m|h)([0-9]+(ms|s|m|h))*$";
constexpr const char* kQuantity = "^[0-9]+(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";

const char* type_text(Type type) {
  switch (type) {
    case Type::Object:
      return "an object";
    case Type::List:
      return "a list";
    case Type::String:
      return "a string (in quotes where it looks like a number, true, false or null)";
    case Type::Integer:
      return "a whole number";
    case Type::Boolean:
      return "true or false";
  }
  std::abort();
}

bool has_type(const Json& value, Type type) {
  switch (type) {
    case Type::Object:
      return value.is_object();
    case Type::List:
      return value.is_array();
    case Type::String:
      return value.is_string();
    case Type::Integer:
      return value.is_number_integer();
    case Type::Boolean:
      return value.is_boolean();
  }
  std::abort();
}

/// Characters, as JSON schema counts them.
std::int64_t length_of(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string child(const std::string& pointer, const std::string& name) {
  std::string path = pointer + "/";
  for (const char c : name) path += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return path;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// What a person wrote, only where it can hold no secret: one short plain word.
std::string echo(const std::string& value) {
  return matches(value, "[A-Za-z0-9_.-]{1,40}") ? ", not '" + value + "'" : "";
}

class Walk {
 public:
  explicit Walk(const Positions& positions) : positions_(positions) {}

  Result<Json> any(const Field& field, const Json& value, const std::string& pointer) const {
    if (!has_type(value, field.type))
      return invalid(pointer, positions_, std::string("must be ") + type_text(field.type));
    switch (field.type) {
      case Type::Object:
        return object(field, value, pointer);
      case Type::List:
        return list(field, value, pointer);
      case Type::String:
        return string(field, value, pointer);
      case Type::Integer:
        return integer(field, value, pointer);
      case Type::Boolean:
        return value;
    }
    std::abort();
  }

 private:
  Result<Json> object(const Field& field, const Json& value, const std::string& pointer) const {
    Json checked = Json::object();
    for (const auto& entry : value.items()) {
      const std::string& name = entry.key();  // clang 14: a lambda cannot capture a structured binding
      const Json& member = entry.value();
      const auto known = std::find_if(field.members.begin(), field.members.end(),
                                      [&](const Field& f) { return name == f.name; });
      if (known == field.members.end()) return unknown(field, pointer, name);
      if (member.is_null()) continue;  // as the API server: null is "not given"
      auto inner = any(*known, member, child(pointer, name));
      if (!inner) return inner.error();
      checked[name] = *std::move(inner);
    }
    for (const Field& member : field.members) {
      if (checked.contains(member.name)) continue;
      if (member.required)
        return invalid(child(pointer, member.name), positions_at(pointer), "must be given");
      if (member.initial == nullptr) continue;
      auto filled = any(member, Json::parse(member.initial), child(pointer, member.name));
      if (!filled) return filled.error();
      checked[member.name] = *std::move(filled);
    }
    return ruled(field, std::move(checked), pointer);
  }

  Result<Json> ruled(const Field& field, Json checked, const std::string& pointer) const {
    for (const Rule& rule : field.rules) {
      if (rule.holds == nullptr || rule.holds(checked)) continue;
      const bool at_member = *rule.field != '\0' && checked.contains(rule.field);
      return invalid(at_member ? child(pointer, rule.field) : pointer, positions_, rule.must);
    }
    return checked;
  }

  Error unknown(const Field& field, const std::string& pointer, const std::string& name) const {
    std::vector<std::string> names;
    for (const Field& member : field.members) names.emplace_back(member.name);
    return invalid(child(pointer, name), positions_,
                   "is no field known here; the fields are " + joined(names), "UnknownField");
  }

  Result<Json> list(const Field& field, const Json& value, const std::string& pointer) const {
    const auto size = static_cast<std::int64_t>(value.size());
    if (size < field.least || size > field.most)
      return invalid(
          pointer, positions_,
          "must have " + std::to_string(field.least) + " to " + std::to_string(field.most) + " entries");
    Json checked = Json::array();
    std::set<std::string> seen;
    Field entry{
        .name = field.name, .type = Type::Object, .docs = "", .members = field.members, .rules = field.rules};
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string at = pointer + "/" + std::to_string(i);
      auto inner = any(field.item != nullptr ? *field.item : entry, value[i], at);
      if (!inner) return inner.error();
      if (field.list_key != nullptr && !seen.insert((*inner)[field.list_key].get<std::string>()).second)
        return invalid(child(at, field.list_key), positions_, "must be unique in its list");
      if (field.is_set && !seen.insert(inner->dump()).second)
        return invalid(at, positions_, "must be unique in its list");
      checked.push_back(*std::move(inner));
    }
    return checked;
  }

  Result<Json> string(const Field& field, const Json& value, const std::string& pointer) const {
    const auto& text = value.get_ref<const std::string&>();
    if (field.words != nullptr) {
      const auto words = words_of(field);
      if (std::find(words.begin(), words.end(), text) == words.end())
        return invalid(pointer, positions_,
                       (words.size() == 1 ? "must be " : "must be one of ") + joined(words) + echo(text));
      return value;
    }
    const auto length = length_of(text);
    if (length < field.least || length > field.most) {
      const std::string range = field.least > 0 ? std::to_string(field.least) + " to " : "at most ";
      return invalid(pointer, positions_, "must have " + range + std::to_string(field.most) + " characters");
    }
    return formed(field, value, text, pointer);
  }

  Result<Json> formed(const Field& field, const Json& value, const std::string& text,
                      const std::string& pointer) const {
    if (field.form == Form::Duration || field.form == Form::PositiveDuration) {
      const auto span = parse_duration(text);
      if (!span) return invalid(pointer, positions_, span.error().message);
      if (field.form == Form::PositiveDuration && span->count() == 0)
        return invalid(pointer, positions_, "must be longer than 0s");
      return value;
    }
    if (field.form == Form::Quantity) {
      const auto bytes = parse_bytes(text);
      if (!bytes) return invalid(pointer, positions_, bytes.error().message);
      return value;
    }
    if (field.pattern != nullptr && !matches(text, field.pattern))
      return invalid(pointer, positions_, field.must);
    return value;
  }

  Result<Json> integer(const Field& field, const Json& value, const std::string& pointer) const {
    const bool fits =
        !value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
    if (fits && value.get<std::int64_t>() >= field.least && value.get<std::int64_t>() <= field.most)
      return value;
    return invalid(pointer, positions_,
                   "must be from " + std::to_string(field.least) + " to " + std::to_string(field.most));
  }

  /// For a member that is not there: the place of the object that lacks it.
  [[nodiscard]] Positions positions_at(const std::string& pointer) const {
    if (!positions_) return {};
    return [this, pointer](const std::string&) { return positions_(pointer); };
  }

  const Positions& positions_;
};

}  // namespace

std::vector<std::string> words_of(const Field& field) {
  std::vector<std::string> words;
  if (field.words == nullptr) return words;
  const std::string text = field.words;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string pattern_of(const Field& field) {
  switch (field.form) {
    case Form::Duration:
      return kDuration;
    case Form::PositiveDuration:
      return kPositiveDuration;
    case Form::Quantity:
      return kQuantity;
    default:
      return field.pattern == nullptr ? "" : field.pattern;
  }
}

std::string dotted(const std::string& pointer) {
  std::string text;
  for (std::size_t begin = 1; begin <= pointer.size();) {
    const auto end = std::min(pointer.find('/', begin), pointer.size());
    const std::string part = pointer.substr(begin, end - begin);
    const bool number =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    text += number ? "[" + part + "]" : (text.empty() ? "" : ".") + part;
    begin = end + 1;
  }
  return text;
}

Error invalid(const std::string& pointer, const Positions& positions, const std::string& must,
              const char* cause) {
  Error error{ErrorKind::Terminal, "InvalidSpec", dotted(pointer) + " " + must, cause};
  if (positions) error.at = positions(pointer);
  return error;
}

Result<Json> check(const Field& field, const Json& value, const std::string& pointer,
                   const Positions& positions) {
  return Walk{positions}.any(field, value, pointer);
}

Json without_defaults(const Field& field, const Json& value) {
  if (field.type != Type::Object) return value;
  Json kept = Json::object();
  for (const Field& member : field.members) {
    if (!value.contains(member.name)) continue;
    Json inner = without_defaults(member, value[member.name]);
    const bool is_default = member.initial != nullptr && inner == Json::parse(member.initial);
    const bool is_empty = inner.is_object() && inner.empty() && member.initial != nullptr;
    if (!is_default && !is_empty) kept[member.name] = std::move(inner);
  }
  return kept;
}

}  // namespace dbm::migration::schema
