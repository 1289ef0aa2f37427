#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/object.h"
#include "unit/migration/crd_document.h"
#include "unit/migration/manifests.h"

namespace dbm::migration {
namespace {

/// The small spec with `value` at `pointer`.
Json with(const char* pointer, Json value) {
  Json spec = small_spec();
  spec[Json::json_pointer{pointer}] = std::move(value);
  return spec;
}
Json with_check(Json check) { return with("/checks", Json::array({std::move(check)})); }

TEST(Decode, FillsInEveryDefault) {
  const auto migration = decode(object_of(small_spec()));

  ASSERT_TRUE(migration) << migration.error().message;
  const Spec& spec = migration->spec;
  EXPECT_EQ(spec.ledger_schema, "dbm");
  EXPECT_EQ(spec.backup.method, BackupMethod::Logical);
  EXPECT_EQ(spec.backup.store, "default");
  EXPECT_EQ(spec.backup.verify, VerifyLevel::Structure);
  EXPECT_EQ(spec.backup.keep_last, 3);
  EXPECT_EQ(spec.backup.max_database_bytes, std::uint64_t{50} << 30);
  EXPECT_EQ(spec.backup.timeout, std::chrono::hours{1});
  EXPECT_EQ(spec.dry_run.max_blocking, std::chrono::seconds{1});
  EXPECT_EQ(spec.apply.lock_timeout, std::chrono::seconds{2});
  EXPECT_EQ(spec.apply.deadline, std::chrono::hours{2});
  EXPECT_EQ(spec.history_limit, 20);
  EXPECT_FALSE(spec.suspend);
}

TEST(Decode, ReadsEveryKindOfCheck) {
  Json spec = small_spec();
  spec["checks"] = {
      {{"name", "a"}, {"at", {"Before", "After"}}, {"severity", "Warning"}, {"sql", {{"query", "SELECT 1"}}}},
      {{"name", "b"}, {"table", {{"table", "t"}, {"absent", true}}}},
      {{"name", "c"},
       {"column", {{"table", "t"}, {"name", "n"}, {"type", "text"}, {"nullable", false}, {"default", ""}}}},
      {{"name", "d"},
       {"index",
        {{"name", "i"}, {"table", "t"}, {"columns", {"a", "b"}}, {"unique", true}, {"method", "btree"}}}}};

  const auto migration = decode(object_of(spec));

  ASSERT_TRUE(migration) << migration.error().message;
  const auto& checks = migration->spec.checks;
  ASSERT_EQ(checks.size(), 4u);
  EXPECT_EQ(checks[0].at, (std::vector<Gate>{Gate::Before, Gate::After}));
  EXPECT_EQ(checks[0].severity, Severity::Warning);
  EXPECT_TRUE(checks[1].table->absent);
  EXPECT_EQ(checks[2].column->default_, "");
  EXPECT_EQ(checks[2].column->nullable, false);
  EXPECT_EQ(checks[3].index->columns, (std::vector<std::string>{"a", "b"}));
}

struct Bad {
  const char* what;
  Json spec;
  std::string cause, message;
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.what; }

class DecodeRefuses : public testing::TestWithParam<Bad> {};

TEST_P(DecodeRefuses, WithOneLineThatSaysWhatItMustBe) {
  const auto migration = decode(object_of(GetParam().spec));

  ASSERT_FALSE(migration);
  EXPECT_EQ(migration.error().kind, ErrorKind::Terminal);
  EXPECT_EQ(migration.error().reason, "InvalidSpec");
  EXPECT_EQ(migration.error().cause, GetParam().cause);
  EXPECT_EQ(migration.error().message, GetParam().message);
  EXPECT_EQ(migration.error().at.file, "orders.yaml");
}

Json both_sources() { return with("/source/directory", {{"path", "x"}}); }
Json no_source() {
  Json spec = small_spec();
  spec["source"] = Json::object();
  return spec;
}
Json no_connection() {
  Json spec = small_spec();
  spec["connection"] = Json::object();
  return spec;
}
Json big_inline() {
  return with("/source/inline", Json::array({{{"name", "1_a.sql"}, {"sql", std::string(40000, 'x')}},
                                             {{"name", "2_b.sql"}, {"sql", std::string(40000, 'x')}}}));
}
const Json kSql = {{"query", "SELECT 1"}};

INSTANTIATE_TEST_SUITE_P(
    Table, DecodeRefuses,
    testing::Values(
        Bad{"unknown field", with("/backup", {{"metod", "None"}}), "UnknownField",
            "spec.backup.metod is no field known here; the fields are method, reason, when, storeRef, "
            "verify, retention, maxDatabaseSize, timeout"},
        Bad{"wrong type", with("/suspend", "yes"), "InvalidValue", "spec.suspend must be true or false"},
        Bad{"number for text", with("/connection/parameters", {{"connect_timeout", 10}}), "InvalidValue",
            "spec.connection.parameters.connect_timeout must be a string (in quotes where it looks like a "
            "number, true, false or null)"},
        Bad{"enum", with("/backup", {{"method", "logical"}}), "InvalidValue",
            "spec.backup.method must be one of Logical, SchemaOnly, None, not 'logical'"},
        Bad{"later enum", with("/outOfOrder", "Apply"), "InvalidValue",
            "spec.outOfOrder must be Refuse, not 'Apply'"},
        Bad{"range", with("/connection/port", 70000), "InvalidValue",
            "spec.connection.port must be from 1 to 65535"},
        Bad{"history", with("/historyLimit", 0), "InvalidValue", "spec.historyLimit must be from 1 to 100"},
        Bad{"two sources", both_sources(), "InvalidValue",
            "spec.source must have exactly one of inline, configMaps and directory"},
        Bad{"no source", no_source(), "InvalidValue",
            "spec.source must have exactly one of inline, configMaps and directory"},
        Bad{"too much inline", big_inline(), "InvalidValue",
            "spec.source.inline must be at most 64 KiB in all"},
        Bad{"inline with a folder",
            with("/source/inline", Json::array({{{"name", "a/1_a.sql"}, {"sql", ""}}})), "InvalidValue",
            "spec.source.inline[0].name must be a file name without folders"},
        Bad{"no connection", no_connection(), "InvalidValue",
            "spec.connection must name a Secret (secretRef) or a host"},
        Bad{"URL as host", with("/connection/host", "postgres://app:secret@db/orders"), "InvalidValue",
            "spec.connection.host must be one host name, address or socket folder (no URL, no list)"},
        Bad{"password", with("/connection/password", "secret"), "UnknownField",
            "spec.connection.password is no field known here; the fields are secretRef, secretFormat, "
            "secretKeys, host, port, dbname, username, parameters, tls"},
        Bad{"keys without format", with("/connection/secretKeys", {{"password", "pw"}}), "InvalidValue",
            "spec.connection.secretKeys must be given with secretFormat Keys, and with no other (with URL: "
            "only secretKeys.url)"},
        Bad{"parameter", with("/connection/parameters", {{"sslrootcert", "/etc/x"}}), "UnknownField",
            "spec.connection.parameters.sslrootcert is no field known here; the fields are sslmode, "
            "sslnegotiation, connect_timeout, keepalives, keepalives_idle, "
            "keepalives_interval, keepalives_count, tcp_user_timeout, target_session_attrs, client_encoding, "
            "application_name, options, channel_binding, gssencmode"},
        Bad{"encoding", with("/connection/parameters", {{"client_encoding", "LATIN1"}}), "InvalidValue",
            "spec.connection.parameters.client_encoding must be UTF8, not 'LATIN1'"},
        Bad{"options", with("/connection/parameters", {{"options", "-c work_mem=1MB; DROP"}}), "InvalidValue",
            "spec.connection.parameters.options must be '-c name=value', several with a blank between, with "
            "plain values"},
        Bad{"role in options", with("/connection/parameters", {{"options", "-c work_mem=1MB -c role=root"}}),
            "InvalidValue",
            "spec.connection.parameters.options must not set role, session_authorization or preload "
            "libraries"},
        Bad{"None without reason", with("/backup", {{"method", "None"}}), "InvalidValue",
            "spec.backup must say why (reason) where method is None"},
        Bad{"duration", with("/backup", {{"timeout", "1 hour"}}), "InvalidValue",
            "spec.backup.timeout must be a duration such as 90s, 1h30m or 250ms, at most 8784h, not '1 "
            "hour'"},
        Bad{"no wait at all", with("/apply", {{"lockTimeout", "0s"}}), "InvalidValue",
            "spec.apply.lockTimeout must be longer than 0s"},
        Bad{"quantity", with("/backup", {{"maxDatabaseSize", "big"}}), "InvalidValue",
            "spec.backup.maxDatabaseSize must be a size such as 512Mi, 50Gi or 1000000, not 'big'"},
        Bad{"schema of the server", with("/ledgerSchema", "pg_catalog"), "InvalidValue",
            "spec.ledgerSchema must not be a schema of the server itself"},
        Bad{"schema name", with("/ledgerSchema", "a\"; DROP"), "InvalidValue",
            "spec.ledgerSchema must be lower-case letters, digits and '_', no digit first"},
        Bad{"version", with("/targetVersion", "v1"), "InvalidValue",
            "spec.targetVersion must be a version such as 0042 or 1.10.2"},
        Bad{"no kind", with_check({{"name", "a"}}), "InvalidValue",
            "spec.checks[0] must have exactly one of sql, table, column and index"},
        Bad{"two kinds", with_check({{"name", "a"}, {"sql", kSql}, {"table", {{"table", "t"}}}}),
            "InvalidValue", "spec.checks[0] must have exactly one of sql, table, column and index"},
        Bad{"check name", with_check({{"name", "No Orphans"}, {"sql", kSql}}), "InvalidValue",
            "spec.checks[0].name must be a DNS label: lower-case letters, digits and '-', a letter or digit "
            "at both ends"},
        Bad{"doubled name",
            with("/checks", Json::array({{{"name", "a"}, {"sql", kSql}}, {{"name", "a"}, {"sql", kSql}}})),
            "InvalidValue", "spec.checks[1].name must be unique in its list"},
        Bad{"doubled gate", with_check({{"name", "a"}, {"at", {"After", "After"}}, {"sql", kSql}}),
            "InvalidValue", "spec.checks[0].at[1] must be unique in its list"},
        Bad{"no gate", with_check({{"name", "a"}, {"at", Json::array()}, {"sql", kSql}}), "InvalidValue",
            "spec.checks[0].at must have 1 to 3 entries"},
        Bad{"no query", with_check({{"name", "a"}, {"sql", Json::object()}}), "InvalidValue",
            "spec.checks[0].sql.query must be given"}));

TEST(Decode, RefusesAnotherVersionAndAForeignMember) {
  auto object = object_of(small_spec());
  Json document = *object.document;
  document["apiVersion"] = "dbmigration.dev/v1";
  object.document = std::make_shared<const Json>(document);
  EXPECT_EQ(decode(object).error().message, "apiVersion must be dbmigration.dev/v1alpha1");

  document["apiVersion"] = "dbmigration.dev/v1alpha1";
  document["sepc"] = 1;
  object.document = std::make_shared<const Json>(document);
  EXPECT_EQ(decode(object).error().cause, "UnknownField");
}

TEST(Decode, RefusesNamesThatWouldLeaveTheStoresFolder) {
  auto object = object_of(small_spec());
  object.key.name = "../orders";
  EXPECT_EQ(decode(object).error().reason, "InvalidSpec");
}

TEST(Decode, ErrorsCarryThePlaceInTheFile) {
  const auto error = decode(object_of(with("/backup", {{"metod", "None"}}))).error();
  EXPECT_EQ(error.at,
            (Position{"orders.yaml", static_cast<int>(std::string("/spec/backup/metod").size()), 1}));
}

/// Each field once with a value of a type it cannot have.
TEST(Decode, EveryFieldRefusesTheWrongType) {
  for (const auto& [path, field] : all_fields(schema::spec(), "spec")) {
    if (path == "spec" || path.find("[]") != std::string::npos) continue;
    std::string pointer;
    for (const char c : path.substr(4)) pointer += c == '.' ? '/' : c;
    Json spec = small_spec();
    if (pointer.rfind("/source/", 0) == 0) spec["source"] = Json::object();
    const Json wrong =
        field->type == schema::Type::Integer || field->type == schema::Type::Boolean ? Json("x") : Json(5);
    spec[Json::json_pointer{pointer}] = wrong;

    const auto migration = decode(object_of(spec));

    ASSERT_FALSE(migration) << path;
    EXPECT_EQ(migration.error().cause, "InvalidValue") << path;
    EXPECT_EQ(migration.error().message.rfind(path + " must ", 0), 0u)
        << path << ": " << migration.error().message;
  }
}

TEST(SpecDigest, IgnoresWhatEqualsItsDefaultAndWhatChangesNoMigration) {
  const auto digest = [](const Json& spec) { return decode(object_of(spec))->spec_digest; };
  const std::string plain = digest(small_spec());

  EXPECT_EQ(plain.size(), 7u + 64u);
  EXPECT_EQ(digest(with("/backup", {{"method", "Logical"}})), plain);
  EXPECT_EQ(digest(with("/suspend", false)), plain);
  EXPECT_EQ(digest(with("/historyLimit", 7)), plain);
  EXPECT_NE(digest(with("/targetVersion", "0001")), plain);
}

}  // namespace
}  // namespace dbm::migration
