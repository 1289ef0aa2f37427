#pragma once
/// What a database must be able to do for a migration. Whole verbs, not statements; how is the engine's own
/// matter.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/object.h"
#include "script/analysis.h"
#include "script/script.h"

namespace dbm::migration {

struct PendingScript;
struct Plan;

/// Who owns a ledger.
struct Owner {
  std::string cluster_id;  ///< uid of namespace kube-system; "local" without a cluster
  std::string namespace_, name;

  friend bool operator==(const Owner&, const Owner&) = default;
};

/// How to reach the database: libpq keywords, resolved from spec and Secret. Holds the password: never
/// printed.
struct Target {
  std::map<std::string, std::string>
      keywords;  ///< host, port, dbname, user, password, sslmode, sslrootcert (a path), …
  std::string ledger_schema;
  std::string role;
  bool allow_superuser = false;
};

/// One row of the ledger's history, as far as the plan and the status need it.
struct HistoryRow {
  std::string version, version_key, name;
  std::string status;      ///< running, applied, failed, rolled_back, baseline, superseded
  bool closed = false;     ///< finished is set
  std::string checksum;    ///< raw, "sha256:…"
  std::string normalised;  ///< "dbm1-sha256:…"
  std::int64_t statements = 0, statements_done = 0;
  /// SHA-256 of the text of each statement in effect, in order, where the script stopped half-way.
  std::vector<std::string> done_hashes;
  std::string failed_with;  ///< SQLSTATE of an attempt that failed
};

/// The newest run's row: the evidence a status is rebuilt from.
struct RunRow {
  std::string run_id;
  std::int64_t batch = 0, epoch = 0, generation = 0;
  std::string spec_digest, source_digest, plan_digest;
  std::optional<BackupStatus> backup;
  std::optional<DryRunStatus> dry_run;
  std::optional<ChecksStatus> checks;
  std::string outcome;  ///< empty while open; Succeeded, or the reason of the failure
  std::optional<FailureStatus> failure;
  std::string started, finished;   ///< RFC 3339, database time
  bool validated = false;          ///< phase Validate came to its end
  std::optional<PlanStatus> plan;  ///< what was pending when it began
};

/// What a person says of a version.
enum class Resolution {
  Applied,  ///< it has taken effect
  Pending,  ///< it has not, or was undone; refused for a version the ledger knows to be applied
  Again,    ///< as Pending, and whatever the ledger says: it runs once more
};

enum class LedgerState { Absent, Ours, OtherOwner, IdentityChanged, ForeignSchema, Newer };

/// The database as one cheap look shows it. Nothing is created by looking.
struct Inspection {
  DatabaseStatus database;
  int server_version_num = 0;  ///< 150018
  std::string timeline;
  std::string database_time;  ///< RFC 3339
  LedgerState ledger = LedgerState::Absent;
  bool handed_over = false;  ///< Ours only by a take-over that no run has written down yet
  std::string
      ledger_trouble;  ///< one line when ledger is not Absent or Ours, naming the owner or the difference
  Owner owner;
  std::int64_t epoch = 0;
  std::vector<HistoryRow> rows;  ///< the deciding row per version key: applied or baseline, else the newest
  std::vector<HistoryEntry> newest;  ///< for the status, newest first
  std::optional<RunRow> last_run;
  std::int64_t generation = 0;  ///< local mode: generation and digest of the last spec seen, kept in `run`
};

struct InspectOptions {
  int history_limit = 20;
  Owner owner;
  bool take_over = false;
};

/// What stands in the way, found before anything is done.
struct Preflight {
  std::vector<std::string>
      blockers;  ///< one line each: long transactions, prepared transactions, index builds
  std::uint64_t database_bytes = 0;
  std::vector<std::string> warnings;
};

struct Progress {
  PhaseName phase;
  std::string script, message;
  std::int64_t statement = 0, of = 0;
  int percent = 0;
  std::string_view activity = {};  ///< said in place of the phase, for what is no phase of a run; a literal
};
/// Called from the run's thread; must return at once.
using ProgressSink = std::function<void(const Progress&)>;

struct RunRequest {
  Target target;
  Owner owner;
  bool take_over = false;
  std::string holder;  ///< pod or host name and pid
  std::int64_t generation = 0;
  std::string spec_digest, source_digest;
  const Spec* spec = nullptr;  ///< outlives the run
};

/// What a committed script left behind.
struct AppliedScript {
  std::string version;
  std::int64_t rows = 0, duration_millis = 0;
};

struct RehearsedStatement {
  std::string script;
  std::uint64_t index = 0;
  Position at;
  std::string kind;
  std::int64_t millis = 0, rows = 0;
  std::vector<std::string> locks;     ///< "AccessExclusiveLock public.orders", user objects only
  std::vector<std::string> rewrites;  ///< relations whose file changed
};

struct Rehearsal {
  DryRunStatus summary;
  std::vector<RehearsedStatement> statements;  ///< at most 1,000
  std::vector<std::string> not_rehearsed;      ///< "0006_index.sql: cannot run in a transaction"
};

/// What goes with a dump into docs/backup.md#manifest: facts of the same snapshot, as JSON members
/// "database", "snapshot", "tables", "schema", "tool", "serverVersion", "systemIdentifier", "timeline".
struct DumpFacts {
  std::string json;                 ///< an object, canonical
  std::vector<std::string> tables;  ///< names the archive's list must hold
};

/// Where the bytes of a dump go. Called in order from one thread.
using DumpSink = std::function<Result<>(std::string_view)>;

/// A run: the lock, the epoch, one session from begin to end. Destroying it releases the lock. Not
/// thread-safe.
class EngineRun {
 public:
  virtual ~EngineRun() = default;

  /// The ledger as it is under the lock, after settling what earlier runs left.
  virtual Result<Inspection> inspect() = 0;
  /// Fixes the plan of this run in its row: opens batch and row, or takes up the open one with the same
  /// digests.
  virtual Result<> open(const Plan& plan) = 0;
  [[nodiscard]] virtual const RunRow& row() const = 0;

  /// pg_dump and facts from one snapshot. `schema_only` leaves the rows out.
  virtual Result<DumpFacts> dump(bool schema_only, const DumpSink& sink, Deadline deadline,
                                 const std::stop_token& stop, const ProgressSink& progress) = 0;
  virtual Result<Rehearsal> rehearse(const Plan& plan, Deadline deadline, const std::stop_token& stop,
                                     const ProgressSink& progress) = 0;
  /// Applies everything pending, each script exactly once. Calls `applied` after each is durable. `deadline`
  /// bounds the waiting for locks alone (then Waiting/WaitingForLock); execution is bounded by the spec's
  /// apply.deadline, which the engine counts less the waits.
  virtual Result<> apply(const Plan& plan, Deadline deadline, const std::stop_token& stop,
                         const ProgressSink& progress,
                         const std::function<void(const AppliedScript&)>& applied) = 0;
  /// The spec's checks of one gate and, at After, those that are always on; After also repeats what apply()
  /// was told at InTransaction. An Error only when they could not be run.
  virtual Result<ChecksStatus> check(Gate gate, const Plan& plan, Deadline deadline,
                                     const std::stop_token& stop) = 0;

  // Evidence, each in its own short fenced transaction.
  virtual Result<> record_backup(const BackupStatus& backup) = 0;
  virtual Result<> record_rehearsal(const DryRunStatus& dry_run) = 0;
  virtual Result<> record_checks(const ChecksStatus& checks) = 0;
  /// Closes the run's row and releases the lock. `failure` empty: Succeeded.
  virtual Result<> finish(const std::optional<Error>& failure) = 0;
};

/// One engine. Safe to call from any thread; each call makes its own connection, or takes one that no other
/// uses.
class Engine {
 public:
  virtual ~Engine() = default;

  /// For the time of one pass: while the token lives, connections that only look may be kept between calls.
  /// It may be null, and must not outlive the engine.
  [[nodiscard]] virtual std::shared_ptr<void> keep_connections() { return nullptr; }

  virtual Result<Inspection> inspect(const Target& target, const InspectOptions& options, Deadline deadline,
                                     const std::stop_token& stop) = 0;
  /// Looks without touching: rights, blockers, size, client programs. `plan` may be empty.
  virtual Result<Preflight> preflight(const Target& target, const Spec& spec, const Plan& plan,
                                      Deadline deadline, const std::stop_token& stop) = 0;
  /// Asks the server to parse pending statements that our grammar did not understand (42601 of scan.l,
  /// gram.y).
  virtual Result<> parse_with_server(const Target& target, const Plan& plan, Deadline deadline,
                                     const std::stop_token& stop) = 0;
  /// Takes the run lock, creates or upgrades the ledger, takes a new epoch, settles what a crash left.
  /// Waiting/WaitingForLock when another run holds it; the words of docs/status.md#causes otherwise.
  virtual Result<std::unique_ptr<EngineRun>> begin_run(const RunRequest& request, Deadline deadline,
                                                       const std::stop_token& stop) = 0;
  /// The spec's checks at After and the always-on ones, without a run (`dbm validate`).
  virtual Result<ChecksStatus> validate(const Target& target, const Spec& spec, Deadline deadline,
                                        const std::stop_token& stop) = 0;
  /// Settles a version a person looked at: recorded as applied, or made pending again.
  virtual Result<> resolve(const RunRequest& request, const std::string& version, Resolution resolution,
                           Deadline deadline, const std::stop_token& stop) = 0;
  /// Restores an archive into a new database and compares counts and sums with `facts` (DumpFacts::json).
  /// `read` gives the archive's bytes, 0 at the end. Terminal when the database exists; ValidationFailed when
  /// it differs.
  virtual Result<> restore(const Target& target, const std::string& new_database, const std::string& facts,
                           const std::function<Result<std::size_t>(std::span<char>)>& read, Deadline deadline,
                           const std::stop_token& stop, const ProgressSink& progress) = 0;
  /// Reads an archive to its end with the server's client program (verify: Structure) and returns the names
  /// of the tables its list holds.
  virtual Result<std::vector<std::string>> read_archive(
      int server_version_num, const std::function<Result<std::size_t>(std::span<char>)>& read,
      Deadline deadline, const std::stop_token& stop) = 0;
};

}  // namespace dbm::migration
