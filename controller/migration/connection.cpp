#include "migration/connection.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/redact.h"
#include "migration/connection_url.h"

namespace dbm::migration {
namespace {

using Keywords = std::map<std::string, std::string>;
using Entries = std::map<std::string, std::string>;

Error not_found(std::string message) {
  return {ErrorKind::Waiting, "WaitingForReference", std::move(message), "NotFound"};
}
Error invalid(std::string message, const char* cause = "InvalidValue") {
  return {ErrorKind::Terminal, "InvalidSpec", std::move(message), cause};
}

std::string names_of(const Entries& entries) {
  std::string names;
  for (const auto& [name, value] : entries) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names.substr(0, 400);
}

/// What we look things up with, and a digest over all that was read.
class Lookup {
 public:
  Lookup(const Migration& migration, const Surroundings& surroundings, Deadline deadline,
         const std::stop_token& stop)
      : namespace_(migration.object.key.namespace_),
        objects_(*surroundings.objects),
        local_(surroundings.cluster_id == "local"),
        deadline_(deadline),
        stop_(stop) {}

  Result<Entries> entries(const std::string& kind, const std::string& name) {
    const auto object = objects_.get({kind, namespace_, name}, deadline_, stop_);
    if (!object) return object.error().during("read " + kind + " " + name);
    if (!*object || (*object)->document == nullptr) {
      const Error missing = not_found(kind + " " + namespace_ + "/" + name + " was not found");
      if (!local_ || kind != "Secret") return missing;
      return missing.with_remedy("give it with --secret " + name +
                                 "=KEY:env:VARIABLE or =KEY:@FILE, or put "
                                 "the Secret into the manifest's folder");
    }
    auto read = entries_of(*(*object)->document, kind == "Secret", kind + " " + name);
    if (read)
      for (const auto& [key, value] : *read) seen_ += name + '\0' + key + '\0' + value + '\0';
    return read;
  }

  Result<std::string> entry(const std::string& kind, const std::string& name, const std::string& key) {
    const auto all = entries(kind, name);
    if (!all) return all.error();
    const auto found = all->find(key);
    if (found == all->end())
      return not_found(kind + " " + namespace_ + "/" + name + " has no key '" + key +
                       "'; keys seen: " + names_of(*all));
    return found->second;
  }

  /// Keyed by this process: whoever learns the digest cannot try passwords against it.
  [[nodiscard]] std::string digest() const {
    static const std::string key = random_bytes(32);
    return to_hex(hmac_sha256(key, seen_));
  }

 private:
  static Result<Entries> entries_of(const nlohmann::ordered_json& document, bool encoded,
                                    const std::string& what) {
    Entries entries;
    for (const char* part : {"data", "stringData"}) {
      const auto found = document.find(part);
      if (found == document.end() || !found->is_object()) continue;
      for (const auto& [key, value] : found->items()) {
        if (!value.is_string()) return invalid(what + ", key " + key + ": must be a string");
        if (!encoded || std::string_view{part} == "stringData") {
          entries[key] = value.get<std::string>();
          continue;
        }
        auto plain = from_base64(value.get_ref<const std::string&>());
        if (!plain) return invalid(what + ", key " + key + ": must be base64");
        entries[key] = *std::move(plain);
      }
    }
    return entries;
  }

  std::string namespace_;
  kubernetes::Objects& objects_;
  bool local_;
  Deadline deadline_;
  std::stop_token stop_;
  std::string seen_;
};

const char* keyword_of(const std::string& member) { return member == "username" ? "user" : member.c_str(); }

std::string trimmed(std::string value) {
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  return value;
}

Result<Keywords> from_url(const Entries& entries, const std::string& key, const std::string& secret) {
  auto read = parse_connection_url(entries.at(key));
  if (!read) return invalid("Secret " + secret + ", key " + key + ": " + read.error().message);
  return read;
}

Result<Keywords> from_keys(const Entries& entries, const std::map<std::string, std::string>& keys,
                           const std::string& secret) {
  Keywords keywords;
  for (const auto& [member, key] : keys) {
    const auto found = entries.find(key);
    if (found == entries.end())
      return not_found("Secret " + secret + " has no key '" + key + "'; keys seen: " + names_of(entries));
    if (member == "url") {
      auto read = from_url(entries, key, secret);
      if (!read) return read;
      keywords.merge(*read);  // single keys win over the URL
      continue;
    }
    keywords[keyword_of(member)] = trimmed(found->second);
  }
  return keywords;
}

/// Auto: a URL, else the usual names. What the spec gives plainly need not be in the Secret.
Result<Keywords> from_usual_names(const Entries& entries, const ConnectionSpec& spec) {
  if (entries.contains("url")) return from_url(entries, "url", spec.secret_name);
  std::map<std::string, std::string> keys;
  for (const char* name : {"host", "port", "dbname", "username", "password"})
    if (entries.contains(name)) keys[name] = name;
  if (!keys.contains("username") && entries.contains("user")) keys["username"] = "user";
  const bool complete = keys.contains("password") && (keys.contains("host") || !spec.host.empty()) &&
                        (keys.contains("username") || !spec.username.empty());
  if (!complete)
    return not_found("Secret " + spec.secret_name +
                     " has neither 'url' nor host, username and password; keys seen: " + names_of(entries));
  return from_keys(entries, keys, spec.secret_name);
}

Result<Keywords> from_secret(const ConnectionSpec& spec, Lookup& lookup) {
  if (spec.secret_name.empty()) return Keywords{};
  const auto entries = lookup.entries("Secret", spec.secret_name);
  if (!entries) return entries.error();
  switch (spec.secret_format) {
    case SecretFormat::Keys:
      return from_keys(*entries, spec.secret_keys, spec.secret_name);
    case SecretFormat::URL: {
      const auto named = spec.secret_keys.find("url");
      return from_keys(*entries, {{"url", named == spec.secret_keys.end() ? "url" : named->second}},
                       spec.secret_name);
    }
    case SecretFormat::Auto:
      return from_usual_names(*entries, spec);
  }
  std::abort();
}

void overlay(const ConnectionSpec& spec, Keywords& keywords) {
  if (!spec.host.empty()) keywords["host"] = spec.host;
  if (spec.port) keywords["port"] = std::to_string(*spec.port);
  if (!spec.dbname.empty()) keywords["dbname"] = spec.dbname;
  if (!spec.username.empty()) keywords["user"] = spec.username;
  for (const auto& [name, value] : spec.parameters) keywords[name] = value;
  if (!keywords.contains("port")) keywords["port"] = "5432";
}

Result<> check_complete(const Keywords& keywords) {
  const std::pair<const char*, const char*> needed[] = {
      {"host", "host"}, {"dbname", "dbname"}, {"user", "username"}};
  for (const auto& [keyword, field] : needed) {
    const auto found = keywords.find(keyword);
    if (found == keywords.end() || found->second.empty())
      return invalid(std::string("spec.connection.") + field +
                     " must be given: the Secret does not say it either");
    const bool control = std::any_of(found->second.begin(), found->second.end(),
                                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (control) return invalid(std::string("spec.connection.") + field + " must hold no control characters");
  }
  const std::string& port = keywords.at("port");
  const bool digits = !port.empty() && port.size() <= 5 &&
                      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || std::stoi(port) < 1 || std::stoi(port) > 65535)
    return invalid("spec.connection.port must be from 1 to 65535, as must be the Secret's");
  return keywords.at("host").find(',') == std::string::npos
             ? Result<>{}
             : invalid("spec.connection.host must be one host, as must be the Secret's");
}

bool allows(const std::string& pattern, const std::string& host) {
  if (pattern.rfind("*.", 0) != 0) return pattern == host;
  return host.size() > pattern.size() - 1 &&
         host.compare(host.size() - (pattern.size() - 1), std::string::npos, pattern, 1) == 0;
}

Result<> check_host(const std::vector<std::string>& allowed, const std::string& host) {
  if (allowed.empty() ||
      std::any_of(allowed.begin(), allowed.end(), [&](const auto& pattern) { return allows(pattern, host); }))
    return {};
  return invalid("the database's host is not among allowedHosts of the operator's configuration",
                 "HostNotAllowed");
}

Result<> add_certificates(const TlsSpec& tls, Lookup& lookup, Connection& connection) {
  Keywords& keywords = connection.target.keywords;
  if (!keywords.contains("sslmode")) keywords["sslmode"] = tls.ca ? "verify-full" : "prefer";
  if (!tls.ca && tls.certificate_secret.empty()) return {};
  const auto files = std::make_shared<std::vector<MemoryFile>>();
  connection.files = files;
  const auto add = [&](const char* keyword, const std::string& kind, const std::string& name,
                       const std::string& key) -> Result<> {
    const auto bytes = lookup.entry(kind, name, key);
    if (!bytes) return bytes.error();
    if (bytes->find("-----BEGIN") == std::string::npos)
      return invalid(kind + " " + name + ", key " + key + ": must be PEM");
    auto file = MemoryFile::make(*bytes);
    if (!file) return file.error().during("keep a certificate");
    keywords[keyword] = file->path();
    files->push_back(std::move(*file));
    return {};
  };
  if (tls.ca)
    if (const auto ca = add("sslrootcert", tls.ca->kind, tls.ca->name, tls.ca->key); !ca) return ca;
  if (tls.certificate_secret.empty()) return {};
  if (const auto certificate = add("sslcert", "Secret", tls.certificate_secret, "tls.crt"); !certificate)
    return certificate;
  return add("sslkey", "Secret", tls.certificate_secret, "tls.key");
}

}  // namespace

Result<Connection> resolve_connection(const Migration& migration, const Surroundings& surroundings,
                                      Deadline deadline, const std::stop_token& stop) {
  Lookup lookup{migration, surroundings, deadline, stop};
  const ConnectionSpec& spec = migration.spec.connection;
  auto keywords = from_secret(spec, lookup);
  if (!keywords) return keywords.error();
  if (const auto secret = keywords->find("password"); secret != keywords->end())
    redact::remember(secret->second);
  overlay(spec, *keywords);
  if (const auto complete = check_complete(*keywords); !complete) return complete.error();
  if (const auto allowed = check_host(surroundings.allowed_hosts, keywords->at("host")); !allowed)
    return allowed.error();

  Connection connection;
  connection.target = {*std::move(keywords), migration.spec.ledger_schema, migration.spec.role,
                       surroundings.allow_superuser};
  if (const auto certificates = add_certificates(spec.tls, lookup, connection); !certificates)
    return certificates.error();
  connection.secret_digest = lookup.digest();
  return connection;
}

}  // namespace dbm::migration
