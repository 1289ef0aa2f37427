#pragma once
/// Secrets as the API server would give them, and what must never be printed of them.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm::local {

/// Moves `stringData` into `data` (in base64, winning over an entry of the same key) and remembers each value
/// for redaction. Terminal/InvalidSpec/InvalidValue, naming the key, never the value.
Result<> normalise_secret(nlohmann::ordered_json& secret,
                          const std::function<Position(const std::string& pointer)>& position);

/// Puts one value into a Secret's `data`.
void set_secret_value(nlohmann::ordered_json& secret, const std::string& key, const std::string& value);

/// Remembers `value` for redaction unless its key says that it is none: host, port, database and user names
/// stand in every message that helps.
void remember_secret_value(std::string_view key, std::string_view value);

}  // namespace dbm::local
