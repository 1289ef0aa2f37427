#include "postgres/connect.h"

#include <cstdlib>
#include <string_view>

extern char** environ;

namespace dbm::postgres {
namespace {

std::string keyword(const migration::Target& target, const std::string& name) {
  const auto found = target.keywords.find(name);
  return found == target.keywords.end() ? std::string{} : found->second;
}

/// "-c name=value", as the server's option parser reads it: a backslash before spaces and backslashes.
std::string option(const std::string& name, const std::string& value) {
  std::string text = "-c ";
  for (const char c : name + "=" + value) {
    if (c == ' ' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

struct Refusal {
  std::string_view sqlstate;
  ErrorKind kind;
  std::string_view reason, cause, words;
};
constexpr Refusal kRefusals[] = {
    {"28P01", ErrorKind::Waiting, "WaitingForReference", "AuthenticationFailed",
     "the server refused the password"},
    {"28000", ErrorKind::Waiting, "WaitingForReference", "AuthenticationFailed",
     "the server refused the login"},
    {"3D000", ErrorKind::Waiting, "WaitingForReference", "NotFound", "there is no such database"},
    {"42501", ErrorKind::Terminal, "PermissionDenied", "InsufficientPrivilege",
     "the login may not connect to this database"},
    {"42704", ErrorKind::Terminal, "InvalidSpec", "InvalidValue",
     "the server knows no such setting (connection.parameters.options)"},
    {"22023", ErrorKind::Terminal, "InvalidSpec", "InvalidValue",
     "the server refused a setting (connection.parameters.options)"},
    {"57P03", ErrorKind::Transient, "ProgressingWithRetry", "ServerNotReady",
     "the server is starting up or shutting down"},
    {"53300", ErrorKind::Transient, "ProgressingWithRetry", "TooManyConnections",
     "the server has no connection left"},
};

/// The five characters after the last "FATAL:  " or "ERROR:  ", when that is how the text ends.
std::string sqlstate_of(std::string_view message) {
  std::size_t at = std::string_view::npos;
  for (const std::string_view mark : {std::string_view{"FATAL:  "}, std::string_view{"ERROR:  "}}) {
    const auto found = message.rfind(mark);
    if (found != std::string_view::npos && (at == std::string_view::npos || found > at)) at = found;
  }
  if (at == std::string_view::npos || message.size() < at + 13) return {};
  return std::string(message.substr(at + 8, 5));
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// The last line without libpq's "connection to server at … failed: " and the hint below it.
std::string last_words(std::string_view message) {
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  const auto failed = message.rfind(" failed: ");
  if (failed != std::string_view::npos) message.remove_prefix(failed + 9);
  return std::string(message.substr(0, std::min<std::size_t>(message.find('\n'), 200)));
}

/// libpq names the files it was given. Ours have no name (base/memory_file.h); the manifest's field says
/// which one is meant.
std::string with_fields_for_files(std::string text, const migration::Target& target) {
  for (const auto& [name, field] : {std::pair{"sslrootcert", "tls.caRef"},
                                    {"sslcert", "tls.certificateSecretRef"},
                                    {"sslkey", "tls.certificateSecretRef"}}) {
    const std::string path = '"' + keyword(target, name) + '"';
    if (const auto at = text.find(path); at != std::string::npos) text.replace(at, path.size(), field);
  }
  return text;
}

Error libpq_error(const std::string& libpq_message, const migration::Target& target,
                  const std::string& where) {
  const std::string message = with_fields_for_files(libpq_message, target);
  if (has(message, "read-only") || has(message, "hot standby"))
    return {ErrorKind::Transient, "ProgressingWithRetry", where + ": the server is read-only (a standby?)",
            "ReadOnly"};
  if (has(message, "password") || has(message, "authentication") || has(message, "SCRAM") ||
      has(message, "channel binding"))
    return {ErrorKind::Waiting, "WaitingForReference",
            where + ": the server wants a password or another way to log in", "AuthenticationFailed"};
  if (has(message, "SSL") || has(message, "certificate") || has(message, "TLS"))
    return {ErrorKind::Waiting, "WaitingForReference", where + ": TLS failed: " + last_words(message),
            "TLSFailed"};
  if (has(message, "invalid port") || has(message, "invalid connection option") ||
      has(message, "invalid sslmode") || has(message, "invalid integer value"))
    return {ErrorKind::Terminal, "InvalidSpec", "connection: libpq refused a parameter", "InvalidValue"};
  return {ErrorKind::Transient, "ProgressingWithRetry", where + ": " + last_words(message),
          "ConnectionFailed"};
}

}  // namespace

std::map<std::string, std::string> connection_keywords(const migration::Target& target,
                                                       const SessionOptions& options) {
  std::map<std::string, std::string> words{
      {"connect_timeout", "10"},      {"keepalives_idle", "10"},     {"keepalives_interval", "5"},
      {"keepalives_count", "3"},      {"tcp_user_timeout", "30000"}, {"gssencmode", "disable"},
      {"passfile", "/dev/null/none"},  // libpq warns on stderr of a file that is not plain, not of none
  };
  for (const auto& [name, value] : target.keywords)
    if (!value.empty()) words[name] = value;
  words["target_session_attrs"] = "read-write";
  words["client_encoding"] = "UTF8";
  const std::string suffix = keyword(target, "application_name");
  words["application_name"] = options.application_name + (suffix.empty() ? "" : " " + suffix);
  std::string settings = keyword(target, "options");
  for (const auto& [name, value] : options.settings)
    settings += (settings.empty() ? "" : " ") + option(name, value);
  if (!settings.empty()) words["options"] = settings;
  return words;
}

std::string describe(const migration::Target& target) {
  std::string where = keyword(target, "host");
  if (where.empty()) where = "localhost";
  const std::string port = keyword(target, "port");
  where += ":" + (port.empty() ? std::string{"5432"} : port);
  const std::string database = keyword(target, "dbname");
  return database.empty() ? where : where + "/" + database;
}

Error connect_error(const std::string& libpq_message, const migration::Target& target) {
  const std::string where = "connect to " + describe(target);
  const std::string sqlstate = sqlstate_of(libpq_message);
  if (sqlstate.empty()) return libpq_error(libpq_message, target, where);

  for (const auto& row : kRefusals) {
    if (row.sqlstate != sqlstate) continue;
    Error error{row.kind, std::string(row.reason), where + ": " + std::string(row.words),
                std::string(row.cause), sqlstate};
    if (sqlstate.starts_with("28")) error.message += " of user " + quote_ident(keyword(target, "user"));
    error.message += " (" + sqlstate + ")";
    return error;
  }
  return {ErrorKind::Transient, "ProgressingWithRetry",
          where + ": the server refused the connection (" + sqlstate + ")", "ConnectionFailed", sqlstate};
}

void forget_libpq_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    if (text.starts_with("PG")) names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const auto& name : names) ::unsetenv(name.c_str());
}

}  // namespace dbm::postgres
