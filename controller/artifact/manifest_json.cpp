#include "artifact/manifest_json.h"

#include <openssl/crypto.h>
#include <nlohmann/json.hpp>

#include <set>
#include <vector>

#include "artifact/errors.h"
#include "artifact/keys.h"
#include "base/digest.h"

namespace dbm::artifact {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kSignaturePurpose[] = "dbm-backup/1 manifest hmac";
const Json kNothing;

/// Builds the document, and stops at what nlohmann would let pass: a member twice, endless depth.
struct StrictBuilder {
  std::vector<std::set<std::string>> open;
  std::string trouble;

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kJsonDepthMax) trouble = "is nested deeper than 32 levels";
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      trouble = "has a member twice: " + parsed.get<std::string>();
    return trouble.empty();
  }
};

/// How deep brackets go, before a parser sees them: refusing deeper text there is cheaper than surviving it.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kJsonDepthMax) return true;
  }
  return false;
}

}  // namespace

Result<Json> parse_strict(std::string_view text, const std::string& object) {
  if (text.empty()) return corrupt(object, "is empty");
  if (text.size() > kJsonBytesMax) return corrupt(object, "is longer than 16 MiB");
  if (too_deep(text)) return corrupt(object, "is nested deeper than 32 levels");
  StrictBuilder strict;
  try {
    Json document = Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (!strict(depth, event, parsed)) throw std::invalid_argument(strict.trouble);
      return true;
    });
    if (!document.is_object()) return corrupt(object, "must be a JSON object");
    return document;
  } catch (const std::invalid_argument& refused) {
    return corrupt(object, refused.what());
  } catch (const Json::exception&) {
    return corrupt(object, "is not JSON");
  }
}

std::string sign_json(const Json& document, const std::string& store_key) {
  nlohmann::json rest = nlohmann::json::parse(document.dump());  // this type sorts its members
  rest.erase("hmac");
  std::string key = derive_key(store_key, kSignaturePurpose);
  const auto mac = hmac_sha256(key, rest.dump());
  OPENSSL_cleanse(key.data(), key.size());
  return to_hex(mac);
}

bool signature_holds(const Json& document, const std::string& store_key) {
  const auto found = document.find("hmac");
  if (found == document.end() || !found->is_string()) return false;
  const auto& text = found->get_ref<const std::string&>();
  const std::string expected = sign_json(document, store_key);
  return text.size() == expected.size() && CRYPTO_memcmp(text.data(), expected.data(), expected.size()) == 0;
}

const Json* Members::find(const char* name) {
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

void Members::refuse(const std::string& name, const char* must_be) {
  if (trouble_.empty()) trouble_ = path_ + name + " must be " + must_be;
}

std::string Members::text(const char* name) {
  const Json* value = find(name);
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  refuse(name, "a string");
  return {};
}

std::int64_t Members::number(const char* name) {
  const Json* value = find(name);
  const bool fits = value != nullptr && value->is_number_integer() &&
                    (!value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX);
  if (fits) return value->get<std::int64_t>();
  refuse(name, "a whole number");
  return 0;
}

std::uint64_t Members::size(const char* name) {
  const Json* value = find(name);
  if (value != nullptr && value->is_number_unsigned()) return value->get<std::uint64_t>();
  refuse(name, "a whole number, not negative");
  return 0;
}

bool Members::flag(const char* name) {
  const Json* value = find(name);
  if (value != nullptr && value->is_boolean()) return value->get<bool>();
  refuse(name, "true or false");
  return false;
}

const Json& Members::object(const char* name) {
  const Json* value = find(name);
  if (value != nullptr && value->is_object()) return *value;
  refuse(name, "an object");
  return kNothing;
}

const Json& Members::array(const char* name) {
  const Json* value = find(name);
  if (value != nullptr && value->is_array()) return *value;
  refuse(name, "a list");
  return kNothing;
}

}  // namespace dbm::artifact
