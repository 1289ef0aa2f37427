#pragma once
/// The numbered scripts that make the ledger, compiled into the binary from migrations/ledger/postgresql.

#include <map>
#include <string>
#include <string_view>

namespace dbm::postgres {

/// The version a ledger of this binary has.
int ledger_version();
/// The script that makes version `number` of its predecessor, for this schema.
std::string ledger_script(int number, const std::string& schema);
/// The functions of version `number`: name → fingerprint of what pg_proc must hold (see
/// function_fingerprint).
std::map<std::string, std::string> ledger_functions(int number, const std::string& schema);
/// SHA-256 of source and settings as pg_proc shows them.
std::string function_fingerprint(std::string_view source, std::string_view settings);

}  // namespace dbm::postgres
