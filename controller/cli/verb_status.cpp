/// `dbm status` and `dbm history`: what the ledger says, whatever the status file says.

#include <limits>
#include <nlohmann/json.hpp>

#include "cli/each.h"
#include "cli/status_text.h"
#include "cli/verbs.h"

namespace dbm::cli {
namespace {

nlohmann::ordered_json to_json(const migration::HistoryEntry& entry) {
  nlohmann::ordered_json json{{"version", entry.version},
                              {"name", entry.name},
                              {"result", entry.result},
                              {"batch", entry.batch},
                              {"checksum", entry.checksum},
                              {"startTime", entry.start_time},
                              {"durationMillis", entry.duration_millis}};
  if (entry.rows) json["rows"] = *entry.rows;
  if (!entry.backup.empty()) json["backup"] = entry.backup;
  return json;
}

std::string history_table(const std::vector<migration::HistoryEntry>& history) {
  Table table{{"VERSION", "NAME", "RESULT", "STARTED", "TOOK", "ROWS", "BATCH", "BACKUP"}};
  for (const auto& entry : history)
    table.add({entry.version, entry.name, entry.result, entry.start_time,
               people_duration(entry.duration_millis), entry.rows ? std::to_string(*entry.rows) : "-",
               std::to_string(entry.batch), entry.backup});
  return table.empty() ? "no script has run yet\n" : table.text();
}

}  // namespace

ExitCode run_status(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    const auto status = desk.reconciler.status(desk.key(), desk.deadline(), desk.stop());
    if (!status) return report(desk.named(status.error()));
    if (options.output == Output::Table) {
      print((desk.several ? "\n" : "") + describe(desk.object, *status));
    } else {
      print(with_status(desk.object, *status), options.output);
    }
    return kDone;
  });
}

ExitCode run_history(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    const int limit = options.limit == 0 ? std::numeric_limits<int>::max() : options.limit;
    const auto history = desk.reconciler.history(desk.key(), limit, desk.deadline(), desk.stop());
    if (!history) return report(desk.named(history.error()));
    if (options.output == Output::Table) {
      print((desk.several ? desk.key().name + "\n" : "") + history_table(*history));
      return kDone;
    }
    nlohmann::ordered_json items = nlohmann::ordered_json::array();
    for (const auto& entry : *history) items.push_back(to_json(entry));
    print({{"items", items}}, options.output);
    return kDone;
  });
}

}  // namespace dbm::cli
