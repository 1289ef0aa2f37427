#include "postgres/ledger_scripts.h"

#include <cstdlib>

#include "base/digest.h"
#include "base/embedded.h"
#include "postgres/session.h"

namespace dbm {
extern const EmbeddedFile ledger_scripts[];
extern const unsigned long ledger_scripts_count;
}  // namespace dbm

namespace dbm::postgres {
namespace {

// How the scripts write a function: "CREATE [OR REPLACE] FUNCTION @L@.name(", "SET …" before AS, its body
// between these.
constexpr std::string_view kBodyMark = "$dbm$";
constexpr std::string_view kSettings = "{\"search_path=pg_catalog, pg_temp\"}";

}  // namespace

int ledger_version() { return static_cast<int>(ledger_scripts_count); }

std::string ledger_script(int number, const std::string& schema) {
  const std::string quoted = quote_ident(schema);
  std::string text{ledger_scripts[number - 1].text};
  for (auto at = text.find("@L@"); at != std::string::npos; at = text.find("@L@", at + quoted.size()))
    text.replace(at, 3, quoted);
  return text;
}

std::map<std::string, std::string> ledger_functions(int number, const std::string& schema) {
  std::map<std::string, std::string> functions;
  const std::string mark = "FUNCTION " + quote_ident(schema) + ".";
  for (int script = 1; script <= number; ++script) {
    const std::string text = ledger_script(script, schema);
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      at += mark.size();
      const std::string name = text.substr(at, text.find('(', at) - at);
      const auto begin = text.find(kBodyMark, at) + kBodyMark.size();
      const auto end = text.find(kBodyMark, begin);
      if (end == std::string::npos) std::abort();  // a ledger script of ours that is not written as agreed
      functions[name] = function_fingerprint(std::string_view{text}.substr(begin, end - begin), kSettings);
      at = end;
    }
  }
  return functions;
}

std::string function_fingerprint(std::string_view source, std::string_view settings) {
  return sha256_hex(std::string(source) + '\n' + std::string(settings));
}

}  // namespace dbm::postgres
