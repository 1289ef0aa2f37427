#include "local/secret_flags.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "local/names.h"

namespace dbm::local {
namespace {

constexpr std::size_t kMostBytes = 1024 * 1024;  // as the API server's limit for a Secret

Error usage(const std::string& message) {
  return {ErrorKind::Terminal, "InvalidSpec", message, "InvalidValue"};
}
Error missing(const std::string& message) {
  return {ErrorKind::Waiting, "WaitingForReference", message, "NotFound"};
}

/// Text ends with the line end of its editor; bytes (a raw key) end as they end.
std::string without_line_end(std::string bytes) {
  const bool is_text = std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
  if (is_text && bytes.ends_with('\n')) bytes.pop_back();
  if (is_text && bytes.ends_with('\r')) bytes.pop_back();
  return bytes;
}

}  // namespace

Result<SecretFlag> parse_secret_flag(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == text.npos) return usage("--secret must be NAME=KEY:@FILE or NAME=KEY:env:VAR");
  SecretFlag flag;
  flag.name = text.substr(0, equals);
  if (!is_object_name(flag.name))
    return usage("--secret must begin with the name of a Secret, as NAME=KEY:@FILE or NAME=KEY:env:VAR");
  const auto rest = text.substr(equals + 1);
  const auto colon = rest.find(':');
  if (colon == rest.npos)
    return usage("--secret " + flag.name + "=… must be NAME=KEY:@FILE or NAME=KEY:env:VAR, never a value");
  flag.key = rest.substr(0, colon);
  if (!is_data_key(flag.key))
    return usage("--secret " + flag.name +
                 "=… must have a key of letters, digits, '-', '_' and '.' before the colon");

  const std::string which = "--secret " + flag.name + "=" + flag.key;
  const auto from = rest.substr(colon + 1);
  if (from.starts_with('@') && from.size() > 1)
    flag.file = from.substr(1);
  else if (from.starts_with("env:") && from.size() > 4)
    flag.variable = from.substr(4);
  else
    return usage(
        which +
        ":… must say where the value is, as :@FILE or :env:VAR; a value itself would be seen by every user");
  if (const auto value = read_value(flag); !value) return usage(which + ": " + value.error().message);
  return flag;
}

Result<std::vector<SecretFlag>> parse_secret_flags(const std::vector<std::string>& texts) {
  std::vector<SecretFlag> flags;
  for (const std::string& text : texts) {
    auto flag = parse_secret_flag(text);
    if (!flag) return flag.error();
    const auto same = [&](const SecretFlag& other) {
      return other.name == flag->name && other.key == flag->key;
    };
    if (std::any_of(flags.begin(), flags.end(), same))
      return usage("--secret " + flag->name + "=" + flag->key + " is given twice");
    flags.push_back(std::move(*flag));
  }
  return flags;
}

Result<std::string> read_value(const SecretFlag& flag) {
  if (!flag.variable.empty()) {
    const char* const value = std::getenv(flag.variable.c_str());
    if (value == nullptr) return missing("environment variable " + flag.variable + " is not set");
    return std::string(value);
  }
  std::error_code cause;
  if (std::filesystem::is_directory(flag.file, cause)) return missing("file " + flag.file + " is a folder");
  errno = 0;
  std::ifstream file{flag.file, std::ios::binary};
  if (!file) return missing("cannot read file " + flag.file + ": " + std::strerror(errno));
  std::ostringstream bytes;
  if (!(bytes << file.rdbuf())) return missing("file " + flag.file + " is empty");
  if (bytes.str().size() > kMostBytes) return missing("file " + flag.file + " is larger than 1 MiB");
  return without_line_end(bytes.str());
}

}  // namespace dbm::local
