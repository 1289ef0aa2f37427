/// status of a DatabaseMigration, in the order in which it is written.
#include <array>

#include "migration/schema_parts.h"

namespace dbm::migration::schema {
namespace {

constexpr Field text(const char* name, const char* docs, std::int64_t most) {
  return {.name = name, .type = Type::String, .docs = docs, .most = most};
}
constexpr Field count(const char* name, const char* docs) {
  return {.name = name, .type = Type::Integer, .docs = docs, .least = 0, .most = INT64_MAX};
}
constexpr Field time(const char* name, const char* docs) {
  return {.name = name, .type = Type::String, .docs = docs, .form = Form::DateTime, .most = 64};
}

constexpr std::array kCondition{
    Field{.name = "type",
          .type = Type::String,
          .docs = "Ready, Reconciling, Stalled, BackupCompleted, DryRunSucceeded, Applied, Validated.",
          .required = true,
          .least = 1,
          .most = 316},
    Field{.name = "status",
          .type = Type::String,
          .docs = "True, False or Unknown.",
          .required = true,
          .words = "True False Unknown",
          .most = 16},
    Field{.name = "reason",
          .type = Type::String,
          .docs = "One word for programs.",
          .required = true,
          .pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
          .least = 1,
          .most = 1024},
    Field{.name = "message",
          .type = Type::String,
          .docs = "One line for people.",
          .required = true,
          .most = 32768},
    Field{.name = "lastTransitionTime",
          .type = Type::String,
          .docs = "When status last changed.",
          .required = true,
          .form = Form::DateTime,
          .most = 64},
    Field{.name = "observedGeneration",
          .type = Type::Integer,
          .docs = "The generation this was found for.",
          .least = 0,
          .most = INT64_MAX},
};
constexpr Field kEffect{.name = "", .type = Type::String, .docs = "", .most = 32};
constexpr std::array kPlan{
    text("digest", "Identity of the plan: scripts, order, target, database.", 80),
    text("risk", "Safe, MultiStep or Risky.", 16),
    Field{.name = "effects",
          .type = Type::List,
          .docs = "DataLoss, Blocking, Breaking, Irreversible, External, Unknown.",
          .most = 8,
          .item = &kEffect,
          .is_set = true},
    count("scripts", "Scripts in it."),
    count("statements", "Statements in them."),
};
constexpr std::array kProgress{
    text("phase", "Plan, Backup, DryRun, Apply or Validate.", 16),
    text("script", "The script that runs.", 300),
    count("statement", "Its statement, from 1."),
    count("of", "How many it has."),
    count("percent", "How far the phase is."),
    text("message", "What is being done.", 1024),
};
constexpr std::array kBackup{
    text("id", "Name of the backup.", 253),
    text("store", "Store of the operator's configuration.", 63),
    text("location", "Where it lies in the store.", 1024),
    text("sha256", "Digest of the stored bytes.", 80),
    count("bytes", "Size of the stored bytes."),
    text("verified", "How far it was proven: Checksum, Decode, Structure.", 32),
    time("completionTime", "When it was complete."),
};
constexpr std::array kDryRun{
    text("mode", "The mode it was made in: Auto, Rehearse or Plan.", 16),
    count("rehearsed", "Scripts that were rehearsed."),
    count("notRehearsed", "Scripts that were not."),
    text("reason", "Why not.", 1024),
    count("longestBlockingMillis", "Longest time a lock was held that blocks others."),
};
constexpr std::array kResult{
    text("name", "Name of the check.", 253),
    text("at", "Before, InTransaction or After.", 16),
    text("result", "Passed, Failed, Warned or Vacuous.", 16),
    text("message", "Counts, types, SQLSTATE; never a value of a row.", 1024),
};
constexpr std::array kChecks{
    count("passed", "Checks that passed."),
    count("failed", "Checks that failed."),
    count("warned", "Checks of severity Warning that failed."),
    count("vacuous", "Checks that could not have failed."),
    Field{.name = "results",
          .type = Type::List,
          .docs = "Each check, failed ones first.",
          .most = 500,
          .members = kResult},
};
constexpr std::array kDatabase{
    text("serverVersion", "Version of the server.", 64),
    text("systemIdentifier", "Identity of the server's data.", 64),
    text("name", "Name of the database.", 63),
    text("ledgerId", "Identity of the ledger.", 64),
};
constexpr std::array kFailure{
    text("phase", "The phase it happened in.", 16),
    text("reason", "One word, narrower than the condition's.", 128),
    text("script", "The script.", 300),
    count("line", "Line in it."),
    count("column", "Column in it, in bytes."),
    text("sqlstate", "PostgreSQL's code.", 5),
    text("message", "One line for people.", 1024),
    text("remedy", "What to do about it.", 1024),
};
constexpr std::array kHistory{
    text("version", "Version of the script.", 128),
    text("name", "Its name.", 253),
    text("result", "Succeeded, Failed, Running, Baseline, RolledBack or Superseded.", 16),
    count("batch", "The run it belongs to."),
    text("checksum", "SHA-256 of its bytes.", 80),
    time("startTime", "When it began."),
    count("durationMillis", "How long it took."),
    count("rows", "Rows it changed; absent where they were not counted."),
    text("backup", "The backup taken before it.", 253),
};

constexpr std::array kStatus{
    Field{.name = "conditions",
          .type = Type::List,
          .docs = "Ready, Reconciling, Stalled and one for each phase.",
          .most = 16,
          .members = kCondition,
          .list_key = "type"},
    Field{.name = "observedGeneration",
          .type = Type::Integer,
          .docs = "The generation this status was made for; -1: not seen yet.",
          .least = -1,
          .most = INT64_MAX},
    text("currentVersion", "Newest version applied.", 128),
    count("appliedCount", "Scripts applied, baseline included."),
    count("pendingCount", "Scripts that are pending."),
    text("sourceDigest", "Digest of all scripts.", 80),
    Field{.name = "plan",
          .type = Type::Object,
          .docs = "What is pending; with nothing pending, what was when the last run began.",
          .members = kPlan},
    Field{.name = "progress", .type = Type::Object, .docs = "Only while a phase runs.", .members = kProgress},
    Field{.name = "backup", .type = Type::Object, .docs = "The backup of the last run.", .members = kBackup},
    Field{
        .name = "dryRun", .type = Type::Object, .docs = "The rehearsal of the last run.", .members = kDryRun},
    Field{.name = "checks", .type = Type::Object, .docs = "The checks of the last run.", .members = kChecks},
    Field{.name = "database",
          .type = Type::Object,
          .docs = "The database as it was found.",
          .members = kDatabase},
    Field{.name = "failure",
          .type = Type::Object,
          .docs = "What went wrong, only while something is wrong.",
          .members = kFailure},
    Field{.name = "history",
          .type = Type::List,
          .docs = "The newest attempts, newest first. The ledger has all of them.",
          .most = 100,
          .members = kHistory},
    text("lastHandledReconcileAt", "Echo of the annotation dbmigration.dev/requestedAt.", 64),
};
constexpr Field kField{.name = "status",
                       .type = Type::Object,
                       .docs = "The state the database is in.",
                       .initial = "{\"observedGeneration\":-1}",
                       .members = kStatus};

}  // namespace

const Field& status() { return kField; }

}  // namespace dbm::migration::schema
