#include "postgres/probe.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/inject.h"
#include "postgres/execution.h"
#include "postgres/index_statement.h"

namespace dbm::postgres {
namespace {

using script::ProbeKind;

Result<Rows> ask(RunContext& run, const std::string& sql, std::vector<Param> params, Deadline deadline) {
  return run.work->exec(sql, params, deadline, {});
}

/// A relation's name as the session resolves it, written out; empty when there is none.
Result<std::string> resolve(RunContext& run, const std::string& name, Deadline deadline) {
  const auto rows =
      ask(run,
          "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) FROM "
          "pg_catalog.pg_class c "
          "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1)",
          {name}, deadline);
  if (!rows) return rows.error();
  return rows->size() == 0 ? std::string{} : std::string(rows->text(0, 0));
}

/// "absent", "invalid", "present" (valid), and the definition without names.
constexpr const char* kIndexState = R"(
SELECT CASE WHEN i.indisvalid AND i.indisready THEN 'present' ELSE 'invalid' END,
       (CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END) ||
       pg_catalog.substr(d.definition, pg_catalog.strpos(d.definition, ' USING ') + 1),
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid())
FROM pg_catalog.pg_index i, LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition) d
WHERE i.indexrelid = pg_catalog.to_regclass($1))";

/// The schema of a qualified, quoted name.
std::string schema_of(const std::string& qualified) {
  bool quoted = false;
  for (std::size_t i = 0; i < qualified.size(); ++i) {
    if (qualified[i] == '"') quoted = !quoted;
    if (qualified[i] == '.' && !quoted) return qualified.substr(0, i);
  }
  return {};
}

/// The index as the server will print it, but for names: built on an empty copy of the table and rolled back.
Result<std::string> intended_definition(RunContext& run, const IndexStatement& index,
                                        const std::string& relation, Deadline deadline) {
  std::vector<std::string> steps{"BEGIN", "SET LOCAL lock_timeout = '2s'"};
  if (const std::string role = set_role(run); !role.empty()) steps.push_back(role);
  steps.push_back("CREATE TEMPORARY TABLE dbm_probe_copy (LIKE " + relation +
                  " INCLUDING ALL EXCLUDING INDEXES EXCLUDING CONSTRAINTS)");
  steps.push_back("CREATE " + std::string(index.unique ? "UNIQUE " : "") +
                  "INDEX dbm_probe_index ON pg_temp.dbm_probe_copy " + std::string(index.rest));
  const std::string state = kIndexState;
  const auto placeholder = state.find("$1");
  steps.push_back(state.substr(0, placeholder) + "'pg_temp.dbm_probe_index'" + state.substr(placeholder + 2));
  steps.emplace_back("ROLLBACK");
  const auto built = run.work->pipeline(steps, deadline);
  if (run.work->lost()) return connection_lost();
  if (built.error) {
    if (const auto undone = run.work->exec("ROLLBACK"); !undone) return undone.error();
    return std::string{};  // no copy can be made (no right to temporary tables, say): a later look asks a
                           // person
  }
  const Rows& rows = built.rows[built.rows.size() - 2];
  return rows.size() == 0 ? std::string{} : std::string(rows.text(0, 1));
}

Result<> look_at_index(RunContext& run, std::string_view text, Intent& intent, Deadline deadline) {
  const auto index = read_index_statement(text);
  if (!index) return {};
  const auto relation = resolve(run, index->relation, deadline);
  if (!relation) return relation.error();
  if (relation->empty()) return {};  // no such table: the statement will say so
  intent.relation = *relation;
  intent.object = schema_of(*relation) + "." + index->name;
  const auto rows = ask(run, kIndexState, {intent.object}, deadline);
  if (!rows) return rows.error();
  intent.before = rows->size() == 0 ? "absent" : std::string(rows->text(0, 0));
  auto definition = intended_definition(run, *index, *relation, deadline);
  if (!definition) return definition.error();
  intent.definition = std::move(*definition);
  return {};
}

/// Invalid leftovers of REINDEX CONCURRENTLY: names ending in _ccnew or _ccold (and a number), of one index,
/// of a table's indexes, or anywhere. The second column is the oid.
constexpr const char* kLeftovers = R"(
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), c.oid
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname <> 'pg_toast'
  AND ($1 = '' OR i.indrelid = pg_catalog.to_regclass($1)
       OR i.indrelid = (SELECT o.indrelid FROM pg_catalog.pg_index o JOIN pg_catalog.pg_class oc ON oc.oid = o.indexrelid
                        WHERE o.indexrelid = pg_catalog.to_regclass($1)
                          AND pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '') = pg_catalog.left(oc.relname, pg_catalog.length(pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '')))))
  AND NOT c.oid = ANY (pg_catalog.string_to_array($2, ',')::pg_catalog.oid[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.relid = i.indrelid)
ORDER BY 1)";

constexpr const char* kPartition = R"(
SELECT CASE WHEN i.inhdetachpending THEN 'pending' ELSE 'present' END FROM pg_catalog.pg_inherits i
WHERE i.inhrelid = pg_catalog.to_regclass($1) AND i.inhparent = pg_catalog.to_regclass($2))";

constexpr const char* kRelation = "SELECT 'present' WHERE pg_catalog.to_regclass($1) IS NOT NULL";
constexpr const char* kLabel = R"(
SELECT 'present' FROM pg_catalog.pg_enum e WHERE e.enumtypid = pg_catalog.to_regtype($1) AND e.enumlabel = $2)";
constexpr const char* kDatabase = "SELECT 'present' FROM pg_catalog.pg_database d WHERE d.datname = $1";
constexpr const char* kTablespace = "SELECT 'present' FROM pg_catalog.pg_tablespace t WHERE t.spcname = $1";

/// The catalog's own spelling of a name as written: quotes off, or folded.
std::string bare(const std::string& written) {
  if (written.empty() || written.front() != '"') {
    std::string folded = written;
    for (char& c : folded) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return folded;
  }
  std::string name;
  for (std::size_t i = 1; i + 1 < written.size(); ++i) {
    name += written[i];
    if (written[i] == '"') ++i;
  }
  return name;
}

/// The first column of the first row, or "absent".
Result<std::string> state(RunContext& run, const char* sql, std::vector<Param> params, Deadline deadline) {
  const auto rows = ask(run, sql, std::move(params), deadline);
  if (!rows) return rows.error();
  return rows->size() == 0 ? std::string{"absent"} : std::string(rows->text(0, 0));
}

Result<std::string> state_of(RunContext& run, const Intent& intent, Deadline deadline) {
  switch (intent.probe) {
    case ProbeKind::CreateIndexConcurrently:
      return state(run, kIndexState, {intent.object}, deadline);
    case ProbeKind::DropIndexConcurrently:
      return state(run, kRelation, {intent.object}, deadline);
    case ProbeKind::DetachConcurrently:
      return state(run, kPartition, {intent.object, intent.relation}, deadline);
    case ProbeKind::AddEnumValue:
      return state(run, kLabel, {intent.object, intent.label}, deadline);
    case ProbeKind::CreateDatabase:
    case ProbeKind::DropDatabase:
      return state(run, kDatabase, {bare(intent.object)}, deadline);
    case ProbeKind::CreateTablespace:
    case ProbeKind::DropTablespace:
      return state(run, kTablespace, {bare(intent.object)}, deadline);
    default:
      return std::string{};
  }
}

Result<Probed> probe_index(RunContext& run, const Intent& intent, Deadline deadline) {
  const auto rows = ask(run, kIndexState, {intent.object}, deadline);
  if (!rows) return rows.error();
  if (rows->size() == 0) return Probed{Verdict::NotDone};
  if (rows->boolean(0, 2)) return Probed{Verdict::InProgress};
  if (rows->text(0, 0) == "present") {
    if (!intent.definition.empty() && rows->text(0, 1) == intent.definition) return Probed{Verdict::Done};
    return Probed{
        Verdict::Unknown,
        {},
        "index " + intent.object + " is there and valid, but not known to be as the script defines it"};
  }
  // Dropped only when it was not there before us.
  if (intent.before == "absent")
    return Probed{Verdict::CleanUp, {"DROP INDEX CONCURRENTLY IF EXISTS " + intent.object}};
  return Probed{
      Verdict::Unknown, {}, "index " + intent.object + " is invalid, and was there before the script ran"};
}

Result<Probed> probe_reindex(RunContext& run, const Intent& intent, Deadline deadline) {
  const auto rows = ask(run, kLeftovers, {intent.object, intent.before}, deadline);
  if (!rows) return rows.error();
  if (rows->size() == 0) return Probed{Verdict::NotDone};
  Probed probed{Verdict::CleanUp};
  for (int row = 0; row < rows->size(); ++row)
    probed.clean_up.push_back("DROP INDEX CONCURRENTLY IF EXISTS " + std::string(rows->text(row, 0)));
  return probed;
}

Result<Probed> probe_detach(RunContext& run, const Intent& intent, Deadline deadline) {
  const auto now = state_of(run, intent, deadline);
  if (!now) return now.error();
  if (*now == "absent") return Probed{Verdict::Done};
  if (*now == "present") return Probed{Verdict::NotDone};
  // A second DETACH is refused (55000); what was begun is ended.
  return Probed{Verdict::CleanUp,
                {"ALTER TABLE " + intent.relation + " DETACH PARTITION " + intent.object + " FINALIZE"}};
}

/// Things that are there or not: done when the state is `wanted` and was not before.
Result<Probed> probe_presence(RunContext& run, const Intent& intent, std::string_view wanted,
                              Deadline deadline) {
  const auto now = state_of(run, intent, deadline);
  if (!now) return now.error();
  if (*now != wanted) return Probed{Verdict::NotDone};
  if (intent.before != wanted) return Probed{Verdict::Done};
  return Probed{
      Verdict::Unknown, {}, intent.object + " was " + std::string(wanted) + " before the script ran"};
}

/// The script's own proof, asked read-only and rolled back.
Result<Probed> probe_by_query(RunContext& run, const Intent& intent, Deadline deadline) {
  std::vector<std::string> steps{"BEGIN TRANSACTION READ ONLY"};
  if (const std::string role = set_role(run); !role.empty()) steps.push_back(role);
  steps.push_back(intent.done_when);
  steps.emplace_back("ROLLBACK");
  const auto asked = run.work->pipeline(steps, deadline);
  if (run.work->lost()) return connection_lost();
  if (asked.error) {
    if (const auto undone = run.work->exec("ROLLBACK"); !undone) return undone.error();
    return Probed{Verdict::Unknown, {}, "its `done-when` query failed: " + asked.error->message};
  }
  const Rows& rows = asked.rows[asked.rows.size() - 2];
  if (rows.size() != 1) return Probed{Verdict::Unknown, {}, "its `done-when` query must return one row"};
  return Probed{rows.boolean(0, 0) ? Verdict::Done : Verdict::NotDone};
}

}  // namespace

std::string encode_intent(const Intent& intent) {
  nlohmann::ordered_json json{{"before", intent.before}, {"probe", static_cast<int>(intent.probe)}};
  const auto add = [&json](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("relation", intent.relation);
  add("definition", intent.definition);
  add("label", intent.label);
  add("doneWhen", intent.done_when);
  if (intent.idempotent) json["idempotent"] = true;
  return json.dump();
}

Intent decode_intent(const std::string& kind, const std::string& object, const std::string& state_before) {
  Intent intent;
  intent.kind = kind;
  intent.object = object;
  const auto json = nlohmann::json::parse(state_before, nullptr, false);
  if (!json.is_object()) return intent;  // Unknown: a person is asked
  const auto text = [&json](const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string{};
  };
  intent.before = text("before");
  intent.relation = text("relation");
  intent.definition = text("definition");
  intent.label = text("label");
  intent.done_when = text("doneWhen");
  intent.idempotent = json.value("idempotent", false);
  const int probe =
      json.contains("probe") && json["probe"].is_number_integer() ? json["probe"].get<int>() : -1;
  const bool known = probe >= 0 && probe <= static_cast<int>(ProbeKind::Unknown);
  intent.probe = known ? static_cast<ProbeKind>(probe) : ProbeKind::Unknown;
  return intent;
}

Result<Intent> look_before(RunContext& run, const script::Statement& statement,
                           const script::StatementClass& what, bool script_is_idempotent, Deadline deadline) {
  Intent intent;
  intent.kind = what.kind;
  intent.probe = what.probe;
  intent.label = what.value;
  intent.done_when = statement.directives.done_when;
  intent.idempotent = statement.directives.idempotent || script_is_idempotent;
  if (what.probe == ProbeKind::CreateIndexConcurrently) {
    if (auto looked = look_at_index(run, statement.text, intent, deadline); !looked) return looked.error();
    return intent;
  }
  intent.object = what.object;
  if (what.probe == ProbeKind::ReindexConcurrently || what.probe == ProbeKind::DropIndexConcurrently ||
      what.probe == ProbeKind::DetachConcurrently) {
    // Names as the session sees them now; the session that looks later may see others.
    for (std::string* name : {&intent.object, &intent.relation}) {
      const std::string& written = name == &intent.object ? what.object : what.relation;
      if (written.empty()) continue;
      auto resolved = resolve(run, written, deadline);
      if (!resolved) return resolved.error();
      *name = resolved->empty() ? written : *resolved;
    }
  }
  if (what.probe == ProbeKind::ReindexConcurrently) {
    const auto rows = ask(run, kLeftovers, {intent.object, std::string{}}, deadline);
    if (!rows) return rows.error();
    for (int row = 0; row < rows->size(); ++row)
      intent.before += (row == 0 ? "" : ",") + std::string(rows->text(row, 1));
    return intent;
  }
  auto before = state_of(run, intent, deadline);
  if (!before) return before.error();
  intent.before = *before;
  return intent;
}

Result<Probed> probe(RunContext& run, const Intent& intent, Deadline deadline) {
  if (!intent.done_when.empty()) return probe_by_query(run, intent, deadline);
  switch (intent.probe) {
    case ProbeKind::CreateIndexConcurrently:
      return probe_index(run, intent, deadline);
    case ProbeKind::ReindexConcurrently:
      return probe_reindex(run, intent, deadline);
    case ProbeKind::DetachConcurrently:
      return probe_detach(run, intent, deadline);
    case ProbeKind::DropIndexConcurrently:
    case ProbeKind::DropDatabase:
    case ProbeKind::DropTablespace:
      return probe_presence(run, intent, "absent", deadline);
    case ProbeKind::AddEnumValue:
    case ProbeKind::CreateDatabase:
    case ProbeKind::CreateTablespace:
      return probe_presence(run, intent, "present", deadline);
    case ProbeKind::Repeatable:
      return Probed{Verdict::NotDone};
    default:
      break;
  }
  if (intent.idempotent) return Probed{Verdict::NotDone};
  return Probed{Verdict::Unknown, {}, "whether its effect is there"};
}

Result<Probed> probe_and_clean(RunContext& run, const Intent& intent, Deadline deadline,
                               const std::stop_token& stop) {
  for (int tries = 0; tries < 1000; ++tries) {
    auto probed = probe(run, intent, deadline);
    if (!probed || (probed->verdict != Verdict::CleanUp && probed->verdict != Verdict::InProgress))
      return probed;
    if (probed->verdict == Verdict::InProgress) {
      if (auto slept = sleep_alive(run, std::chrono::seconds{1}, deadline, stop); !slept)
        return slept.error();
      continue;
    }
    std::vector<std::string> before{"SET lock_timeout = 0", "SET statement_timeout = 0"};
    if (const std::string role = set_role(run, ""); !role.empty()) before.push_back(role);
    if (const auto set = run.work->pipeline(before); set.error) return *set.error;
    for (const std::string& sql : probed->clean_up) {
      DBM_EFFECT_REPLY(effect, "probe.cleanup");
      if (effect.must_fail()) return run.work->lose();
      const auto cleaned = run.work->exec(sql, deadline, stop);
      if (effect.reply_lost()) return run.work->lose();
      effect.done();
      if (!cleaned) return cleaned.error().during("clean up (" + sql + ")");
    }
    const std::vector<std::string> after{"RESET ROLE", "RESET lock_timeout", "RESET statement_timeout"};
    if (const auto reset = run.work->pipeline(after); reset.error) return *reset.error;
  }
  return Error{ErrorKind::Transient, "ProgressingWithRetry",
               "a session of the server still builds " + intent.object, "StillRunning"};
}

Error ask_a_person(const std::string& version, std::int64_t index, const Intent& intent,
                   const Probed& probed) {
  Error error{ErrorKind::Terminal, "ManualInterventionRequired",
              "statement " + std::to_string(index + 1) + " (" + intent.kind + ") of version " + version +
                  " may have taken effect, wholly or in part: only a person can tell",
              "OutcomeUnknown"};
  return error.with_remedy("look at " + probed.look_at + "; then `dbm resolve " + version +
                           "=applied` if all of the script is in effect, or `dbm resolve " + version +
                           "=pending` if it has to go on from this statement");
}

}  // namespace dbm::postgres
