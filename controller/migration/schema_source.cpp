/// spec.source and spec.checks.
#include <array>
#include <nlohmann/json.hpp>

#include "migration/schema_parts.h"

namespace dbm::migration::schema {
namespace {

constexpr const char* kFileName = "^[^/\\\\\\x00-\\x1f]+$";
constexpr const char* kRelativePath = "^[^/\\\\\\x00-\\x1f][^\\\\\\x00-\\x1f]*$";

constexpr std::array kInline{
    Field{.name = "name",
          .type = Type::String,
          .docs = "File name, such as 0001_orders.sql.",
          .required = true,
          .pattern = kFileName,
          .must = "must be a file name without folders",
          .least = 1,
          .most = 253},
    Field{.name = "sql", .type = Type::String, .docs = "The script.", .required = true, .most = 65536},
};
constexpr std::array kItems{
    Field{.name = "key",
          .type = Type::String,
          .docs = "Key of the ConfigMap.",
          .required = true,
          .pattern = "^[-._a-zA-Z0-9]+$",
          .must = "must be a key of a ConfigMap: letters, digits, '-', '_' and '.'",
          .least = 1,
          .most = 253},
    Field{.name = "path",
          .type = Type::String,
          .docs = "File name it stands for.",
          .required = true,
          .pattern = kRelativePath,
          .must = "must be a relative path",
          .least = 1,
          .most = 253},
};
constexpr std::array kConfigMaps{
    object_name("name", "Name of the ConfigMap, in the namespace of the object.", true),
    Field{.name = "items",
          .type = Type::List,
          .docs = "Keys to take, and the file names they stand for. None: every key under its own name.",
          .most = 500,
          .members = kItems,
          .list_key = "key"},
};
constexpr std::array kDirectory{
    Field{.name = "path",
          .type = Type::String,
          .docs = "Folder below the operator's sourceRoot; on the command line relative to the manifest.",
          .required = true,
          .pattern = "^[^\\x00-\\x1f]+$",
          .must = "must be a path",
          .least = 1,
          .most = 1024}};
constexpr Field kExcludeItem{.name = "",
                             .type = Type::String,
                             .docs = "",
                             .pattern = kFileName,
                             .must = "must be a pattern of file names, such as COMBINED_*",
                             .least = 1,
                             .most = 253};

constexpr std::array kSource{
    Field{.name = "inline",
          .type = Type::List,
          .docs = "Scripts in the object itself, 64 KiB in all.",
          .least = 1,
          .most = 100,
          .members = kInline,
          .list_key = "name"},
    Field{.name = "configMaps",
          .type = Type::List,
          .docs = "ConfigMaps whose keys are scripts.",
          .least = 1,
          .most = 50,
          .members = kConfigMaps,
          .list_key = "name"},
    Field{.name = "directory", .type = Type::Object, .docs = "A folder of scripts.", .members = kDirectory},
    Field{.name = "format",
          .type = Type::String,
          .docs = "How files become scripts. Plain: VERSION_name.sql. UpDown: VERSION_name.up.sql and "
                  ".down.sql. Auto: found out from the files.",
          .initial = "\"Auto\"",
          .words = "Auto Plain UpDown",
          .most = 16},
    Field{.name = "exclude",
          .type = Type::List,
          .docs = "Patterns of file names that are no scripts of this set.",
          .most = 50,
          .item = &kExcludeItem,
          .is_set = true},
};

bool one_source(const Json& self) {
  return static_cast<int>(self.contains("inline")) + static_cast<int>(self.contains("configMaps")) +
             static_cast<int>(self.contains("directory")) ==
         1;
}
bool inline_is_small(const Json& self) {
  std::size_t bytes = 0;
  if (self.contains("inline"))
    for (const Json& entry : self["inline"]) bytes += entry["sql"].get_ref<const std::string&>().size();
  return bytes <= 65536;
}
constexpr std::array kSourceRules{
    Rule{"[has(self.inline), has(self.configMaps), has(self.directory)].filter(x, x).size() == 1",
         "must have exactly one of inline, configMaps and directory", "", "FieldValueInvalid", one_source},
    Rule{"!has(self.inline) || self.inline.map(x, x.sql.size()).sum() <= 65536",
         "must be at most 64 KiB in all", "inline", "FieldValueInvalid", inline_is_small},
};

constexpr Field relation(const char* name, const char* docs, bool required) {
  return {.name = name,
          .type = Type::String,
          .docs = docs,
          .required = required,
          .pattern = "^[^\\x00-\\x1f]+$",
          .must = "must be a name, with its schema where it is not public: sales.orders",
          .least = 1,
          .most = 200};
}
constexpr Field absent() {
  return {.name = "absent",
          .type = Type::Boolean,
          .docs = "true: passes when there is no such object.",
          .initial = "false"};
}

constexpr std::array kSql{Field{.name = "query",
                                .type = Type::String,
                                .docs = "One SELECT that returns the violations: no rows means passed.",
                                .required = true,
                                .least = 1,
                                .most = 16384}};
constexpr std::array kTable{relation("table", "Name of the table.", true), absent()};
constexpr std::array kColumn{
    relation("table", "Name of the table.", true),
    Field{.name = "name",
          .type = Type::String,
          .docs = "Name of the column.",
          .required = true,
          .pattern = "^[^\\x00-\\x1f]+$",
          .must = "must be a name",
          .least = 1,
          .most = 63},
    Field{.name = "type",
          .type = Type::String,
          .docs = "Expected type, as psql prints it. None: any.",
          .most = 200},
    Field{
        .name = "nullable", .type = Type::Boolean, .docs = "Whether the column may hold NULL. None: either."},
    Field{.name = "default",
          .type = Type::String,
          .docs = "Expected default, as psql prints it; an empty string: it has none. Not given: any.",
          .most = 1024},
    absent(),
};
constexpr Field kColumnItem{.name = "", .type = Type::String, .docs = "", .least = 1, .most = 200};
constexpr std::array kIndex{
    relation("name", "Name of the index.", true),
    relation("table", "Table it belongs to.", false),
    Field{.name = "columns",
          .type = Type::List,
          .docs = "Its columns or expressions, in order. None: any.",
          .most = 32,
          .item = &kColumnItem},
    Field{.name = "unique", .type = Type::Boolean, .docs = "Whether it is unique. None: either."},
    Field{.name = "method",
          .type = Type::String,
          .docs = "Its access method, such as btree. None: any.",
          .pattern = "^[a-z_][a-z0-9_]*$",
          .must = "must be the name of an access method, such as btree",
          .least = 1,
          .most = 63},
    Field{.name = "where",
          .type = Type::String,
          .docs = "Its predicate, as psql prints it. None: any.",
          .most = 1024},
    absent(),
};
constexpr Field kGate{
    .name = "", .type = Type::String, .docs = "", .words = "Before InTransaction After", .most = 16};

constexpr std::array kCheck{
    Field{.name = "name",
          .type = Type::String,
          .docs = "Shown everywhere. Unique in the list.",
          .required = true,
          .pattern = kDnsLabel,
          .must = kDnsLabelMust,
          .least = 1,
          .most = 63},
    Field{.name = "at",
          .type = Type::List,
          .docs = "When it is asked. Before: in Plan. InTransaction: before each COMMIT. After: in Validate.",
          .initial = "[\"After\"]",
          .least = 1,
          .most = 3,
          .item = &kGate,
          .is_set = true},
    Field{.name = "severity",
          .type = Type::String,
          .docs = "Error stops; Warning is reported and counted.",
          .initial = "\"Error\"",
          .words = "Error Warning",
          .most = 16},
    Field{.name = "sql", .type = Type::Object, .docs = "A query that finds violations.", .members = kSql},
    Field{.name = "table", .type = Type::Object, .docs = "A table is there, or not.", .members = kTable},
    Field{.name = "column", .type = Type::Object, .docs = "A column is as expected.", .members = kColumn},
    Field{.name = "index",
          .type = Type::Object,
          .docs = "An index is as expected, valid and ready.",
          .members = kIndex},
};

bool one_kind(const Json& self) {
  return static_cast<int>(self.contains("sql")) + static_cast<int>(self.contains("table")) +
             static_cast<int>(self.contains("column")) + static_cast<int>(self.contains("index")) ==
         1;
}
constexpr std::array kCheckRules{
    Rule{"[has(self.sql), has(self.table), has(self.column), has(self.index)].filter(x, x).size() == 1",
         "must have exactly one of sql, table, column and index", "", "FieldValueInvalid", one_kind}};

constexpr Field kSourceField{
    .name = "source",
    .type = Type::Object,
    .docs = "Where the scripts come from: exactly one of inline, configMaps and directory.",
    .required = true,
    .members = kSource,
    .rules = kSourceRules};
constexpr Field kChecksField{
    .name = "checks",
    .type = Type::List,
    .docs = "What must hold before, during or after. Each has exactly one kind: sql, table, column or index.",
    .most = 100,
    .members = kCheck,
    .list_key = "name",
    .rules = kCheckRules};

}  // namespace

const Field& source() { return kSourceField; }
const Field& checks() { return kChecksField; }

}  // namespace dbm::migration::schema
