#pragma once
/// postgresql:// URLs, read by us: libpq echoes parts of one it cannot read, passwords included.

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm::migration {

/// libpq keywords of a URL: host, port, dbname, user, password and the parameters of
/// docs/configuration.md#connections. An error names a parameter at most: Terminal/InvalidSpec/InvalidValue.
Result<std::map<std::string, std::string>> parse_connection_url(std::string_view url);

/// Refuses parameters that are not of the fixed list, or have values it does not allow. `where` begins the
/// message.
Result<> check_parameters(const std::map<std::string, std::string>& parameters, const std::string& where);

}  // namespace dbm::migration
