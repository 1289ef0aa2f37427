#include "postgres/restore.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/inject.h"
#include "base/process.h"
#include "postgres/catalog.h"
#include "postgres/client_tools.h"
#include "postgres/content.h"
#include "postgres/session.h"

namespace dbm::postgres {
namespace {

using nlohmann::json;

constexpr std::size_t kBlock = std::size_t{256} << 10;

Error refused(std::string message, std::string cause) {
  return {ErrorKind::Terminal, "RestoreFailed", std::move(message), std::move(cause)};
}

void tell(const migration::ProgressSink& progress, const std::string& message) {
  if (!progress) return;
  migration::Progress told{migration::PhaseName::Backup, "", message};
  told.activity = "Restore";
  progress(told);
}

/// "ENCODING 'UTF8' LC_COLLATE 'C' …" of the database the backup is of, as far as the facts say.
std::string database_options(const json& facts) {
  std::string options;
  const json database = facts.value("database", json::object());
  for (const auto& [option, member] :
       {std::pair{"ENCODING", "encoding"}, {"LC_COLLATE", "collate"}, {"LC_CTYPE", "ctype"}}) {
    const std::string value = database.value(member, std::string{});
    if (!value.empty()) options += std::string(" ") + option + " " + quote_literal(value);
  }
  return options;
}

/// What a database says of itself while it is restored; a crash leaves it standing.
constexpr std::string_view kUnfinished = "dbmigration.dev: a restore is under way";

std::string comment_sql(const std::string& name, std::string_view comment) {
  return "COMMENT ON DATABASE " + quote_ident(name) + " IS " + quote_literal(comment);
}

Error exists_already(const std::string& name, const std::string& remedy) {
  return Error{ErrorKind::Terminal, "InvalidSpec",
               "database " + name + " exists already; a backup is restored into a new one only",
               "InvalidValue"}
      .with_remedy(remedy);
}

/// The name must be free. What an interrupted restore of ours has left there says so itself, and goes.
Result<> free_name(Session& session, const std::string& name, Deadline deadline,
                   const std::stop_token& stop) {
  const std::array<Param, 1> params{name};
  const auto found = session.exec(
      "SELECT coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''), d.datallowconn, "
      "d.datdba = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = SESSION_USER) "
      "FROM pg_catalog.pg_database d WHERE d.datname = $1",
      params, deadline, stop);
  if (!found) return found.error();
  if (found->size() == 0) return {};
  const std::string drop = "DROP DATABASE " + quote_ident(name);
  if (!found->boolean(0, 2)) return exists_already(name, "name another database");
  if (found->text(0, 0) != kUnfinished)
    return exists_already(name, found->boolean(0, 1)
                                    ? "name another database"
                                    : "nobody may connect to it: if an interrupted restore left it, run " +
                                          drop + " and try again; else name another database");
  const auto dropped = session.exec(drop, deadline, stop);  // refused while another restore is at it
  if (!dropped)
    return dropped.error().sqlstate == "55006"
               ? exists_already(name,
                                "another restore into it is under way, or sessions look at what an "
                                "interrupted one left: end them, or name another database")
               : dropped.error().during("drop what an interrupted restore left");
  return {};
}

/// Open to its owner alone: closed while PUBLIC may still connect, opened when it may not.
Result<> create_database(Session& session, const std::string& name, const json& facts, Deadline deadline,
                         const std::stop_token& stop) {
  const std::string quoted = quote_ident(name);
  DBM_EFFECT(create, "restore.create");
  if (create.must_fail()) return refused("database " + name + " cannot be created", "ProducerFailed");
  if (auto free = free_name(session, name, deadline, stop); !free) return free;
  for (const std::string& sql :
       {"CREATE DATABASE " + quoted + " TEMPLATE template0 ALLOW_CONNECTIONS false" + database_options(facts),
        comment_sql(name, kUnfinished), "REVOKE CONNECT, TEMPORARY ON DATABASE " + quoted + " FROM PUBLIC",
        "ALTER DATABASE " + quoted + " ALLOW_CONNECTIONS true"}) {
    const auto done = session.exec(sql, deadline, stop);
    if (done) continue;
    if (done.error().sqlstate == "42P04") return exists_already(name, "name another database");
    Error error = done.error().during("create database " + name);
    if (error.kind == ErrorKind::Terminal && error.reason == "ApplyFailed") error.reason = "RestoreFailed";
    if (error.sqlstate == "42501") error.remedy = "the login needs CREATEDB: ALTER ROLE … CREATEDB";
    return error;
  }
  create.done();
  return {};
}

/// Everything `read` gives goes to the child's standard input, once.
Result<> feed(ChildProcess& child, const ArchiveReader& read, Deadline deadline,
              const std::stop_token& stop) {
  std::vector<char> block(kBlock);
  while (true) {
    const auto got = read(block);
    if (!got) return got.error();
    if (*got == 0) break;
    if (auto written = child.write({block.data(), *got}, deadline, stop); !written) return written;
  }
  child.close_stdin();
  return {};
}

/// A child that stopped reading has its own reason, which its exit code and words tell better.
Result<> fed_and_ended(ChildProcess& child, const Result<>& fed, std::string_view reason, Deadline deadline,
                       const std::stop_token& stop) {
  if (!fed && fed.error().failure_reason() != "ProducerFailed") return fed;
  const auto exit_code = child.wait(deadline, stop);
  if (!exit_code) return exit_code.error();
  if (*exit_code != 0) return client_failed("pg_restore", *exit_code, child.stderr_tail(), reason);
  return fed;
}

Result<> run_restore(const migration::Target& target, const std::string& name, int server_version,
                     const ArchiveReader& read, Deadline deadline, const std::stop_token& stop) {
  const auto tool = find_client("pg_restore", server_version);
  if (!tool) return tool.error();
  const auto connection = ClientConnection::make(target, name);
  if (!connection) return connection.error();
  ProcessSpec process =
      connection->process({tool->path, "--exit-on-error", "--no-subscriptions", "--no-password"});
  process.pipe_stdin = true;
  process.pipe_stdout = false;
  auto child = ChildProcess::start(process);
  if (!child) return refused(child.error().message, "ProducerFailed");
  return fed_and_ended(*child, feed(*child, read, deadline, stop), "RestoreFailed", deadline, stop);
}

/// What differs, one phrase each; at most `kMost` tables by name.
class Differences {
 public:
  void add(const std::string& what) {
    if (++count_ <= kMost) text_ += (text_.empty() ? "" : "; ") + what;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::string text() const {
    return count_ > kMost ? text_ + "; and " + std::to_string(count_ - kMost) + " more" : text_;
  }

 private:
  static constexpr int kMost = 10;
  int count_ = 0;
  std::string text_;
};

Result<> compare_tables(Session& session, const json& facts, Differences& differences, Deadline deadline,
                        const std::stop_token& stop) {
  auto tables = list_tables(session, deadline, stop);
  if (!tables) return tables.error();
  const json listed = facts.value("tables", json::array());
  std::map<std::string, const json*> expected;
  for (const json& entry : listed) expected[entry.value("name", "")] = &entry;

  for (TableContent& table : *tables) {
    const auto entry = expected.find(table.name);
    if (entry == expected.end()) {
      differences.add(table.name + " is not in the backup's list");
      continue;
    }
    const json& then = *entry->second;
    expected.erase(entry);
    if (!then.contains("contentSum")) continue;  // the schema alone was saved
    if (then.value("algo", "") != kContentAlgorithm)
      return refused("the backup's content sums are of an algorithm this program does not know",
                     "BackupCorrupt");
    if (const auto summed = sum_table(session, table, deadline, stop); !summed) return summed;
    const auto rows = then.value("rows", std::int64_t{-1});
    if (rows != table.rows)
      differences.add(table.name + " has " + std::to_string(table.rows) + " rows, the backup " +
                      std::to_string(rows));
    else if (then.value("contentSum", "") != table.sum)
      differences.add(table.name + " differs in content");
  }
  for (const auto& [name, entry] : expected) differences.add(name + " is missing");
  return {};
}

Result<> compare_schema(Session& session, const migration::Target& target, const json& facts,
                        Differences& differences, Deadline deadline, const std::stop_token& stop) {
  const json schema = facts.value("schema", json::object());
  const auto now = take_snapshot(session, target.ledger_schema, deadline, stop);
  if (!now) return now.error();
  if (now->fingerprint() != schema.value("fingerprint", "")) {
    std::string what = "the schema differs";
    const auto counts = now->counts();
    const json objects = schema.value("objects", json::object());
    for (const auto& [kind, count] : objects.items()) {
      const auto found = counts.find(kind);
      const std::int64_t is = found == counts.end() ? 0 : found->second;
      if (is != count.get<std::int64_t>())
        what += ", " + std::to_string(is) + " " + kind + " of " + std::to_string(count.get<std::int64_t>());
    }
    differences.add(what);
  }
  // No snapshot covers sequences: they may have moved on between the facts and the dump, never back.
  const auto sequences = read_sequences(session, deadline, stop);
  if (!sequences) return sequences.error();
  const json then = schema.value("sequences", json::object());
  for (const auto& [name, value] : then.items()) {
    const auto found = sequences->find(name);
    if (found == sequences->end() || found->second < value.get<std::int64_t>())
      differences.add("sequence " + name + " is behind");
  }
  return {};
}

Result<> compare(const migration::Target& restored, const json& facts, Deadline deadline,
                 const std::stop_token& stop) {
  auto session = Session::connect(restored, {"dbmigration/restore", {}}, deadline, stop);
  if (!session) return session.error();
  if (const auto analysed = session->exec("ANALYZE", deadline, stop); !analysed)
    return analysed.error().during("ANALYZE");
  const auto begun = session->exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", deadline, stop);
  if (!begun) return begun.error();
  if (auto pinned = pin_text_form(*session, deadline, stop); !pinned) return pinned;

  Differences differences;
  if (auto compared = compare_tables(*session, facts, differences, deadline, stop); !compared)
    return compared;
  if (auto compared = compare_schema(*session, restored, facts, differences, deadline, stop); !compared)
    return compared;
  if (differences.empty()) return {};
  const std::string name = restored.keywords.at("dbname");
  return Error{ErrorKind::Terminal, "ValidationFailed",
               "the restored database " + name + " differs from the backup: " + differences.text() +
                   "; it is kept for you to look at",
               "RestoreDiffers"};
}

/// Removes what we have made and nobody has used. The Error tells when it could not be.
Error without_leftover(Session& session, const std::string& name, Error error) {
  const auto dropped =
      session.exec("DROP DATABASE " + quote_ident(name), Deadline::after(std::chrono::seconds{30}));
  if (!dropped) error.remedy = "drop the half-made database " + name + " before the next try";
  return error;
}

}  // namespace

Result<> check_new_name(std::string_view new_database) {
  constexpr std::size_t kNameBytes = 63;  // NAMEDATALEN - 1
  std::string wrong;
  if (new_database.empty())
    wrong = "this is empty";
  else if (new_database.size() > kNameBytes)
    wrong = "this has " + std::to_string(new_database.size()) + " bytes";
  else if (std::ranges::any_of(new_database, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    wrong = "this holds a control character";
  else
    return {};
  return Error{ErrorKind::Terminal, "InvalidSpec",
               "the new database's name must be 1 to 63 bytes long: " + wrong, "InvalidValue"}
      .with_remedy("name another database");
}

namespace {

/// The database may be what was lost: then one that every server has will do (PostgreSQL manual 23.3).
Result<Session> connect_to_server(const migration::Target& target, Deadline deadline,
                                  const std::stop_token& stop) {
  const SessionOptions options{"dbmigration/restore", {{"idle_session_timeout", "0"}}};
  auto session = Session::connect(target, options, deadline, stop);
  migration::Target other = target;
  for (const char* name : {"postgres", "template1"}) {
    if (session || session.error().sqlstate != "3D000") break;
    other.keywords["dbname"] = name;
    session = Session::connect(other, options, deadline, stop);
  }
  return session;
}

}  // namespace

Result<> restore_database(const migration::Target& target, const std::string& new_database,
                          const std::string& facts, const ArchiveReader& read, Deadline deadline,
                          const std::stop_token& stop, const migration::ProgressSink& progress) {
  if (auto named = check_new_name(new_database); !named) return named;
  const json known = json::parse(facts, nullptr, false);
  if (!known.is_object()) return refused("the backup's manifest holds no facts of its dump", "BackupCorrupt");
  auto session = connect_to_server(target, deadline, stop);
  if (!session) return session.error();
  if (!target.allow_superuser) {
    const auto super = session->exec("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = SESSION_USER",
                                     deadline, stop);
    if (!super) return super.error();
    if (super->boolean(0, 0))
      return Error{ErrorKind::Terminal, "PermissionDenied",
                   "a backup is never restored as superuser: what it holds would run as one",
                   "SuperuserLogin"};
  }
  tell(progress, "creating database " + new_database);
  if (auto created = create_database(*session, new_database, known, deadline, stop); !created) return created;
  tell(progress, "restoring into " + new_database);
  if (auto done = run_restore(target, new_database, session->server_version(), read, deadline, stop); !done)
    return without_leftover(*session, new_database, done.error());

  DBM_EFFECT(end, "restore.end");
  if (end.must_fail()) return refused("the end of the restore was not seen", "ProducerFailed");
  end.done();
  if (const auto said =
          session->exec(comment_sql(new_database, "dbmigration.dev: restored from a backup"), deadline, stop);
      !said)
    return said.error().during("mark the database as restored");
  tell(progress, "comparing " + new_database + " with the backup");
  migration::Target restored = target;
  restored.keywords["dbname"] = new_database;
  return compare(restored, known, deadline, stop);
}

}  // namespace dbm::postgres
