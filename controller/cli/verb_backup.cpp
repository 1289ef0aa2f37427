/// `dbm backup list|verify` and `dbm restore`.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/each.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "postgres/restore.h"

namespace dbm::cli {
namespace {

std::string verified_of(const artifact::BackupSet& set) {
  const auto level = set.verified();
  return level ? artifact::to_string(*level) : "";
}

/// Its name, and the server's identity where the name alone would not tell it from the one at hand.
std::string database_name(const artifact::SetListing& listing, const artifact::BackupSet& set) {
  const auto database = artifact::database_of(set.manifest);
  if (database.name.empty()) return "unknown";
  const bool namesake = database.name == listing.of.name && !artifact::same_database(database, listing.of);
  return database.name + (namesake ? " (server " + database.system_identifier + ")" : "");
}

std::string backups_table(const artifact::SetListing& listing) {
  Table table{{"ID", "TAKEN", "VERSION", "METHOD", "SIZE", "VERIFIED", "DATABASE"}};
  for (const auto* sets : {&listing.sets, &listing.elsewhere}) {
    for (const auto& set : *sets) {
      const auto& manifest = set.manifest;
      table.add({manifest.id, manifest.finished_at, manifest.owner.version, manifest.method,
                 format_bytes(manifest.artifact.bytes), verified_of(set).empty() ? "no" : verified_of(set),
                 database_name(listing, set)});
    }
  }
  std::string text = table.empty() ? "no backups\n" : table.text();
  if (!listing.elsewhere.empty())
    text += std::to_string(listing.elsewhere.size()) +
            " not of this database: never removed, and restored only by id\n";
  for (const auto& unreadable : listing.unreadable)
    text += "unreadable: " + unreadable.prefix + ": " + unreadable.error.message + "\n";
  return text;
}

nlohmann::ordered_json to_json(const artifact::SetListing& listing) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const auto* sets : {&listing.sets, &listing.elsewhere}) {
    for (const auto& set : *sets) {
      const auto& manifest = set.manifest;
      const auto database = artifact::database_of(manifest);
      items.push_back({{"id", manifest.id},
                       {"finishedAt", manifest.finished_at},
                       {"version", manifest.owner.version},
                       {"method", manifest.method},
                       {"bytes", manifest.artifact.bytes},
                       {"sha256", manifest.artifact.sha256},
                       {"verified", verified_of(set)},
                       {"database", database.name},
                       {"systemIdentifier", database.system_identifier},
                       {"ofThisDatabase", sets == &listing.sets}});
    }
  }
  return {{"items", items}};
}

/// Whether "the newest" has a meaning: where the database could not be asked, sets of one name may still be
/// of several servers or ledgers, whose sequences do not compare.
bool of_one_history(const std::vector<artifact::BackupSet>& sets) {
  return std::all_of(sets.begin(), sets.end(), [&](const auto& set) {
    const auto& first = sets.front().manifest;
    return set.manifest.owner.ledger_id == first.owner.ledger_id &&
           artifact::same_database(artifact::database_of(set.manifest), artifact::database_of(first));
  });
}

/// The newest backup may be a bad one: only a verified one of this database is taken without being named.
Result<std::string> newest_verified(const Desk& desk) {
  const auto listing = desk.reconciler.backups(desk.key(), desk.deadline(), desk.stop());
  if (!listing) return listing.error();
  if (!of_one_history(listing->sets))
    return Error{ErrorKind::Terminal, "BackupFailed",
                 desk.key().name +
                     " has backups of several servers or ledgers, and its database cannot say which "
                     "are its own",
                 "NotFound"}
        .with_remedy("see `dbm backup list`, and name one");
  const auto found = std::find_if(listing->sets.begin(), listing->sets.end(),
                                  [](const auto& set) { return set.verified().has_value(); });
  if (found != listing->sets.end()) return found->manifest.id;
  return Error{ErrorKind::Terminal, "BackupFailed", desk.key().name + " has no verified backup", "NotFound"}
      .with_remedy("see `dbm backup list`, and name one");
}

/// Said before it is restored: a person may have taken it for one of the database at hand.
void say_whose(const Desk& desk, const std::string& id) {
  const auto listing = desk.reconciler.backups(desk.key(), desk.deadline(), desk.stop());
  if (!listing) return;  // the restore says why
  for (const auto& set : listing->elsewhere)
    if (set.manifest.id == id)
      complain_further("dbm: " + id + " is a backup of another database, " + database_name(*listing, set) +
                       "\n");
}

artifact::Level level_of(const Options& options) {
  return artifact::level_of(options.verify_level).value_or(artifact::Level::Structure);
}

}  // namespace

ExitCode run_backup_list(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    const auto listing = desk.reconciler.backups(desk.key(), desk.deadline(), desk.stop());
    if (!listing) return report(listing.error());
    if (options.output == Output::Table) {
      print((desk.several ? desk.key().name + "\n" : "") + backups_table(*listing));
    } else {
      print(to_json(*listing), options.output);
    }
    return kDone;
  });
}

ExitCode run_backup_verify(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    const auto listing = desk.reconciler.backups(desk.key(), desk.deadline(), desk.stop());
    if (!listing) return report(listing.error());
    if (options.backup_id.empty() && listing->sets.empty())
      return report({ErrorKind::Terminal, "BackupFailed", desk.key().name + " has no backup", "NotFound"});
    const std::string id = options.backup_id.empty() ? listing->sets.front().manifest.id : options.backup_id;
    const auto verified =
        desk.reconciler.verify_backup(desk.key(), id, level_of(options), desk.deadline(), desk.stop());
    if (!verified) return report(verified.error());
    if (options.output != Output::Table) {
      print(
          {{"id", id}, {"verified", artifact::to_string(verified->level)}, {"warnings", verified->warnings}},
          options.output);
      return kDone;
    }
    print(id + ": verified: " + artifact::to_string(verified->level) + "\n");
    for (const std::string& warning : verified->warnings) print("warning: " + warning + "\n");
    return kDone;
  });
}

ExitCode run_restore(const Options& options) {
  // Before a large backup is read back in vain.
  if (const auto named = postgres::check_new_name(options.into); !named) return report(named.error());
  ProgressPrinter printer{options.quiet};
  const auto restore = [&](const Desk& desk) {
    if (desk.several)
      return report({ErrorKind::Terminal, "InvalidSpec",
                     "restore takes one DatabaseMigration; -f names several", "InvalidValue"});
    const auto id =
        options.backup_id.empty() ? newest_verified(desk) : Result<std::string>{options.backup_id};
    if (!id) return report(id.error());
    if (!options.backup_id.empty()) say_whose(desk, *id);
    const auto done = desk.reconciler.restore(desk.key(), *id, options.into, desk.deadline(), desk.stop());
    printer.finish_line();
    if (!done) return report(done.error());
    print(options.into + ": restored from " + *id +
          "; row counts and content sums equal those of the backup\n");
    return kDone;
  };
  return for_each_object(options, restore,
                         [&](const migration::Progress& progress) { printer.show(progress); });
}

}  // namespace dbm::cli
