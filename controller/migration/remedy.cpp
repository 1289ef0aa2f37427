#include "migration/remedy.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace dbm::migration {
namespace {

struct Line {
  std::string_view word;
  const char* remedy;
};

template <std::size_t N>
const char* find(const std::array<Line, N>& lines, std::string_view word) {
  const auto found =
      std::find_if(lines.begin(), lines.end(), [&](const Line& line) { return line.word == word; });
  return found == lines.end() ? nullptr : found->remedy;
}

// PostgreSQL manual, appendix A.
constexpr std::array kBySqlstate{
    Line{"42P07",
         "the object exists already: someone made it by hand, or the script ran elsewhere; drop it, or use "
         "baselineVersion"},
    Line{"42701", "the column exists already: remove it, or write ADD COLUMN IF NOT EXISTS"},
    Line{"42710", "the object exists already: drop it, or write IF NOT EXISTS where the statement has it"},
    Line{"42P01",
         "the table is not there: check its name and schema, and that the script that makes it comes first"},
    Line{"42703", "the column is not there: check its name, and that the script that adds it comes first"},
    Line{"42883", "no such function or operator: check the argument types, or create the extension first"},
    Line{"42704", "no such object: check its name, and that the script that makes it comes first"},
    Line{"42601", "correct the statement at the place named; psql shows the same error"},
    Line{"42501",
         "GRANT the login (or spec.role) the right the message names, or set spec.role to the owner"},
    Line{"42804", "the types do not fit: add an explicit cast, USING column::type"},
    Line{"2BP01", "other objects depend on it: drop them first by name, or write CASCADE if they may go"},
    Line{"23505", "rows that are equal stand in the way: find and merge them in an earlier script"},
    Line{"23503",
         "rows without a counterpart stand in the way: correct them in an earlier script, or add the key NOT "
         "VALID first"},
    Line{"23502", "rows with NULL stand in the way: fill them in an earlier script"},
    Line{"23514", "rows break the condition: correct them in an earlier script, or add it NOT VALID first"},
    Line{"22P02", "a value does not have the form its type needs: correct it in the script or in the data"},
    Line{"22001", "a value is too long for its column: widen the column or shorten the values first"},
    Line{"25001",
         "the statement cannot run in a transaction: put '-- dbm:transaction none' at the top of the script"},
    Line{"25006", "the server only reads: connect to the primary"},
    Line{"2D000", "take COMMIT and ROLLBACK out of the procedure, or run it with '-- dbm:transaction none'"},
    Line{"3D000", "create the database, or correct spec.connection.dbname"},
    Line{"3F000", "create the schema first, or correct its name"},
    Line{"28P01", "correct the password in the Secret"},
    Line{"28000", "let the login in: check pg_hba.conf and that the role may LOGIN"},
    Line{"53100", "free space on the database server, then run dbm apply again"},
    Line{"53300",
         "the server has no free connection: it is tried again; raise max_connections if it stays so"},
    Line{"55P03", "another session holds the lock: end it, or wait; the status names it"},
    Line{"57014", "the statement took longer than allowed: raise apply.statementTimeout, or make it smaller"},
    Line{"40P01", "two sessions waited for each other: it is tried again"},
    Line{"54000", "the server's limit is exceeded: raise it, or split the script"},
    Line{"0A000",
         "this server cannot do that: write it another way (COMMIT and ROLLBACK are not for EXECUTE)"},
};

constexpr std::array kByClass{
    Line{"08", "the connection was lost: it is tried again"},
    Line{"22", "a value does not fit: correct it in the script or in the data"},
    Line{"23", "rows in the table break the new rule: correct them in an earlier script"},
    Line{"28", "correct the login in the Secret, and what pg_hba.conf asks of it"},
    Line{"42", "correct the statement at the place named"},
    Line{"53", "the server lacks memory, disk or connections: give it more, then run dbm apply again"},
    Line{"57", "the server or its administrator ended the session: run dbm apply again"},
    Line{"58", "the server met an error of its system: look at its log"},
    Line{"XX", "the server reports damage or a fault of its own: look at its log before anything else"},
};

constexpr std::array kByCause{
    Line{"UnknownField", "remove the field or correct its name; crds/README.md lists them all"},
    Line{"InvalidValue", "correct the field named; crds/README.md says what it may hold"},
    Line{"PathOutsideRoot", "move the scripts below the source root, or name a wider one with --source-root"},
    Line{"HostNotAllowed",
         "use a host of allowedHosts, or ask for this one to be added to the operator's configuration"},
    Line{"NotFound", "create what is missing, or correct its name"},
    Line{"AuthenticationFailed", "correct the login and password in the Secret"},
    Line{"TLSFailed", "check sslmode, the certificate authority and the host's name in the certificate"},
    Line{"DuplicateVersion", "give one of the two files another version"},
    Line{"UnversionedFile", "name the file VERSION_name.sql, or list it under source.exclude"},
    Line{"OrphanRollback", "add the .up.sql file it belongs to, or remove it"},
    Line{"RollbackOnly", "put the statements above -- dbm:rollback, or take that line out"},
    Line{"AmbiguousFormat", "name the format in source.format, or keep files of one format only"},
    Line{"UnsupportedFormat", "write the scripts as VERSION_name.sql"},
    Line{"UnsupportedFile", "write it as SQL, or list it under source.exclude"},
    Line{"NotUtf8", "save the file as UTF-8"},
    Line{"StrayBom", "remove the byte order mark in the middle of the file"},
    Line{"Unterminated", "close what was opened at the place named"},
    Line{"NonStandardStrings", "write E'…' where backslashes must count, and remove the SET"},
    Line{"CopyNotInline", "use COPY … FROM stdin in text or CSV format"},
    Line{"PsqlCommand", "write it in SQL: the scripts are not run by psql"},
    Line{"TemplateNotSql", "render the template first: the source must be SQL"},
    Line{"UnknownDirective", "correct the directive: a misspelt one must not do nothing"},
    Line{"TransactionControl",
         "take COMMIT, ROLLBACK and the like out: each script gets a transaction of its own"},
    Line{"MissingName", "name the index: without a name it cannot be found again after a crash"},
    Line{"MissingDependency", "add the script it requires, or correct the directive"},
    Line{"SyntaxError", "correct the statement at the place named"},
    Line{"UnsupportedServer", "run it on a server it is for, or take the directive out"},
    Line{"CannotBeInTransaction", "set apply.transaction: PerScript"},
    Line{"SourceChanged", "the files changed while they were read: it is tried again"},
    Line{"ChecksumDiffers", "undo the change and write a new script instead"},
    Line{"ScriptMissing", "put the file back"},
    Line{"RowNotClosed", "look at what the script did, then run dbm resolve"},
    Line{"SuperuserLogin",
         "use a login without SUPERUSER and BYPASSRLS; spec.role says who owns the objects"},
    Line{"InsufficientPrivilege", "GRANT the login what the message names"},
    Line{"ForeignSchema", "choose another ledgerSchema, or remove the schema that is not ours"},
    Line{"OtherOwner", "use another ledgerSchema, or take it over: dbm apply --take-over"},
    Line{"Interrupted", "dbm apply goes on with it; if one is at work, it says so"},
    Line{"ReadOnly", "connect to the primary, not to a standby"},
    Line{"TransactionPooling", "connect to the server itself, or to a pooler in session mode"},
    Line{"ServerTooOld", "upgrade the server to PostgreSQL 14 or newer"},
    Line{"StoreMissing",
         "create the store's folder, or name a store of the operator's configuration in backup.storeRef"},
    Line{"StoreDenied", "name a folder that the program may write to, not a link to one"},
    Line{"NoSpace", "free space where the message says, then run dbm apply again"},
    Line{"ClientTooOld", "install the client programs of the server's major version (postgresql-client)"},
    Line{"ProducerFailed", "run pg_dump by hand to see what it says; nothing was changed"},
    Line{"BackupCorrupt",
         "two backups in a row could not be read back: check the store's disk; nothing was changed"},
    Line{"DatabaseTooLarge",
         "raise backup.maxDatabaseSize, or set backup.method: None with a reason and back up by other means"},
    Line{"StatementFailed", "correct the script; what it did was rolled back"},
    Line{"LostObject", "name what may go with '-- dbm:drops', or keep it"},
    Line{"CheckFailed", "correct the data or the check, then run dbm apply again"},
    Line{"ConnectionFailed", "check host, port and that the server runs; it is tried again"},
    Line{"ConnectionLost",
         "check the network and the server's log; it is tried again, and the ledger says what was done"},
    Line{"ServerNotReady", "the server starts or stops: it is tried again"},
    Line{"TooManyConnections",
         "the server has no free connection: it is tried again; raise max_connections if it stays so"},
    Line{"RunLockLost",
         "the session that held the run lock ended: it is tried again, and the ledger says what was done"},
    Line{"RunLockGivenAway",
         "take the advisory unlock, or the change of the ledger, out of the script and of what it calls"},
    Line{"Fenced", "another runner has taken over: look at its status"},
    Line{"LockTimeout", "another session holds the lock: end it, or wait; the message names it"},
    Line{"SerializationFailure", "two transactions met: it is tried again"},
    Line{"DiskFull", "free space on the database server, then run dbm apply again"},
    Line{"TransactionEnded",
         "take COMMIT and ROLLBACK out of the script, its procedures and its dynamic SQL"},
    Line{"StatementTooLong", "split the statement, or load the rows with COPY"},
    Line{"TooManyFiles", "point source.directory at the folder of the scripts alone"},
    Line{"DuplicateFile", "give one of the two another name"},
    Line{"MergeConflict", "resolve the merge conflict left in the file"},
    Line{"ReadFailed", "make the file readable, then run dbm apply again"},
    Line{"StatusNotWritten", "make the folder writable, or name another with --status-dir"},
    Line{"OutcomeUnknown",
         "look at what took effect, then run dbm resolve VERSION=applied or VERSION=pending"},
    Line{"StillRunning", "what an earlier run started is still at work on the server: wait for it"},
    Line{"PlanOutdated", "the ledger changed since the plan was made: it is made anew"},
    Line{"LedgerChanged", "the ledger changed while the run began: it is tried again"},
    Line{"RestoreFailed", "look at what pg_restore said; the new database was dropped again"},
    Line{"RestoreDiffers",
         "the restored copy is not what was backed up: do not use it, and try an older backup"},
    Line{"NotRehearsed", "set dryRun.mode: Auto, or write the script so that it can run in a transaction"},
    Line{"LedgerRow", "the ledger's row is not as it was left: look at it, then run dbm resolve"},
    Line{"RunEnded", "the run ended before its script did: the ledger says what was done"},
    Line{"CommitOutcomeUnknown", "nothing to do: the ledger is asked what happened"},
    Line{"Timeout", "give it more time, or find out what it waited for"},
};

constexpr std::array kByReason{
    Line{"InvalidSpec", "correct the manifest"},
    Line{"SourceInvalid", "correct the script named"},
    Line{"ChangedScript", "undo the change and write a new script instead"},
    Line{"OutOfOrder", "give the script a version after the newest applied one"},
    Line{"BackupFailed", "nothing was changed; correct what the message names, then run dbm apply again"},
    Line{"DryRunFailed", "nothing was changed; correct the script, then run dbm apply again"},
    Line{"ApplyFailed", "correct the script; what it did was rolled back"},
    Line{"ValidationFailed", "correct the data or the check, then run dbm apply again"},
    Line{"DeadlineExceeded", "raise apply.deadline, or split the work"},
    Line{"ManualInterventionRequired",
         "look at what took effect, then run dbm resolve VERSION=applied or VERSION=pending"},
    Line{"IdentityChanged", "if this is the database you mean, accept it: dbm apply --take-over"},
    Line{"PoolerDetected", "connect to the server itself, or to a pooler in session mode"},
    Line{"PermissionDenied", "GRANT the login what the message names"},
    Line{"DatabaseOwnedElsewhere", "use another ledgerSchema, or take it over: dbm apply --take-over"},
    Line{"LedgerNewer", "use the newer version of dbm that wrote this ledger"},
    Line{"WaitingForReference", "create what is missing, or correct its name"},
    Line{"WaitingForLock", "another run or session holds the lock: wait, or end it"},
};

}  // namespace

std::string remedy_for(const Error& error) {
  if (!error.remedy.empty()) return error.remedy;
  if (error.sqlstate.size() == 5) {
    if (const char* line = find(kBySqlstate, error.sqlstate)) return line;
    if (const char* line = find(kByClass, std::string_view{error.sqlstate}.substr(0, 2))) return line;
  }
  if (const char* line = find(kByCause, error.cause)) return line;
  if (const char* line = find(kByReason, error.reason)) return line;
  return error.kind == ErrorKind::Terminal ? "correct what the message names, then run dbm apply again"
                                           : "nothing to do: it is tried again";
}

FailureStatus failure_of(const Error& error) {
  FailureStatus failure{.phase = error.phase,
                        .reason = error.failure_reason(),
                        .script = error.reason == "InvalidSpec" ? "" : error.at.file,
                        .sqlstate = error.sqlstate,
                        .message = message_of(error),
                        .remedy = remedy_for(error)};
  if (!failure.script.empty()) failure.line = error.at.line, failure.column = error.at.column;
  return failure;
}

std::string message_of(const Error& error) {
  if (error.at.file.empty()) return error.message;
  const auto named = error.message.find(error.at.file);
  if (named == std::string::npos) return to_string(error.at) + ": " + error.message;
  // The file is named already; its line may not be.
  const auto after = named + error.at.file.size();
  if (error.at.line == 0 ||
      (after < error.message.size() && error.message[after] == ':' && after + 1 < error.message.size() &&
       error.message[after + 1] >= '0' && error.message[after + 1] <= '9'))
    return error.message;
  return error.message.substr(0, named) + to_string(error.at) + error.message.substr(after);
}

std::vector<std::string> known_causes() {
  std::vector<std::string> all;
  all.reserve(std::size(kByCause));
  for (const Line& line : kByCause) all.emplace_back(line.word);
  return all;
}

}  // namespace dbm::migration
