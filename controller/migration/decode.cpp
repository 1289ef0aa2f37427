/// JSON → Spec. What is allowed stands in the schema's tables; here values only find their places.
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "migration/object.h"
#include "migration/schema.h"

namespace dbm::migration {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& from, const char* name) { return from.value(name, std::string{}); }
/// Forms were checked, so these cannot fail; the fallbacks are never seen.
Milliseconds span(const Json& from, const char* name) {
  const auto read = parse_duration(text(from, name));
  return read ? *read : Milliseconds{0};
}

template <class Enum>
Enum word(const Json& from, const char* name, std::initializer_list<std::pair<const char*, Enum>> words) {
  const std::string written = text(from, name);
  for (const auto& [spelling, value] : words)
    if (written == spelling) return value;
  return words.begin()->second;
}

std::map<std::string, std::string> strings(const Json& from, const char* name) {
  std::map<std::string, std::string> all;
  if (from.contains(name))
    for (const auto& [key, value] : from[name].items()) all[key] = value.get<std::string>();
  return all;
}
std::vector<std::string> list(const Json& from, const char* name) {
  std::vector<std::string> all;
  if (from.contains(name))
    for (const Json& value : from[name]) all.push_back(value.get<std::string>());
  return all;
}
std::optional<bool> maybe_bool(const Json& from, const char* name) {
  return from.contains(name) ? std::optional<bool>(from[name].get<bool>()) : std::nullopt;
}

ConnectionSpec connection_of(const Json& json) {
  ConnectionSpec spec;
  if (json.contains("secretRef")) spec.secret_name = text(json["secretRef"], "name");
  spec.secret_format = word<SecretFormat>(
      json, "secretFormat",
      {{"Auto", SecretFormat::Auto}, {"URL", SecretFormat::URL}, {"Keys", SecretFormat::Keys}});
  spec.secret_keys = strings(json, "secretKeys");
  spec.host = text(json, "host");
  spec.dbname = text(json, "dbname");
  spec.username = text(json, "username");
  if (json.contains("port")) spec.port = json["port"].get<int>();
  spec.parameters = strings(json, "parameters");
  if (!json.contains("tls")) return spec;
  const Json& tls = json["tls"];
  if (tls.contains("caRef"))
    spec.tls.ca = KeyRef{text(tls["caRef"], "kind"), text(tls["caRef"], "name"), text(tls["caRef"], "key")};
  if (tls.contains("certificateSecretRef"))
    spec.tls.certificate_secret = text(tls["certificateSecretRef"], "name");
  return spec;
}

SourceSpec source_of(const Json& json) {
  SourceSpec spec;
  if (json.contains("inline"))
    for (const Json& entry : json["inline"])
      spec.inline_scripts.push_back({text(entry, "name"), text(entry, "sql")});
  if (json.contains("configMaps")) {
    for (const Json& entry : json["configMaps"]) {
      ConfigMapSource map{text(entry, "name"), {}};
      if (entry.contains("items"))
        for (const Json& item : entry["items"]) map.items.push_back({text(item, "key"), text(item, "path")});
      spec.config_maps.push_back(std::move(map));
    }
  }
  if (json.contains("directory")) spec.directory = text(json["directory"], "path");
  spec.format = word<script::Format>(
      json, "format",
      {{"Auto", script::Format::Auto}, {"Plain", script::Format::Plain}, {"UpDown", script::Format::UpDown}});
  spec.exclude = list(json, "exclude");
  return spec;
}

BackupSpec backup_of(const Json& json) {
  BackupSpec spec;
  spec.method = word<BackupMethod>(json, "method",
                                   {{"Logical", BackupMethod::Logical},
                                    {"SchemaOnly", BackupMethod::SchemaOnly},
                                    {"None", BackupMethod::None}});
  spec.reason = text(json, "reason");
  spec.when = word<BackupWhen>(json, "when", {{"Always", BackupWhen::Always}, {"Risky", BackupWhen::Risky}});
  spec.store = text(json["storeRef"], "name");
  spec.verify = word<VerifyLevel>(json, "verify",
                                  {{"Structure", VerifyLevel::Structure},
                                   {"Decode", VerifyLevel::Decode},
                                   {"Checksum", VerifyLevel::Checksum}});
  spec.keep_last = json["retention"]["keepLast"].get<int>();
  const auto bytes = parse_bytes(text(json, "maxDatabaseSize"));
  if (bytes) spec.max_database_bytes = *bytes;
  spec.timeout = span(json, "timeout");
  return spec;
}

DryRunSpec dry_run_of(const Json& json) {
  DryRunSpec spec;
  spec.mode = word<DryRunMode>(json, "mode",
                               {{"Auto", DryRunMode::Auto},
                                {"Rehearse", DryRunMode::Rehearse},
                                {"Plan", DryRunMode::Plan},
                                {"Disabled", DryRunMode::Disabled}});
  spec.max_blocking = span(json, "maxBlocking");
  spec.timeout = span(json, "timeout");
  return spec;
}

ApplySpec apply_of(const Json& json) {
  ApplySpec spec;
  spec.transaction = word<ApplyTransaction>(
      json, "transaction",
      {{"PerScript", ApplyTransaction::PerScript}, {"AllPending", ApplyTransaction::AllPending}});
  spec.lock_timeout = span(json, "lockTimeout");
  spec.statement_timeout = span(json, "statementTimeout");
  spec.deadline = span(json, "deadline");
  return spec;
}

IndexCheck index_of(const Json& json) {
  return {.name = text(json, "name"),
          .table = text(json, "table"),
          .method = text(json, "method"),
          .where = text(json, "where"),
          .columns = list(json, "columns"),
          .unique = maybe_bool(json, "unique"),
          .absent = json["absent"].get<bool>()};
}

Check check_of(const Json& json) {
  Check check;
  check.name = text(json, "name");
  check.at.clear();
  for (const auto& gate : list(json, "at"))
    check.at.push_back(gate == "Before"          ? Gate::Before
                       : gate == "InTransaction" ? Gate::InTransaction
                                                 : Gate::After);
  check.severity = text(json, "severity") == "Warning" ? Severity::Warning : Severity::Error;
  if (json.contains("sql")) check.sql = SqlCheck{text(json["sql"], "query")};
  if (json.contains("table"))
    check.table = TableCheck{text(json["table"], "table"), json["table"]["absent"].get<bool>()};
  if (json.contains("column")) {
    const Json& column = json["column"];
    check.column =
        ColumnCheck{text(column, "table"),          text(column, "name"), text(column, "type"),
                    maybe_bool(column, "nullable"), std::nullopt,         column["absent"].get<bool>()};
    if (column.contains("default")) check.column->default_ = text(column, "default");
  }
  if (json.contains("index")) check.index = index_of(json["index"]);
  return check;
}

Spec spec_of(const Json& json) {
  Spec spec;
  spec.ledger_schema = text(json, "ledgerSchema");
  spec.connection = connection_of(json["connection"]);
  spec.role = text(json, "role");
  spec.source = source_of(json["source"]);
  spec.target_version = text(json, "targetVersion");
  spec.baseline_version = text(json, "baselineVersion");
  spec.changed_script = text(json, "changedScript") == "Warn" ? ChangedScript::Warn : ChangedScript::Refuse;
  spec.backup = backup_of(json["backup"]);
  spec.dry_run = dry_run_of(json["dryRun"]);
  spec.apply = apply_of(json["apply"]);
  if (json.contains("checks"))
    for (const Json& check : json["checks"]) spec.checks.push_back(check_of(check));
  spec.on_failure =
      text(json["rollback"], "onFailure") == "None" ? OnFailure::None : OnFailure::TransactionOnly;
  spec.suspend = json["suspend"].get<bool>();
  spec.history_limit = json["historyLimit"].get<int>();
  return spec;
}

/// Names become folders of a store and files beside the manifest, so they are checked here too, not only by a
/// server.
Result<> check_names(const kubernetes::Object& object) {
  const char* dns = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
  const char* must =
      "must be 1 to 253 lower-case letters, digits, '-' and '.', a letter or digit at both ends";
  if (object.key.name.size() > 253 || !schema::matches(object.key.name, dns))
    return schema::invalid("/metadata/name", object.position, must);
  if (object.key.namespace_.size() > 63 || !schema::matches(object.key.namespace_, dns))
    return schema::invalid("/metadata/namespace", object.position, must);
  return {};
}

Result<> check_envelope(const kubernetes::Object& object) {
  if (object.document == nullptr || !object.document->is_object())
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "must be an object with apiVersion, kind, metadata and spec", "InvalidValue"};
  const Json& document = *object.document;
  for (const auto& [name, value] : document.items()) {
    if (name != "apiVersion" && name != "kind" && name != "metadata" && name != "spec" && name != "status")
      return schema::invalid("/" + name, object.position,
                             "is no field known here; the fields are apiVersion, kind, metadata, spec",
                             "UnknownField");
  }
  if (document.contains("apiVersion") && document["apiVersion"] != "dbmigration.dev/v1alpha1")
    return schema::invalid("/apiVersion", object.position, "must be dbmigration.dev/v1alpha1");
  if (!document.contains("spec")) return schema::invalid("/spec", object.position, "must be given");
  return check_names(object);
}

std::string digest_of(Json spec) {
  spec.erase("suspend");
  spec.erase("historyLimit");
  const nlohmann::json sorted = schema::without_defaults(schema::spec(), spec);
  return "sha256:" + sha256_hex(sorted.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Result<Migration> decode(const kubernetes::Object& object) {
  if (const auto sound = check_envelope(object); !sound) return sound.error();
  const auto checked = schema::check(schema::spec(), (*object.document)["spec"], "/spec", object.position);
  if (!checked) return checked.error();
  return Migration{object, spec_of(*checked), digest_of(*checked)};
}

}  // namespace dbm::migration
