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

std::string backups_table(const artifact::SetListing& listing) {
  Table table{{"ID", "TAKEN", "VERSION", "METHOD", "SIZE", "VERIFIED"}};
  for (const auto& set : listing.sets) {
    const auto& manifest = set.manifest;
    table.add({manifest.id, manifest.finished_at, manifest.owner.version, manifest.method,
               format_bytes(manifest.artifact.bytes), verified_of(set).empty() ? "no" : verified_of(set)});
  }
  std::string text = table.empty() ? "no backups\n" : table.text();
  for (const auto& unreadable : listing.unreadable)
    text += "unreadable: " + unreadable.prefix + ": " + unreadable.error.message + "\n";
  return text;
}

nlohmann::ordered_json to_json(const artifact::SetListing& listing) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const auto& set : listing.sets) {
    const auto& manifest = set.manifest;
    items.push_back({{"id", manifest.id},
                     {"finishedAt", manifest.finished_at},
                     {"version", manifest.owner.version},
                     {"method", manifest.method},
                     {"bytes", manifest.artifact.bytes},
                     {"sha256", manifest.artifact.sha256},
                     {"verified", verified_of(set)}});
  }
  return {{"items", items}};
}

/// The newest backup may be a bad one: only a verified one is taken without being named.
Result<std::string> newest_verified(const Desk& desk) {
  const auto listing = desk.reconciler.backups(desk.key(), desk.deadline(), desk.stop());
  if (!listing) return listing.error();
  const auto found = std::find_if(listing->sets.begin(), listing->sets.end(),
                                  [](const auto& set) { return set.verified().has_value(); });
  if (found != listing->sets.end()) return found->manifest.id;
  return Error{ErrorKind::Terminal, "BackupFailed", desk.key().name + " has no verified backup", "NotFound"}
      .with_remedy("see `dbm backup list`, and name one");
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
