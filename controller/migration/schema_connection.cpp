/// spec.connection: where the database is and who logs in.
#include <re2/re2.h>
#include <array>
#include <nlohmann/json.hpp>

#include "migration/schema_parts.h"

namespace dbm::migration::schema {
namespace {

constexpr const char* kSecretKey = "^[-._a-zA-Z0-9]+$";
constexpr const char* kSecretKeyMust = "must be a key of a Secret: letters, digits, '-', '_' and '.'";
constexpr const char* kNumber = "^[0-9]{1,9}$";
constexpr const char* kNumberMust = "must be a whole number in quotes, such as \"10\"";
constexpr const char* kSettings =
    "^-c ?[a-zA-Z_][a-zA-Z0-9_.]*=[A-Za-z0-9_.,:/+%*-]+( -c "
    "?[a-zA-Z_][a-zA-Z0-9_.]*=[A-Za-z0-9_.,:/+%*-]+)*$";

constexpr Field secret_key(const char* name, const char* docs) {
  return {.name = name,
          .type = Type::String,
          .docs = docs,
          .pattern = kSecretKey,
          .must = kSecretKeyMust,
          .least = 1,
          .most = 253};
}
constexpr Field number(const char* name, const char* docs) {
  return {.name = name,
          .type = Type::String,
          .docs = docs,
          .pattern = kNumber,
          .must = kNumberMust,
          .least = 1,
          .most = 9};
}

constexpr std::array kSecretKeys{
    secret_key("url", "Key that holds a whole connection URL, postgresql://…"),
    secret_key("host", "Key that holds the host."),
    secret_key("port", "Key that holds the port."),
    secret_key("dbname", "Key that holds the name of the database."),
    secret_key("username", "Key that holds the login."),
    secret_key("password", "Key that holds the password."),
};

constexpr std::array kParameters{
    Field{.name = "sslmode",
          .type = Type::String,
          .docs = "How TLS is asked for. Default: prefer; verify-full once a CA is given.",
          .words = "disable allow prefer require verify-ca verify-full",
          .most = 16},
    Field{.name = "sslnegotiation",
          .type = Type::String,
          .docs = "How TLS begins (servers and client libraries from 17 on).",
          .words = "postgres direct",
          .most = 16},
    number("connect_timeout", "Seconds to wait for a connection. Default: 10."),
    number("keepalives", "1 or 0: TCP keepalives on or off."),
    number("keepalives_idle", "Seconds of silence before the first keepalive."),
    number("keepalives_interval", "Seconds between keepalives."),
    number("keepalives_count", "Keepalives lost before the connection counts as dead."),
    number("tcp_user_timeout", "Milliseconds that sent data may stay unacknowledged."),
    Field{.name = "target_session_attrs",
          .type = Type::String,
          .docs = "Which server of several to take. A migration always needs one that can be written to, so "
                  "that one is asked for whatever stands here.",
          .words = "any read-write read-only primary standby prefer-standby",
          .most = 16},
    Field{.name = "client_encoding",
          .type = Type::String,
          .docs = "Scripts are UTF-8, so nothing else is possible.",
          .words = "UTF8",
          .most = 8},
    Field{.name = "application_name",
          .type = Type::String,
          .docs = "Added to the application name of our sessions.",
          .pattern = "^[A-Za-z0-9_.:/-]+$",
          .must = "must be letters, digits and any of _ . : / -",
          .least = 1,
          .most = 32},
    Field{.name = "options",
          .type = Type::String,
          .docs = "Settings for every session, as '-c name=value', several with a blank between. Ours win.",
          .pattern = kSettings,
          .must = "must be '-c name=value', several with a blank between, with plain values",
          .least = 1,
          .most = 1024},
    Field{.name = "channel_binding",
          .type = Type::String,
          .docs = "Whether the login is bound to the TLS channel.",
          .words = "disable prefer require",
          .most = 16},
    Field{.name = "gssencmode",
          .type = Type::String,
          .docs = "Whether GSSAPI encryption is asked for.",
          .words = "disable prefer require",
          .most = 16},
};

bool options_are_plain(const Json& self) {
  if (!self.contains("options")) return true;
  const RE2 forbidden{
      "(^| )-c ?(role|session_authorization|local_preload_libraries|session_preload_libraries)="};
  return !RE2::PartialMatch(self["options"].get_ref<const std::string&>(), forbidden);
}

constexpr std::array kParameterRules{
    Rule{"!has(self.options) || !self.options.matches('(^| )-c "
         "?(role|session_authorization|local_preload_libraries|session_preload_libraries)=')",
         "must not set role, session_authorization or preload libraries", "options", "FieldValueInvalid",
         options_are_plain}};

constexpr std::array kCaRef{
    Field{.name = "kind",
          .type = Type::String,
          .docs = "What holds the certificate.",
          .initial = "\"Secret\"",
          .words = "Secret ConfigMap",
          .most = 16},
    object_name("name", "Name of the Secret or ConfigMap, in the namespace of the object.", true),
    Field{.name = "key",
          .type = Type::String,
          .docs = "Key in it: one or more certificates as PEM.",
          .initial = "\"ca.crt\"",
          .pattern = kSecretKey,
          .must = kSecretKeyMust,
          .least = 1,
          .most = 253},
};
constexpr std::array kNameOnly{
    object_name("name", "Name of the Secret, in the namespace of the object.", true)};
constexpr std::array kTls{
    Field{.name = "caRef",
          .type = Type::Object,
          .docs = "Certificate of the authority that signed the server's. With it, sslmode is verify-full "
                  "unless set.",
          .members = kCaRef},
    Field{.name = "certificateSecretRef",
          .type = Type::Object,
          .docs = "Client certificate: a Secret of type kubernetes.io/tls (tls.crt, tls.key).",
          .members = kNameOnly},
};

constexpr std::array kConnection{
    Field{.name = "secretRef",
          .type = Type::Object,
          .docs = "Secret with the login, read at every connect.",
          .members = kNameOnly},
    Field{.name = "secretFormat",
          .type = Type::String,
          .docs = "How the Secret is laid out. URL: key url. Keys: as secretKeys says. Auto: the first of "
                  "URL and Keys with the usual names (host, port, dbname, username or user, password) whose "
                  "keys are there.",
          .initial = "\"Auto\"",
          .words = "Auto URL Keys",
          .most = 16},
    Field{.name = "secretKeys",
          .type = Type::Object,
          .docs = "Which key of the Secret holds what. Every key named here must exist.",
          .members = kSecretKeys},
    Field{.name = "host",
          .type = Type::String,
          .docs = "Host name, address, or folder of a Unix socket. Wins over the Secret's.",
          .pattern = "^(/[^,]*|[A-Za-z0-9._:%-]+)?$",
          .must = "must be one host name, address or socket folder (no URL, no list)",
          .most = 253},
    Field{.name = "port",
          .type = Type::Integer,
          .docs = "Port. Wins over the Secret's. Default: 5432.",
          .least = 1,
          .most = 65535},
    plain_name("dbname", "Name of the database. Wins over the Secret's."),
    plain_name("username", "Login. Wins over the Secret's. It owns the ledger and is no superuser."),
    Field{
        .name = "parameters",
        .type = Type::Object,
        .docs = "Connection parameters of libpq, from this list only: no files, services or password files.",
        .members = kParameters,
        .rules = kParameterRules},
    Field{.name = "tls", .type = Type::Object, .docs = "Certificates for the connection.", .members = kTls},
};

bool secret_or_host(const Json& self) {
  return self.contains("secretRef") ||
         (self.contains("host") && !self["host"].get_ref<const std::string&>().empty());
}
bool keys_fit_format(const Json& self) {
  const auto format = self.value("secretFormat", "Auto");
  if (format == "Keys") return self.contains("secretKeys") && !self["secretKeys"].empty();
  if (!self.contains("secretKeys")) return true;
  return format == "URL" && self["secretKeys"].size() == 1 && self["secretKeys"].contains("url");
}
bool format_has_secret(const Json& self) {
  return self.contains("secretRef") || self.value("secretFormat", "Auto") == "Auto";
}

constexpr std::array kConnectionRules{
    Rule{"has(self.secretRef) || (has(self.host) && self.host != '')",
         "must name a Secret (secretRef) or a host", "", "FieldValueRequired", secret_or_host},
    Rule{"self.secretFormat == 'Keys' ? has(self.secretKeys) : !has(self.secretKeys) || (self.secretFormat "
         "== 'URL' && has(self.secretKeys.url) && "
         "!has(self.secretKeys.host) && !has(self.secretKeys.port) && !has(self.secretKeys.dbname) && "
         "!has(self.secretKeys.username) && !has(self.secretKeys.password))",
         "must be given with secretFormat Keys, and with no other (with URL: only secretKeys.url)",
         "secretKeys", "FieldValueInvalid", keys_fit_format},
    Rule{"has(self.secretRef) || self.secretFormat == 'Auto'",
         "must have a secretRef where secretFormat is URL or Keys", "secretFormat", "FieldValueInvalid",
         format_has_secret},
};

constexpr Field kField{.name = "connection",
                       .type = Type::Object,
                       .docs = "How to reach the database, and as whom.",
                       .required = true,
                       .members = kConnection,
                       .rules = kConnectionRules};
constexpr Field kParametersField{
    .name = "parameters", .type = Type::Object, .docs = "", .members = kParameters, .rules = kParameterRules};

}  // namespace

const Field& connection() { return kField; }
const Field& connection_parameters() { return kParametersField; }

}  // namespace dbm::migration::schema
