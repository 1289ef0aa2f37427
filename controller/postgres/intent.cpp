#include <nlohmann/json.hpp>

#include "postgres/catalog_state.h"
#include "postgres/execution.h"
#include "postgres/index_statement.h"
#include "postgres/probe.h"

namespace dbm::postgres {
namespace {

using script::ProbeKind;

// Asked with the session's own search_path: no operator of ours may be looked up along it.
constexpr const char* kRelationNamed =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN "
    "pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid "
    "OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)";
constexpr const char* kTypeNamed =
    "SELECT pg_catalog.format('%I.%I', n.nspname, t.typname) FROM pg_catalog.pg_type t JOIN "
    "pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace WHERE t.oid "
    "OPERATOR(pg_catalog.=) pg_catalog.to_regtype($1)";

/// A name as the session resolves it, written out; empty when there is none.
Result<std::string> resolve(RunContext& run, const std::string& name, Deadline deadline,
                            const char* sql = kRelationNamed) {
  const std::vector<Param> written{name};
  const auto rows = run.work->exec(sql, written, deadline, {});
  if (!rows) return rows.error();
  return rows->size() == 0 ? std::string{} : std::string(rows->text(0, 0));
}

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
  steps.push_back("CREATE TEMPORARY TABLE dbm_probe_copy (LIKE " + relation +
                  " INCLUDING ALL EXCLUDING INDEXES EXCLUDING CONSTRAINTS)");
  steps.push_back("CREATE " + std::string(index.unique ? "UNIQUE " : "") +
                  "INDEX dbm_probe_index ON pg_temp.dbm_probe_copy " + std::string(index.rest));
  steps.emplace_back(kDisarmPath);
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
  const auto rows = ask_catalog(run, kIndexState, {intent.object}, deadline);
  if (!rows) return rows.error();
  intent.before = rows->size() == 0 ? "absent" : std::string(rows->text(0, 0));
  auto definition = intended_definition(run, *index, *relation, deadline);
  if (!definition) return definition.error();
  intent.definition = std::move(*definition);
  return {};
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
  if (what.probe == ProbeKind::AddEnumValue) {
    auto type = resolve(run, what.object, deadline, kTypeNamed);
    if (!type) return type.error();
    if (!type->empty()) intent.object = std::move(*type);
  }
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
    const auto rows = ask_catalog(run, kLeftovers, {intent.object, std::string{}}, deadline);
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

}  // namespace dbm::postgres
