#pragma once
/// A DatabaseMigration as values: the spec decoded and checked, the status as it is written. Field docs:
/// crds/README.md.

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "kubernetes/objects.h"
#include "script/script.h"

namespace dbm::migration {

// ---- spec
// ----------------------------------------------------------------------------------------------------------

enum class EngineKind { PostgreSQL };
enum class SecretFormat { Auto, URL, Keys };
enum class OutOfOrder { Refuse };
enum class ChangedScript { Refuse, Warn };
enum class BackupMethod { Logical, SchemaOnly, None };
enum class BackupWhen { Always, Risky };
enum class VerifyLevel { Checksum, Decode, Structure };
enum class DryRunMode { Auto, Rehearse, Plan, Disabled };
enum class ApplyTransaction { PerScript, AllPending };
enum class Gate { Before, InTransaction, After };
enum class Severity { Error, Warning };
enum class OnFailure { TransactionOnly, None };

struct KeyRef {
  std::string kind;  ///< Secret or ConfigMap
  std::string name;
  std::string key;
};

struct TlsSpec {
  std::optional<KeyRef> ca;
  std::string certificate_secret;  ///< of type kubernetes.io/tls; empty: none
};

struct ConnectionSpec {
  std::string secret_name;  ///< empty: none (then host is set)
  SecretFormat secret_format = SecretFormat::Auto;
  std::map<std::string, std::string> secret_keys;
  std::string host, dbname, username;
  std::optional<int> port;
  std::map<std::string, std::string> parameters;
  TlsSpec tls;
};

struct InlineScript {
  std::string name, sql;
};
struct KeyToPath {
  std::string key, path;
};
struct ConfigMapSource {
  std::string name;
  std::vector<KeyToPath> items;  ///< empty: every key under its own name
};

struct SourceSpec {
  std::vector<InlineScript> inline_scripts;
  std::vector<ConfigMapSource> config_maps;
  std::string directory;  ///< exactly one of the three is there
  script::Format format = script::Format::Auto;
  std::vector<std::string> exclude;
};

struct BackupSpec {
  BackupMethod method = BackupMethod::Logical;
  std::string reason;
  BackupWhen when = BackupWhen::Always;
  std::string store = "default";
  VerifyLevel verify = VerifyLevel::Structure;
  int keep_last = 3;
  std::uint64_t max_database_bytes = std::uint64_t{50} << 30;
  Milliseconds timeout{std::chrono::hours{1}};
};

struct DryRunSpec {
  DryRunMode mode = DryRunMode::Auto;
  Milliseconds max_blocking{1000};
  Milliseconds timeout{std::chrono::minutes{10}};
};

struct ApplySpec {
  ApplyTransaction transaction = ApplyTransaction::PerScript;
  Milliseconds lock_timeout{2000};
  Milliseconds statement_timeout{0};
  Milliseconds deadline{std::chrono::hours{2}};
};

struct SqlCheck {
  std::string query;
};
struct TableCheck {
  std::string table;
  bool absent = false;
};
struct ColumnCheck {
  std::string table, name, type;  ///< type empty: any
  std::optional<bool> nullable;
  std::optional<std::string> default_;  ///< the expression as pg_get_expr prints it; "" : none
  bool absent = false;
};
struct IndexCheck {
  std::string name, table, method, where;
  std::vector<std::string> columns;
  std::optional<bool> unique;
  bool absent = false;
};

/// One entry of spec.checks: exactly one of the four is set.
struct Check {
  std::string name;
  std::vector<Gate> at{Gate::After};
  Severity severity = Severity::Error;
  std::optional<SqlCheck> sql;
  std::optional<TableCheck> table;
  std::optional<ColumnCheck> column;
  std::optional<IndexCheck> index;
};

struct Spec {
  EngineKind engine = EngineKind::PostgreSQL;
  std::string ledger_schema = "dbm";
  ConnectionSpec connection;
  std::string role;
  SourceSpec source;
  std::string target_version;    ///< as written; empty: the newest
  std::string baseline_version;  ///< as written; empty: none
  OutOfOrder out_of_order = OutOfOrder::Refuse;
  ChangedScript changed_script = ChangedScript::Refuse;
  BackupSpec backup;
  DryRunSpec dry_run;
  ApplySpec apply;
  std::vector<Check> checks;
  OnFailure on_failure = OnFailure::TransactionOnly;
  bool suspend = false;
  int history_limit = 20;
};

/// An object whose spec was accepted.
struct Migration {
  kubernetes::Object object;
  Spec spec;
  std::string
      spec_digest;  ///< "sha256:…" of the canonical JSON of the spec, suspend and historyLimit left out
};

/// Decodes and checks everything that can be checked without looking at the world: unknown fields
/// (UnknownField), types, ranges, enums, patterns, exactly one source, one kind per check, None needs a
/// reason, a Secret or a host (InvalidValue). The first error in document order, with file and line where
/// known: Terminal/InvalidSpec.
Result<Migration> decode(const kubernetes::Object& object);

std::string_view to_string(BackupMethod);
std::string_view to_string(VerifyLevel);
std::string_view to_string(DryRunMode);
std::string_view to_string(ApplyTransaction);
std::string_view to_string(Gate);
std::string_view to_string(Severity);

// ---- status
// --------------------------------------------------------------------------------------------------------

enum class PhaseName { Plan, Backup, DryRun, Apply, Validate };
std::string_view to_string(PhaseName);

struct Condition {
  std::string type;
  std::string status;  ///< True, False, Unknown
  std::string reason;
  std::string message;
  std::string last_transition_time;
  std::int64_t observed_generation = 0;
};

struct CheckResult {
  std::string name;
  std::string at;       ///< a Gate's name
  std::string result;   ///< Passed, Failed, Warned, Vacuous
  std::string message;  ///< counts, types, SQLSTATE; never a value of a row
};

struct ChecksStatus {
  int passed = 0, failed = 0, warned = 0, vacuous = 0;
  std::vector<CheckResult> results;
};

struct HistoryEntry {
  std::string version, name, result;  ///< Succeeded, Failed, Running, Baseline, RolledBack, Superseded
  std::int64_t batch = 0;
  std::string checksum, start_time;
  std::int64_t duration_millis = 0;
  std::optional<std::int64_t> rows;  ///< empty: not counted
  std::string backup;
};

struct PlanStatus {
  std::string digest, risk;
  std::vector<std::string> effects;
  int scripts = 0;
  std::int64_t statements = 0;
};
struct ProgressStatus {
  std::string phase, script, message;
  std::int64_t statement = 0, of = 0;
  int percent = 0;
};
struct BackupStatus {
  std::string id, store, location, sha256, verified, completion_time;
  std::uint64_t bytes = 0;
};
struct DryRunStatus {
  std::string mode, reason;
  int rehearsed = 0, not_rehearsed = 0;
  std::int64_t longest_blocking_millis = 0;
};
struct DatabaseStatus {
  std::string server_version, system_identifier, name, ledger_id;
};
struct FailureStatus {
  std::string phase, reason, script, sqlstate, message, remedy;
  int line = 0, column = 0;
};

struct Status {
  std::int64_t observed_generation = -1;
  std::vector<Condition> conditions;
  std::string current_version;
  std::int64_t applied_count = 0, pending_count = 0;
  std::string source_digest;
  std::optional<PlanStatus> plan;
  std::optional<ProgressStatus> progress;
  std::optional<BackupStatus> backup;
  std::optional<DryRunStatus> dry_run;
  std::optional<ChecksStatus> checks;
  std::optional<DatabaseStatus> database;
  std::optional<FailureStatus> failure;
  std::vector<HistoryEntry> history;
  std::string last_handled_reconcile_at;
};

/// The JSON form, at most 24 KiB: over it passed check results, then oldest history, then messages are
/// dropped, and the Ready message says so.
nlohmann::ordered_json encode(const Status& status);
/// Reads a status back leniently: what is missing or odd is empty.
Status decode_status(const nlohmann::ordered_json& json);

}  // namespace dbm::migration
