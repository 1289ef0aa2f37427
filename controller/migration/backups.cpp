#include "migration/backups.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifact/retention.h"
#include "base/log.h"

namespace dbm::migration {
namespace {

constexpr std::chrono::hours kFresh{1};

Error backup_failed(const char* cause, const std::string& message) {
  return {ErrorKind::Terminal, "BackupFailed", message, cause};
}

/// The server's version as the set's facts have it: the client program that reads an archive must not be
/// older.
int server_version_of(const artifact::Manifest& manifest) {
  const auto facts = nlohmann::json::parse(manifest.facts, nullptr, false);
  const auto found = facts.is_object() ? facts.find("serverVersion") : facts.end();
  return found != facts.end() && found->is_number_integer() ? found->get<int>() : 0;
}

std::string ledger_of(const Facts& facts) { return facts.database ? facts.database->database.ledger_id : ""; }

/// As it says itself; where it cannot be asked, as it is called in the connection.
artifact::DatabaseIdentity database_of(const Facts& facts) {
  if (facts.database) return {facts.database->database.name, facts.database->database.system_identifier};
  if (!facts.connection) return {};
  const auto& keywords = facts.connection->target.keywords;
  const auto name = keywords.find("dbname");
  return {name == keywords.end() ? "" : name->second, ""};
}

Result<artifact::SetListing> listing(const Facts& facts, const ConfiguredStore& store) {
  const auto& key = facts.migration.object.key;
  auto sets = artifact::list_sets(*store.store, key.namespace_, key.name, ledger_of(facts), keys_of(store));
  if (!sets) return sets.error();
  return artifact::of_database(*std::move(sets), database_of(facts));
}

Result<> carry_out_retention(const Facts& facts, const ConfiguredStore& store,
                             std::chrono::system_clock::time_point now) {
  // A copy that was taken over has this ledger too: whose a set is must be known before one goes.
  if (ledger_of(facts).empty() || database_of(facts).name.empty()) return {};
  const auto sets = listing(facts, store);
  if (!sets) return sets.error();
  std::vector<artifact::RetainedSet> retained;
  for (const auto& set : sets->sets) retained.push_back(artifact::retained(set));
  const auto decisions = artifact::decide_retention(
      std::move(retained), {.keep_last = facts.migration.spec.backup.keep_last}, {}, now);
  if (!decisions) return decisions.error();
  const auto removed = artifact::carry_out(*store.store, *decisions);
  if (!removed) return removed.error();
  if (*removed > 0) log::info("old backups removed", {{"count", std::to_string(*removed)}});
  const auto leftovers = artifact::collect_incomplete(*store.store, *sets, ledger_of(facts), sets->of, now);
  return leftovers ? Result<>{} : leftovers.error();
}

}  // namespace

Result<std::shared_ptr<const ConfiguredStore>> store_of(const Spec& spec, const Surroundings& surroundings,
                                                        IfMissing missing) {
  using Shared = std::shared_ptr<const ConfiguredStore>;
  const auto found = surroundings.stores.find(spec.backup.store);
  if (found != surroundings.stores.end() && found->second.store != nullptr)
    return Shared{Shared{}, &found->second};
  const auto on_demand = surroundings.stores_on_demand.find(spec.backup.store);
  if (on_demand != surroundings.stores_on_demand.end()) {
    auto opened = on_demand->second(missing);
    if (!opened) return opened.error();
    return Shared{std::make_shared<ConfiguredStore>(*std::move(opened))};
  }
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  for (const auto& [name, store] : surroundings.stores) add(name);
  for (const auto& [name, store] : surroundings.stores_on_demand) add(name);
  return backup_failed("StoreMissing", "there is no store '" + spec.backup.store +
                                           "'; the configuration has " + (names.empty() ? "none" : names));
}

artifact::KeyRing keys_of(const ConfiguredStore& store) {
  return {.keys = store.all_keys, .accept_unencrypted = store.active_key.empty()};
}

Result<> check_backup_possible(const Facts& facts, const Surroundings& surroundings,
                               std::uint64_t database_bytes) {
  const Spec& spec = facts.migration.spec;
  const std::string risk{script::risk_of(facts.plan->effects)};
  if (spec.backup.method == BackupMethod::SchemaOnly && risk != "Safe")
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "spec.backup.method must not be SchemaOnly for this plan: its risk is " + risk,
                 "InvalidValue"}
        .with_remedy("set backup.method: Logical");
  const auto store = store_of(spec, surroundings);
  if (!store) return store.error();
  if (spec.backup.method == BackupMethod::SchemaOnly) return {};
  if (database_bytes > spec.backup.max_database_bytes)
    return backup_failed("DatabaseTooLarge", "the database has " + format_bytes(database_bytes) +
                                                 ", more than backup.maxDatabaseSize (" +
                                                 format_bytes(spec.backup.max_database_bytes) + ")");
  const auto free = (*store)->store->free_bytes();
  if (!free) return free.error();
  // Twice the database: a dump is smaller, but the store is not ours alone.
  if (*free && **free / 2 < database_bytes)
    return backup_failed("NoSpace", (*store)->store->describe() + " has " + format_bytes(**free) +
                                        " free; twice the database's " + format_bytes(database_bytes) +
                                        " are asked for");
  return {};
}

bool is_fresh(const BackupStatus& backup, const Facts& facts, const Surroundings& surroundings) {
  if (backup.verified.empty() || backup.store != facts.migration.spec.backup.store) return false;
  const auto age = surroundings.now() - from_rfc3339(backup.completion_time);
  if (age < std::chrono::seconds{-60} || age > kFresh) return false;
  // A row is a claim, and a copied database has the rows of its original: the set has to be there, and of
  // this database.
  const auto sets = list_backups(facts, surroundings);
  return sets && std::any_of(sets->sets.begin(), sets->sets.end(),
                             [&](const auto& set) { return set.manifest.id == backup.id && set.verified(); });
}

Result<artifact::VerifyReport> prove(const Facts& facts, const Surroundings& surroundings,
                                     const ConfiguredStore& store, const artifact::BackupSet& set,
                                     artifact::Level level, Deadline deadline, const std::stop_token& stop) {
  const artifact::KeyRing keys = keys_of(store);
  artifact::VerifyRequest request{.level = level, .deadline = deadline, .stop = stop};
  request.read_structure = [&](const artifact::ReadPlain& read) {
    return surroundings.engine->read_archive(server_version_of(set.manifest), read, deadline, stop);
  };
  if (const auto sets = listing(facts, store))
    request.previous_plain_bytes = artifact::previous_plain_bytes(*sets, set.manifest);
  auto report = artifact::verify_set(*store.store, set, keys, request);
  if (!report && report.error().cause != "BackupCorrupt") return report;  // it could not be told
  artifact::Verification result{
      .level = level, .passed = static_cast<bool>(report), .at = to_rfc3339(surroundings.now())};
  if (report)
    for (const auto& warning : report->warnings)
      result.message += (result.message.empty() ? "" : "; ") + warning;
  else
    result.message = report.error().message;
  if (const auto recorded = artifact::record_verification(*store.store, set, result, keys); !recorded)
    return recorded.error();
  return report;
}

void apply_retention(const Facts& facts, const Surroundings& surroundings) {
  if (facts.migration.spec.backup.method == BackupMethod::None) return;
  const auto store = store_of(facts.migration.spec, surroundings);
  const auto done = store ? carry_out_retention(facts, **store, surroundings.now()) : Result<>{store.error()};
  if (!done) log::warning("old backups could not be removed", {{"error", done.error().message}});
}

Result<artifact::SetListing> list_backups(const Facts& facts, const Surroundings& surroundings) {
  const auto store = store_of(facts.migration.spec, surroundings);
  if (!store) return store.error();
  return listing(facts, **store);
}

Result<artifact::BackupSet> find_backup(const Facts& facts, const Surroundings& surroundings,
                                        const std::string& id) {
  const auto sets = list_backups(facts, surroundings);
  if (!sets) return sets.error();
  for (const auto* list : {&sets->sets, &sets->elsewhere})
    for (const auto& set : *list)
      if (set.manifest.id == id) return set;
  for (const auto& bad : sets->unreadable)
    if (bad.prefix.find("/" + id + "/") != std::string::npos) return bad.error;
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(sets->sets.size(), 5); ++i)
    names += (i == 0 ? "" : ", ") + sets->sets[i].manifest.id;
  return backup_failed("NotFound",
                       "there is no backup of this id; the newest are: " + (names.empty() ? "none" : names));
}

Result<> restore_backup(const Facts& facts, const Surroundings& surroundings, const std::string& id,
                        const std::string& new_database, Deadline deadline, const std::stop_token& stop,
                        const ProgressSink& progress) {
  const auto store = store_of(facts.migration.spec, surroundings);
  if (!store) return store.error();
  const auto set = find_backup(facts, surroundings, id);
  if (!set) return set.error();
  const artifact::KeyRing keys = keys_of(**store);
  // Proven first, so that nothing is made of a damaged one.
  const auto proven = artifact::verify_set(
      *(*store)->store, *set, keys, {.level = artifact::Level::Decode, .deadline = deadline, .stop = stop});
  if (!proven) return proven.error();
  const auto reader = artifact::read_piece(*(*store)->store, *set, artifact::Piece::Artifact, keys);
  if (!reader) return reader.error();
  const auto read = [&](std::span<char> buffer) { return (*reader)->read(buffer); };
  return surroundings.engine->restore(facts.connection->target, new_database, set->manifest.facts, read,
                                      deadline, stop, progress);
}

}  // namespace dbm::migration
