/// spec of a DatabaseMigration, but for connection, source and checks.
#include <array>
#include <nlohmann/json.hpp>

#include "migration/schema_parts.h"

namespace dbm::migration::schema {
namespace {

constexpr const char* kVersion = "^([0-9]{1,18}(\\.[0-9]{1,18})*)?$";
constexpr const char* kVersionMust = "must be a version such as 0042 or 1.10.2";

constexpr std::array kStoreRef{
    Field{.name = "name",
          .type = Type::String,
          .docs = "Name of a store of the operator's configuration; never a path or a URL.",
          .initial = "\"default\"",
          .pattern = kDnsLabel,
          .must = kDnsLabelMust,
          .least = 1,
          .most = 63}};
constexpr std::array kRetention{Field{.name = "keepLast",
                                      .type = Type::Integer,
                                      .docs = "How many backups to keep. The newest verified one, and those "
                                              "an unfinished migration needs, are kept whatever stands here.",
                                      .initial = "3",
                                      .least = 1,
                                      .most = 1000}};

constexpr std::array kBackup{
    Field{.name = "method",
          .type = Type::String,
          .docs = "Logical: pg_dump, compressed and encrypted. SchemaOnly: without the rows, for plans whose "
                  "risk is Safe. None: no backup, with a reason.",
          .initial = "\"Logical\"",
          .words = "Logical SchemaOnly None",
          .most = 16},
    Field{.name = "reason",
          .type = Type::String,
          .docs = "Why there is none; required with method None, and shown.",
          .most = 256},
    Field{.name = "when",
          .type = Type::String,
          .docs = "Always, or only for plans whose risk is not Safe.",
          .initial = "\"Always\"",
          .words = "Always Risky",
          .most = 16},
    Field{.name = "storeRef",
          .type = Type::Object,
          .docs = "Where the backup is kept.",
          .initial = "{}",
          .members = kStoreRef},
    Field{.name = "verify",
          .type = Type::String,
          .docs =
              "How far a backup is proven before anything is changed. Checksum: read back from the store. "
              "Decode: decrypted and decompressed too. Structure: read to its end by pg_restore too.",
          .initial = "\"Structure\"",
          .words = "Checksum Decode Structure",
          .most = 16},
    Field{.name = "retention",
          .type = Type::Object,
          .docs = "Which backups stay. Applied after a success only.",
          .initial = "{}",
          .members = kRetention},
    Field{.name = "maxDatabaseSize",
          .type = Type::String,
          .docs = "A larger database is refused in Plan, as a logical backup would take too long.",
          .initial = "\"50Gi\"",
          .form = Form::Quantity,
          .most = 32},
    Field{.name = "timeout",
          .type = Type::String,
          .docs = "Longest time for taking the backup.",
          .initial = "\"1h\"",
          .form = Form::PositiveDuration,
          .most = 32},
};

bool none_has_reason(const Json& self) {
  return self.value("method", "Logical") != "None" || !self.value("reason", "").empty();
}
constexpr std::array kBackupRules{Rule{"self.method != 'None' || (has(self.reason) && self.reason != '')",
                                       "must say why (reason) where method is None", "reason",
                                       "FieldValueRequired", none_has_reason}};

constexpr std::array kDryRun{
    Field{.name = "mode",
          .type = Type::String,
          .docs = "Auto: rehearses what can be rehearsed, in a transaction that is rolled back. Rehearse: "
                  "what cannot be rehearsed fails the phase. Plan: no rehearsal, the server's grammar only. "
                  "Disabled: neither.",
          .initial = "\"Auto\"",
          .words = "Auto Rehearse Plan Disabled",
          .most = 16},
    Field{.name = "maxBlocking",
          .type = Type::String,
          .docs = "Longest time the rehearsal may hold a lock that blocks others.",
          .initial = "\"1s\"",
          .form = Form::PositiveDuration,
          .most = 32},
    Field{.name = "timeout",
          .type = Type::String,
          .docs = "Longest time for the rehearsal.",
          .initial = "\"10m\"",
          .form = Form::PositiveDuration,
          .most = 32},
};

constexpr std::array kApply{
    Field{.name = "transaction",
          .type = Type::String,
          .docs = "PerScript: each script in a transaction of its own. AllPending: all of them in one.",
          .initial = "\"PerScript\"",
          .words = "PerScript AllPending",
          .most = 16},
    Field{.name = "lockTimeout",
          .type = Type::String,
          .docs = "Longest single wait in a lock queue. Nothing is held between the tries, which go on with "
                  "a back-off.",
          .initial = "\"2s\"",
          .form = Form::PositiveDuration,
          .most = 32},
    Field{.name = "statementTimeout",
          .type = Type::String,
          .docs = "Longest time for one statement; 0s: no limit.",
          .initial = "\"0s\"",
          .form = Form::Duration,
          .most = 32},
    Field{.name = "deadline",
          .type = Type::String,
          .docs = "Longest execution of one attempt; waiting for locks does not count.",
          .initial = "\"2h\"",
          .form = Form::PositiveDuration,
          .most = 32},
};

constexpr std::array kRollback{
    Field{.name = "onFailure",
          .type = Type::String,
          .docs = "TransactionOnly: the open transaction is undone and leftovers of statements outside one "
                  "are cleaned up. None: the open transaction is undone.",
          .initial = "\"TransactionOnly\"",
          .words = "TransactionOnly None",
          .most = 16}};

constexpr Field version(const char* name, const char* docs) {
  return {.name = name,
          .type = Type::String,
          .docs = docs,
          .pattern = kVersion,
          .must = kVersionMust,
          .most = 128};
}

bool schema_is_ours(const Json& self) {
  return self.value("ledgerSchema", "dbm").rfind("pg_", 0) != 0 &&
         self.value("ledgerSchema", "dbm") != "information_schema";
}
constexpr std::array kSpecRules{
    Rule{"self.engine == oldSelf.engine", "must stay as it is: a ledger cannot move to another engine",
         "engine", "FieldValueForbidden", nullptr},
    Rule{"self.ledgerSchema == oldSelf.ledgerSchema", "must stay as it is: the history would be lost",
         "ledgerSchema", "FieldValueForbidden", nullptr},
    Rule{"!self.ledgerSchema.startsWith('pg_') && self.ledgerSchema != 'information_schema'",
         "must not be a schema of the server itself", "ledgerSchema", "FieldValueInvalid", schema_is_ours},
};

/// Not constexpr: it holds copies of tables of other files.
const std::array<Field, 16>& spec_members() {
  static const std::array<Field, 16> members{
      Field{.name = "engine",
            .type = Type::String,
            .docs = "The kind of database. Cannot be changed.",
            .initial = "\"PostgreSQL\"",
            .words = "PostgreSQL",
            .most = 16},
      Field{.name = "ledgerSchema",
            .type = Type::String,
            .docs = "Schema in the database that holds the history of what was applied. One ledger has one "
                    "owner; a database may hold several. Cannot be changed.",
            .initial = "\"dbm\"",
            .pattern = "^[a-z_][a-z0-9_]*$",
            .must = "must be lower-case letters, digits and '_', no digit first",
            .least = 1,
            .most = 63},
      connection(),
      plain_name("role", "Role every script runs as (SET ROLE). Empty: the login itself."),
      source(),
      version("targetVersion",
              "Newest version to apply. Empty: the newest there is. Older than what is applied is refused."),
      version("baselineVersion",
              "On a database that already has them: this version and older ones count as applied."),
      Field{.name = "outOfOrder",
            .type = Type::String,
            .docs = "What happens to a new script older than the newest applied one.",
            .initial = "\"Refuse\"",
            .words = "Refuse",
            .most = 16},
      Field{.name = "changedScript",
            .type = Type::String,
            .docs = "What happens when an applied script was changed or removed: Refuse stops, Warn goes on "
                    "without running it again.",
            .initial = "\"Refuse\"",
            .words = "Refuse Warn",
            .most = 16},
      Field{.name = "backup",
            .type = Type::Object,
            .docs = "The backup before anything is changed.",
            .initial = "{}",
            .members = kBackup,
            .rules = kBackupRules},
      Field{.name = "dryRun",
            .type = Type::Object,
            .docs = "The rehearsal before anything is changed.",
            .initial = "{}",
            .members = kDryRun},
      Field{.name = "apply",
            .type = Type::Object,
            .docs = "How scripts are run.",
            .initial = "{}",
            .members = kApply},
      checks(),
      Field{.name = "rollback",
            .type = Type::Object,
            .docs = "What a failure undoes.",
            .initial = "{}",
            .members = kRollback},
      Field{.name = "suspend",
            .type = Type::Boolean,
            .docs = "true: nothing is started and nothing is written; a run in flight ends its unit and "
                    "records it.",
            .initial = "false"},
      Field{.name = "historyLimit",
            .type = Type::Integer,
            .docs = "Entries of status.history. The ledger keeps all of them.",
            .initial = "20",
            .least = 1,
            .most = 100},
  };
  return members;
}

}  // namespace

const Field& spec() {
  static const Field field{.name = "spec",
                           .type = Type::Object,
                           .docs = "The state the database should be in.",
                           .required = true,
                           .members = spec_members(),
                           .rules = kSpecRules};
  return field;
}

}  // namespace dbm::migration::schema
