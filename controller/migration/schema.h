#pragma once
/// The shape of a DatabaseMigration, once: the decoder walks these tables, and tests hold crds/*.yaml and
/// crds/README.md to them. A rule that concerns several fields stands here in both its forms, CEL and C++.

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace dbm::migration::schema {

enum class Type { Object, List, String, Integer, Boolean };

/// Strings that mean more than their letters. Their pattern and their reading go together.
enum class Form { Plain, Duration, PositiveDuration, Quantity, DateTime };

struct Rule {
  const char* cel;     ///< As the CRD carries it; `self` is the object the rule stands on.
  const char* must;    ///< What has to hold, for people; the same words in CRD, decoder and README.
  const char* field;   ///< The member to point at, without a dot; empty: the object.
  const char* reason;  ///< FieldValueInvalid, FieldValueRequired, …
  bool (*holds)(
      const nlohmann::ordered_json& self);  ///< nullptr: a transition rule, for the API server alone.
};

struct Field {
  const char* name;
  Type type;
  const char* docs;  ///< One to three sentences for users.
  bool required = false;
  const char* initial = nullptr;  ///< The default, as JSON; nullptr: none.
  const char* words = nullptr;    ///< Of an enum, with blanks between.
  const char* pattern = nullptr;  ///< Works alike in ECMAScript and RE2.
  const char* must = nullptr;     ///< Text for a value that does not match `pattern`: "must be …".
  Form form = Form::Plain;
  std::int64_t least = 0, most = 0;  ///< Of a string its length, of an integer its value, of a list its size.
  std::span<const Field> members{};  ///< Of an object, or of the objects in a list.
  const Field* item = nullptr;       ///< Of a list of plain values.
  const char* list_key = nullptr;    ///< The list is a map by this member.
  bool is_set = false;               ///< The list holds each value once.
  std::span<const Rule> rules{};
};

/// `spec` and `status`, each an object.
const Field& spec();
const Field& status();

/// Whether a pattern of a field, or another of RE2's, matches the whole text.
bool matches(const std::string& text, const char* pattern);
/// The words of an enum.
std::vector<std::string> words_of(const Field& field);
/// The pattern the CRD carries for this field, that of its form included; empty: none.
std::string pattern_of(const Field& field);

/// Says where a JSON pointer stands in the user's file; may be empty.
using Positions = std::function<Position(const std::string& pointer)>;

/// Checks `value` against `field` and gives it back with every default filled in. The first error in document
/// order: Terminal/InvalidSpec with cause UnknownField or InvalidValue.
Result<nlohmann::ordered_json> check(const Field& field, const nlohmann::ordered_json& value,
                                     const std::string& pointer, const Positions& positions);

/// `value` (as check() returned it) without what equals its default: what the spec digest is made of, so that
/// a new field with a default changes no digest.
nlohmann::ordered_json without_defaults(const Field& field, const nlohmann::ordered_json& value);

/// "/spec/checks/0/name" → "spec.checks[0].name".
std::string dotted(const std::string& pointer);
Error invalid(const std::string& pointer, const Positions& positions, const std::string& must,
              const char* cause = "InvalidValue");

}  // namespace dbm::migration::schema
