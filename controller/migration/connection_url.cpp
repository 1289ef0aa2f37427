#include "migration/connection_url.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "migration/schema_parts.h"

namespace dbm::migration {
namespace {

Error refuse(const std::string& what) {
  return {ErrorKind::Terminal, "InvalidSpec",
          "must be a URL such as postgresql://user:password@host:5432/dbname: " + what, "InvalidValue"};
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return refuse("a '%' must be followed by two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return refuse("it must hold no control characters");
    plain += c;
  }
  return plain;
}

class Reader {
 public:
  explicit Reader(std::string_view url) : rest_(url) {}

  Result<std::map<std::string, std::string>> read() {
    for (const std::string_view scheme : {"postgresql://", "postgres://"})
      if (rest_.substr(0, scheme.size()) == scheme) return after_scheme(scheme.size());
    return refuse("it must begin with postgresql:// or postgres://");
  }

 private:
  Result<std::map<std::string, std::string>> after_scheme(std::size_t length) {
    rest_.remove_prefix(length);
    const auto query_at = rest_.find('?');
    const std::string_view query =
        query_at == std::string_view::npos ? std::string_view{} : rest_.substr(query_at + 1);
    std::string_view hierarchy = rest_.substr(0, query_at);
    if (hierarchy.find('#') != std::string_view::npos) return refuse("a '#' must be written as %23");

    const auto slash =
        hierarchy.find('/', hierarchy.rfind('@') == std::string_view::npos ? 0 : hierarchy.rfind('@'));
    std::string_view authority = hierarchy.substr(0, slash);
    if (slash != std::string_view::npos)
      if (const auto put = set("dbname", hierarchy.substr(slash + 1)); !put) return put.error();
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
      if (const auto login = read_login(authority.substr(0, at)); !login) return login.error();
      authority.remove_prefix(at + 1);
    }
    if (const auto server = read_server(authority); !server) return server.error();
    if (const auto parameters = read_query(query); !parameters) return parameters.error();
    return std::move(found_);
  }

  Result<> read_login(std::string_view login) {
    const auto colon = login.find(':');
    if (const auto user = set("user", login.substr(0, colon)); !user) return user;
    return colon == std::string_view::npos ? Result<>{} : set("password", login.substr(colon + 1));
  }

  Result<> read_server(std::string_view server) {
    if (server.find(',') != std::string_view::npos) return refuse("it must name one host, not a list");
    std::string_view host = server;
    std::string_view port;
    if (!server.empty() && server.front() == '[') {
      const auto close = server.find(']');
      if (close == std::string_view::npos) return refuse("an IPv6 address must end with ']'");
      host = server.substr(1, close - 1);
      const auto rest = server.substr(close + 1);
      if (!rest.empty() && rest.front() != ':') return refuse("after ']' only a port may follow");
      port = rest.empty() ? rest : rest.substr(1);
    } else if (const auto colon = server.rfind(':'); colon != std::string_view::npos) {
      host = server.substr(0, colon);
      port = server.substr(colon + 1);
      if (host.find(':') != std::string_view::npos) return refuse("an IPv6 address must stand in [ ]");
    }
    if (const auto put = set("host", host); !put) return put;
    return set_port(port);
  }

  Result<> set_port(std::string_view port) {
    if (port.empty()) return {};
    const bool digits = port.size() <= 5 &&
                        std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || std::stoi(std::string(port)) < 1 || std::stoi(std::string(port)) > 65535)
      return refuse("the port must be from 1 to 65535");
    found_["port"] = port;
    return {};
  }

  Result<> set(const char* keyword, std::string_view encoded) {
    if (encoded.empty()) return {};
    auto value = decoded(encoded);
    if (!value) return value.error();
    found_[keyword] = *std::move(value);
    return {};
  }

  Result<> read_query(std::string_view query) {
    std::map<std::string, std::string> parameters;
    while (!query.empty()) {
      const auto end = std::min(query.find('&'), query.size());
      const std::string_view pair = query.substr(0, end);
      query.remove_prefix(std::min(end + 1, query.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos) return refuse("each parameter after '?' must be name=value");
      auto name = decoded(pair.substr(0, equals));
      auto value = decoded(pair.substr(equals + 1));
      if (!name || !value) return name ? value.error() : name.error();
      if (*name == "port") {
        if (const auto put = set_port(*value); !put) return put;
      } else if (*name == "user" || *name == "password" || *name == "host" || *name == "dbname") {
        found_[*name] = *std::move(value);
      } else {
        parameters[*name] = *std::move(value);
      }
    }
    if (const auto allowed = check_parameters(parameters, "a parameter of the URL"); !allowed) return allowed;
    found_.merge(parameters);
    return {};
  }

  std::string_view rest_;
  std::map<std::string, std::string> found_;
};

/// Keywords of libpq that are not for a URL; people try them.
constexpr std::string_view kRefusedKeywords[] = {"hostaddr",
                                                 "passfile",
                                                 "service",
                                                 "servicefile",
                                                 "sslcert",
                                                 "sslkey",
                                                 "sslpassword",
                                                 "sslrootcert",
                                                 "sslcrl",
                                                 "sslcrldir",
                                                 "requiressl",
                                                 "requirepeer",
                                                 "krbsrvname",
                                                 "gsslib",
                                                 "replication",
                                                 "fallback_application_name",
                                                 "load_balance_hosts",
                                                 "require_auth"};

}  // namespace

Result<std::map<std::string, std::string>> parse_connection_url(std::string_view url) {
  while (!url.empty() && (url.back() == '\n' || url.back() == '\r' || url.back() == ' '))
    url.remove_suffix(1);
  return Reader{url}.read();
}

Result<> check_parameters(const std::map<std::string, std::string>& parameters, const std::string& where) {
  const auto& table = schema::connection_parameters();
  for (const auto& parameter : parameters) {
    const std::string& name = parameter.first;  // clang 14: a lambda cannot capture a structured binding
    const std::string& value = parameter.second;
    const bool known = std::any_of(table.members.begin(), table.members.end(),
                                   [&](const schema::Field& f) { return name == f.name; });
    // Another word may be the rest of a password that holds a '?'.
    const bool printable = known || std::find(std::begin(kRefusedKeywords), std::end(kRefusedKeywords),
                                              name) != std::end(kRefusedKeywords);
    const std::string named = where + (printable ? " '" + name + "'" : "");
    if (!known)
      return Error{ErrorKind::Terminal, "InvalidSpec",
                   named + " is not one of those allowed (sslmode, connect_timeout, options, …)",
                   "InvalidValue"};
    const auto checked = schema::check(table, {{name, value}}, "", {});
    if (!checked) {
      // Only what it must be: the value may be anything a Secret held.
      const std::string text = checked.error().message;
      return Error{ErrorKind::Terminal, "InvalidSpec",
                   named + text.substr(std::min(text.find(' '), text.size()),
                                       text.find(", not '") - std::min(text.find(' '), text.size())),
                   "InvalidValue"};
    }
  }
  return {};
}

}  // namespace dbm::migration
