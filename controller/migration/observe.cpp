#include "migration/observe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

namespace dbm::migration {
namespace {

using Json = nlohmann::ordered_json;

Facts start(const kubernetes::Object& object, const ObserveOptions& options) {
  Facts facts;
  facts.requested = options.requested;
  facts.migration.object = object;
  facts.generation = std::max<std::int64_t>(object.generation, 1);
  if (object.document == nullptr || !object.document->is_object()) return facts;
  const Json& document = *object.document;
  if (const auto status = document.find("status"); status != document.end())
    facts.previous = decode_status(*status);
  const Json::json_pointer annotation{"/metadata/annotations/dbmigration.dev~1requestedAt"};
  if (document.contains(annotation) && document[annotation].is_string())
    facts.requested_at = document[annotation].get<std::string>();
  if (!facts.requested_at.empty() && facts.requested_at != facts.previous.last_handled_reconcile_at)
    facts.requested = true;
  return facts;
}

Result<script::ScriptSet> read_source(const Migration& migration, const Surroundings& surroundings,
                                      Deadline deadline, const std::stop_token& stop) {
  auto texts = surroundings.sources->texts(migration, deadline, stop);
  if (!texts) return texts.error();
  return script::read_set(*std::move(texts), {migration.spec.source.format, migration.spec.source.exclude});
}

Result<Inspection> inspect(const Facts& facts, const Surroundings& surroundings, Deadline deadline,
                           const std::stop_token& stop) {
  const InspectOptions options{facts.migration.spec.history_limit, owner_of(facts.migration, surroundings),
                               surroundings.take_over};
  return surroundings.engine->inspect(facts.connection->target, options, deadline, stop);
}

/// Without a cluster nobody counts generations but the status file, which may be deleted, and the ledger: one
/// more for a spec that differs from the last run's.
std::int64_t local_generation(const Facts& facts) {
  const std::int64_t counted = std::max<std::int64_t>(facts.migration.object.generation, 1);
  const RunRow* last = facts.last_run();
  if (last == nullptr) return counted;
  return std::max(counted, last->generation + (last->spec_digest == facts.migration.spec_digest ? 0 : 1));
}

bool usable(const Inspection& database, const Surroundings& surroundings) {
  if (database.ledger == LedgerState::Absent || database.ledger == LedgerState::Ours) return true;
  return surroundings.take_over &&
         (database.ledger == LedgerState::OtherOwner || database.ledger == LedgerState::IdentityChanged);
}

}  // namespace

Owner owner_of(const Migration& migration, const Surroundings& surroundings) {
  return {surroundings.cluster_id, migration.object.key.namespace_, migration.object.key.name};
}

void take_inspection(Facts& facts, Inspection inspection, const Surroundings& surroundings) {
  facts.database = std::move(inspection);
  if (surroundings.cluster_id == "local") facts.generation = local_generation(facts);
  facts.plan.reset();
  facts.plan_trouble.reset();
  if (facts.source == nullptr || !usable(*facts.database, surroundings)) return;
  auto plan = make_plan(facts.migration, *facts.source, *facts.database);
  if (plan)
    facts.plan = std::make_shared<const Plan>(*std::move(plan));
  else
    facts.plan_trouble = plan.error();
}

Facts glance(const kubernetes::Object& object, const Surroundings& surroundings) {
  Facts facts = start(object, {});
  if (surroundings.cluster_id == "local") facts.generation = local_generation(facts);
  auto migration = decode(object);
  facts.decoded = static_cast<bool>(migration);
  if (migration)
    facts.migration = *std::move(migration);
  else
    facts.trouble = migration.error();
  return facts;
}

Facts observe(const kubernetes::Object& object, const Surroundings& surroundings,
              const ObserveOptions& options, Deadline deadline, const std::stop_token& stop) {
  Facts facts = glance(object, surroundings);
  facts.requested = facts.requested || options.requested;
  if (!facts.decoded) return facts;
  if (facts.migration.spec.suspend && !options.even_suspended) return facts;

  Result<script::ScriptSet> source =
      Error{ErrorKind::Transient, "ProgressingWithRetry", "the scripts were not read"};
  std::jthread reader{[&] { source = read_source(facts.migration, surroundings, deadline, stop); }};
  auto connection = resolve_connection(facts.migration, surroundings, deadline, stop);
  Result<Inspection> database =
      Error{ErrorKind::Transient, "ProgressingWithRetry", "the database was not looked at"};
  if (connection) {
    facts.connection = *connection;
    database = inspect(facts, surroundings, deadline, stop);
  } else {
    database = connection.error();
  }
  reader.join();

  if (source)
    facts.source = std::make_shared<const script::ScriptSet>(*std::move(source));
  else
    facts.trouble = source.error();
  // What is wrong with the connection comes first: it is what people set up first.
  if (!database)
    facts.trouble = database.error();
  else
    take_inspection(facts, *std::move(database), surroundings);
  return facts;
}

Facts observe_again(Facts facts, const Surroundings& surroundings, Deadline deadline,
                    const std::stop_token& stop) {
  facts.trouble.reset();
  facts.requested = false;
  auto database = inspect(facts, surroundings, deadline, stop);
  if (database)
    take_inspection(facts, *std::move(database), surroundings);
  else
    facts.trouble = database.error();
  return facts;
}

}  // namespace dbm::migration
