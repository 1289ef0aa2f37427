#include "local/secrets.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/redact.h"
#include "base/yaml.h"

namespace dbm::local {
namespace {

using Json = nlohmann::ordered_json;

/// Keys of Secrets (docs/configuration.md#connections), also of TLS Secrets, whose values are public.
constexpr std::array<std::string_view, 16> kPublicKeys{
    "host",     "hostname", "port",     "dbname",  "database", "db",      "user",   "username",
    "endpoint", "schema",   "ssl-mode", "sslmode", "ca.crt",   "tls.crt", "engine", "role"};

}  // namespace

void remember_secret_value(std::string_view key, std::string_view value) {
  if (std::find(kPublicKeys.begin(), kPublicKeys.end(), key) == kPublicKeys.end()) redact::remember(value);
}

void set_secret_value(Json& secret, const std::string& key, const std::string& value) {
  remember_secret_value(key, value);
  secret["data"][key] = to_base64(value);
}

Result<> normalise_secret(Json& secret, const std::function<Position(const std::string& pointer)>& position) {
  const auto refused = [&](const std::string& pointer, const std::string& message) {
    return Error{ErrorKind::Terminal, "InvalidSpec", message, "InvalidValue"}.with_position(
        position(pointer));
  };
  for (const char* const part : {"data", "stringData"}) {
    const std::string pointer = std::string("/") + part;
    if (!secret.contains(part) || secret[part].is_null()) continue;
    if (!secret[part].is_object())
      return refused(pointer, std::string(part) + " of a Secret must be a mapping of keys to text");
    for (const auto& [key, value] : secret[part].items()) {
      const std::string at = yaml::pointer(pointer, key);
      if (!value.is_string()) return refused(at, std::string(part) + "." + key + " must be text; quote it");
      if (part == std::string_view("stringData")) continue;
      const auto bytes = from_base64(value.get_ref<const std::string&>());
      if (!bytes) return refused(at, "data." + key + " must be base64; plain text goes under stringData");
      remember_secret_value(key, *bytes);
    }
  }
  if (!secret.contains("data") || secret["data"].is_null()) secret["data"] = Json::object();
  if (secret.contains("stringData") && secret["stringData"].is_object()) {
    for (const auto& [key, value] : secret["stringData"].items())
      set_secret_value(secret, key, value.get<std::string>());
  }
  secret.erase("stringData");
  return {};
}

}  // namespace dbm::local
