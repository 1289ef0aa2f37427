#include "postgres/dump.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/inject.h"
#include "base/process.h"
#include "postgres/catalog.h"
#include "postgres/client_tools.h"
#include "postgres/content.h"
#include "postgres/session.h"

namespace dbm::postgres {
namespace {

using nlohmann::json;

/// A producer that says nothing for this long has hung.
constexpr std::chrono::minutes kNoProgress{5};
constexpr std::size_t kBlock = std::size_t{256} << 10;

constexpr const char* kFacts = R"sql(
SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_snapshot_xmin(s)::text, pg_catalog.pg_snapshot_xmax(s)::text, pg_catalog.pg_current_wal_lsn()::text,
       pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), d.datname, pg_catalog.pg_get_userbyid(d.datdba),
       pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
       pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8), pg_catalog.pg_database_size(d.oid)
FROM pg_catalog.pg_current_snapshot() s, pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
)sql";

/// The session whose snapshot everything is read in, and what it saw.
struct Coordinator {
  Session session;
  json facts;
  std::string snapshot;
  std::uint64_t database_bytes = 0;
  std::vector<TableContent> tables;
};

json facts_of(const Rows& row, int server_version) {
  const auto text = [&](int column) { return std::string(row.text(0, column)); };
  json facts;
  facts["snapshot"] = {
      {"id", text(0)}, {"xmin", text(1)}, {"xmax", text(2)}, {"lsn", text(3)}, {"takenAt", text(4)}};
  facts["database"] = {
      {"name", text(5)}, {"owner", text(6)}, {"encoding", text(7)}, {"collate", text(8)}, {"ctype", text(9)}};
  facts["systemIdentifier"] = text(10);
  facts["timeline"] = std::stoul(text(11), nullptr, 16);
  facts["serverVersion"] = server_version;
  return facts;
}

Result<Coordinator> open_snapshot(const migration::Target& target, Deadline deadline,
                                  const std::stop_token& stop) {
  auto session = Session::connect(target, {"dbmigration/backup", {}}, deadline, stop);
  if (!session) return session.error();
  // Set here and not when connecting: a pooler in session mode may refuse `options`.
  const std::vector<std::string> begin{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                                       "SET LOCAL idle_in_transaction_session_timeout = 0"};
  if (const auto begun = session->pipeline(begin, deadline, stop); begun.error) return *begun.error;
  if (const auto pinned = pin_text_form(*session, deadline, stop); !pinned) return pinned.error();
  const auto row = session->exec(kFacts, deadline, stop);
  if (!row) return row.error();
  auto tables = list_tables(*session, deadline, stop);
  if (!tables) return tables.error();

  Coordinator coordinator{std::move(*session), facts_of(*row, 0), std::string(row->text(0, 0)),
                          static_cast<std::uint64_t>(row->number(0, 12)), std::move(*tables)};
  coordinator.facts["serverVersion"] = coordinator.session.server_version();
  return coordinator;
}

/// Reads counts and sums in the same snapshot on a thread and connection of its own.
class Summing {
 public:
  Summing(const migration::Target& target, Coordinator& coordinator, Deadline deadline)
      : thread_([this, &target, &coordinator, deadline](const std::stop_token& stop) {
          outcome_ = run(target, coordinator, deadline, stop);
        }) {}

  /// Waits for the end; a stop request of the caller ends it early.
  Result<> finish(const std::stop_token& stop) {
    const std::stop_callback pass_on{stop, [this] { thread_.request_stop(); }};
    thread_.join();
    return outcome_;
  }

 private:
  static Result<> run(const migration::Target& target, Coordinator& coordinator, Deadline deadline,
                      const std::stop_token& stop) {
    auto session = Session::connect(target, {"dbmigration/backup/sums", {}}, deadline, stop);
    if (!session) return session.error();
    const std::vector<std::string> begin{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                                         "SET TRANSACTION SNAPSHOT " + quote_literal(coordinator.snapshot)};
    if (const auto begun = session->pipeline(begin, deadline, stop); begun.error) return *begun.error;
    if (auto pinned = pin_text_form(*session, deadline, stop); !pinned) return pinned;
    for (TableContent& table : coordinator.tables)
      if (auto summed = sum_table(*session, table, deadline, stop); !summed) return summed;
    return {};
  }

  Result<> outcome_;
  std::jthread thread_;  // last: it uses what is above
};

Result<ChildProcess> start_dump(const ClientTool& tool, const ClientConnection& connection,
                                const migration::Spec& spec, const std::string& snapshot, bool schema_only) {
  std::vector<std::string> argv{
      tool.path,
      "--format=custom",
      "--compress=0",
      "--no-password",
      "--snapshot=" + snapshot,
      "--lock-wait-timeout=" + std::to_string(std::max<std::int64_t>(1, spec.apply.lock_timeout.count()))};
  if (schema_only) argv.emplace_back("--schema-only");
  DBM_EFFECT(start, "dump.start");
  if (start.must_fail())
    return Error{ErrorKind::Terminal, "BackupFailed", "pg_dump cannot be started", "ProducerFailed"};
  auto child = ChildProcess::start(connection.process(std::move(argv)));
  if (!child) return Error{ErrorKind::Terminal, "BackupFailed", child.error().message, "ProducerFailed"};
  start.done();
  return child;
}

/// All the child writes goes to the sink. Ok at its end, which says nothing about success.
Result<> stream(ChildProcess& child, const migration::DumpSink& sink, std::uint64_t expected,
                Deadline deadline, const std::stop_token& stop, const migration::ProgressSink& progress) {
  std::vector<char> block(kBlock);
  std::uint64_t bytes = 0;
  auto told = std::chrono::steady_clock::now();
  while (true) {
    const auto quiet = Deadline::after(kNoProgress);
    const auto got = child.read(block, deadline.earlier(quiet), stop);
    if (!got && quiet.passed() && !deadline.passed() && !stop.stop_requested())
      return Error{ErrorKind::Terminal, "BackupFailed", "pg_dump made no progress for 5 minutes",
                   "ProducerFailed"};
    if (!got) return got.error();
    if (*got == 0) return {};
    if (const auto taken = sink({block.data(), *got}); !taken) return taken;
    bytes += *got;
    if (!progress || std::chrono::steady_clock::now() - told < std::chrono::milliseconds{200}) continue;
    told = std::chrono::steady_clock::now();
    migration::Progress now{migration::PhaseName::Backup, "", "dumping"};
    now.percent = expected == 0 ? 0 : static_cast<int>(std::min<std::uint64_t>(99, bytes * 100 / expected));
    progress(now);
  }
}

Result<> judge(ChildProcess& child, Deadline deadline, const std::stop_token& stop) {
  const auto exit_code = child.wait(deadline, stop);
  if (!exit_code) return exit_code.error();
  DBM_EFFECT(end, "dump.end");
  if (end.must_fail())
    return Error{ErrorKind::Terminal, "BackupFailed", "pg_dump: the end was not seen", "ProducerFailed"};
  if (*exit_code != 0) return client_failed("pg_dump", *exit_code, child.stderr_tail(), "BackupFailed");
  end.done();
  return {};
}

migration::DumpFacts facts_with(const Coordinator& coordinator, const ClientTool& tool,
                                const SchemaSnapshot& schema,
                                const std::map<std::string, std::int64_t>& sequences, bool schema_only) {
  migration::DumpFacts result;
  json facts = coordinator.facts;
  facts["tool"] = {{"name", "pg_dump"}, {"version", tool.version}, {"exitCode", 0}};
  facts["schema"] = {
      {"fingerprint", schema.fingerprint()}, {"objects", schema.counts()}, {"sequences", sequences}};
  json tables = json::array();
  for (const TableContent& table : coordinator.tables) {
    result.tables.push_back(table.name);
    json entry{{"name", table.name}};
    if (!schema_only) {
      entry["rows"] = table.rows;
      entry["contentSum"] = table.sum;
      entry["algo"] = kContentAlgorithm;
    }
    entry["ins"] = table.inserted;
    entry["upd"] = table.updated;
    entry["del"] = table.deleted;
    tables.push_back(std::move(entry));
  }
  facts["tables"] = std::move(tables);
  result.json = facts.dump();
  std::ranges::sort(result.tables);
  return result;
}

}  // namespace

Result<migration::DumpFacts> dump_database(const migration::Target& target, const migration::Spec& spec,
                                           bool schema_only, const migration::DumpSink& sink,
                                           Deadline deadline, const std::stop_token& stop,
                                           const migration::ProgressSink& progress) {
  auto coordinator = open_snapshot(target, deadline, stop);
  if (!coordinator) return coordinator.error();
  const auto tool = find_client("pg_dump", coordinator->session.server_version());
  if (!tool) return tool.error();
  // As it was told to us: a pooler knows it by a name of its own.
  const auto named = target.keywords.find("dbname");
  const auto connection =
      ClientConnection::make(target, named != target.keywords.end() && !named->second.empty()
                                         ? named->second
                                         : coordinator->facts["database"]["name"].get<std::string>());
  if (!connection) return connection.error();

  auto child = start_dump(*tool, *connection, spec, coordinator->snapshot, schema_only);
  if (!child) return child.error();
  std::optional<Summing> summing;
  if (!schema_only) summing.emplace(target, *coordinator, deadline);
  const auto schema = take_snapshot(coordinator->session, target.ledger_schema, deadline, stop);
  if (!schema) return schema.error();
  const auto sequences = read_sequences(coordinator->session, deadline, stop);
  if (!sequences) return sequences.error();

  if (auto streamed = stream(*child, sink, coordinator->database_bytes, deadline, stop, progress); !streamed)
    return streamed.error();
  if (auto judged = judge(*child, deadline, stop); !judged) return judged.error();
  if (summing)
    if (const auto summed = summing->finish(stop); !summed) return summed.error();
  // The snapshot must have lived to the end, or the parts are of different moments.
  if (const auto ended = coordinator->session.exec("COMMIT", deadline, stop); !ended)
    return ended.error().during("end the backup's snapshot");
  return facts_with(*coordinator, *tool, *schema, *sequences, schema_only);
}

}  // namespace dbm::postgres
