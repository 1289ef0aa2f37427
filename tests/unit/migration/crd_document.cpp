#include "unit/migration/crd_document.h"

namespace dbm::migration {
namespace {

using schema::Field;
using schema::Type;
using Json = nlohmann::ordered_json;

Json rules_of(const Field& field) {
  Json all = Json::array();
  for (const schema::Rule& rule : field.rules) {
    Json one = {{"rule", rule.cel}, {"message", rule.must}, {"reason", rule.reason}};
    if (*rule.field != '\0') one["fieldPath"] = std::string(".") + rule.field;
    all.push_back(std::move(one));
  }
  return all;
}

Json schema_of(const Field& field);

Json object_schema(const Field& field) {
  Json json = {{"type", "object"}};
  Json required = Json::array();
  Json properties = Json::object();
  for (const Field& member : field.members) {
    properties[member.name] = schema_of(member);
    if (member.required) required.push_back(member.name);
  }
  if (!required.empty()) json["required"] = std::move(required);
  json["properties"] = std::move(properties);
  if (!field.rules.empty()) json["x-kubernetes-validations"] = rules_of(field);
  return json;
}

void add_list(const Field& field, Json& json) {
  json["type"] = "array";
  if (field.least > 0) json["minItems"] = field.least;
  json["maxItems"] = field.most;
  json["x-kubernetes-list-type"] = field.list_key != nullptr ? "map" : field.is_set ? "set" : "atomic";
  if (field.list_key != nullptr) json["x-kubernetes-list-map-keys"] = Json::array({field.list_key});
  json["items"] = field.item != nullptr ? schema_of(*field.item) : object_schema(field);
}

void add_string(const Field& field, Json& json) {
  json["type"] = "string";
  if (field.form == schema::Form::DateTime) json["format"] = "date-time";
  if (field.least > 0) json["minLength"] = field.least;
  json["maxLength"] = field.most;
  if (const auto pattern = schema::pattern_of(field); !pattern.empty()) json["pattern"] = pattern;
  if (field.words != nullptr) json["enum"] = schema::words_of(field);
}

Json schema_of(const Field& field) {
  Json json = Json::object();
  if (*field.docs != '\0') json["description"] = field.docs;
  switch (field.type) {
    case Type::Object:
      json.update(object_schema(field));
      break;
    case Type::List:
      add_list(field, json);
      break;
    case Type::String:
      add_string(field, json);
      break;
    case Type::Boolean:
      json["type"] = "boolean";
      break;
    case Type::Integer:
      json["type"] = "integer";
      json["format"] = "int64";
      json["minimum"] = field.least;
      if (field.most != INT64_MAX) json["maximum"] = field.most;
      break;
  }
  if (field.initial != nullptr) json["default"] = Json::parse(field.initial);
  return json;
}

Json columns() {
  const auto column = [](const char* name, const char* type, const char* path, bool wide) {
    Json json = {{"name", name}, {"type", type}, {"jsonPath", path}};
    if (wide) json["priority"] = 1;
    return json;
  };
  return {column("Version", "string", ".status.currentVersion", false),
          column("Pending", "integer", ".status.pendingCount", false),
          column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", false),
          column("Status", "string", ".status.conditions[?(@.type==\"Ready\")].reason", false),
          column("Age", "date", ".metadata.creationTimestamp", false),
          column("Message", "string", ".status.conditions[?(@.type==\"Ready\")].message", true),
          column("Backup", "string", ".status.backup.id", true),
          column("Risk", "string", ".status.plan.risk", true),
          column("Suspended", "boolean", ".spec.suspend", true)};
}

const char* word_of(Type type) {
  switch (type) {
    case Type::Object:
      return "object";
    case Type::List:
      return "list";
    case Type::String:
      return "string";
    case Type::Integer:
      return "integer";
    case Type::Boolean:
      return "boolean";
  }
  std::abort();
}

std::string kind_of(const Field& field) {
  if (field.words != nullptr) {
    std::string text;
    for (const auto& word : schema::words_of(field)) text += (text.empty() ? "" : ", ") + ("`" + word + "`");
    return text;
  }
  if (field.form == schema::Form::Duration || field.form == schema::Form::PositiveDuration) return "duration";
  if (field.form == schema::Form::Quantity) return "size";
  if (field.form == schema::Form::DateTime) return "time";
  std::string text = word_of(field.type);
  if (field.type == Type::Integer && field.most != INT64_MAX)
    text += ", " + std::to_string(field.least) + " to " + std::to_string(field.most);
  if (field.type == Type::List) text += ", at most " + std::to_string(field.most);
  return text;
}

/// A '|' would end the cell, a line end the row.
std::string cell(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '|' ? std::string("\\|") : std::string(1, c);
  return safe;
}

std::string table_of(const Field& root, const std::string& name) {
  std::string text = "| field | type | default | meaning |\n|---|---|---|---|\n";
  for (const auto& [path, field] : all_fields(root, name)) {
    std::string initial = field->required             ? "required"
                          : field->initial != nullptr ? "`" + std::string(field->initial) + "`"
                                                      : "";
    std::string meaning = field->docs;
    if (field->must != nullptr) meaning += " It " + std::string(field->must) + ".";
    for (const schema::Rule& rule : field->rules)
      meaning +=
          " Rule: " + (*rule.field == '\0' ? "it " : "`" + std::string(rule.field) + "` ") + rule.must + ".";
    text += "| `" + path + "` | " + cell(kind_of(*field)) + " | " + cell(initial) + " | " + cell(meaning) +
            " |\n";
  }
  return text;
}

}  // namespace

std::vector<std::pair<std::string, const Field*>> all_fields(const Field& root, const std::string& path) {
  std::vector<std::pair<std::string, const Field*>> all{{path, &root}};
  const std::string inner = root.type == Type::List ? path + "[]" : path;
  for (const Field& member : root.members) {
    const auto below = all_fields(member, inner + "." + member.name);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

Json crd_document() {
  Json schema = {
      {"description",
       "The desired migration state of one database: backup, dry run, apply, validate, exactly once."},
      {"type", "object"},
      {"required", {"spec"}},
      {"properties",
       {{"apiVersion", {{"type", "string"}}},
        {"kind", {{"type", "string"}}},
        {"metadata", {{"type", "object"}}},
        {"spec", schema_of(schema::spec())},
        {"status", schema_of(schema::status())}}}};
  Json version = {{"name", "v1alpha1"},
                  {"served", true},
                  {"storage", true},
                  {"subresources", {{"status", Json::object()}}},
                  {"additionalPrinterColumns", columns()},
                  {"schema", {{"openAPIV3Schema", std::move(schema)}}}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", "databasemigrations.dbmigration.dev"}}},
          {"spec",
           {{"group", "dbmigration.dev"},
            {"names",
             {{"kind", "DatabaseMigration"},
              {"listKind", "DatabaseMigrationList"},
              {"plural", "databasemigrations"},
              {"singular", "databasemigration"},
              {"shortNames", {"dbm"}}}},
            {"scope", "Namespaced"},
            {"versions", Json::array({std::move(version)})}}}};
}

std::string crd_readme() {
  return "# The kinds, field by field\n\n"
         "One YAML per kind. The tables below, the CRD and the decoder come from the same description in "
         "`controller/migration/schema*.cpp`;\n"
         "`unit_migration` fails when one of them says something else, and writes both files anew with "
         "`DBM_UPDATE_GOLDEN=1`.\n\n"
         "Durations are numbers with `ms`, `s`, `m` or `h` (`1h30m`), sizes are Kubernetes quantities "
         "(`50Gi`). A field that is not listed is an\n"
         "error that names it, with file and line on the command line.\n\n"
         "## DatabaseMigration (`dbm`)\n\n"
         "`apiVersion: dbmigration.dev/v1alpha1`, namespaced. Deleting one never changes the database.\n\n"
         "### spec\n\n" +
         table_of(schema::spec(), "spec") +
         "\n### status\n\nAt most 24 KiB. Values of rows and Secrets are never in it.\n\n" +
         table_of(schema::status(), "status");
}

}  // namespace dbm::migration
