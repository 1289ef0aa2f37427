#include "postgres/inspect.h"

#include <algorithm>
#include <unordered_map>

#include "postgres/history_count.h"
#include "postgres/look.h"
#include "postgres/run_row.h"

namespace dbm::postgres {
namespace {

using migration::HistoryRow;
using migration::LedgerState;

std::string rows_sql(const std::string& schema) {
  return "SELECT version, version_key, name, status, finished IS NOT NULL, checksum, checksum_normalised, "
         "statements, statements_done, CASE WHEN status IN ('failed', 'running') AND statements_done > 0 "
         "THEN "
         "(SELECT string_agg(s.hash, ',' ORDER BY s.index) FROM " +
         quote_ident(schema) +
         ".statement s WHERE s.history_id = h.id AND s.outcome = 'done') END, CASE WHEN status = 'failed' "
         "THEN "
         "error_sqlstate END FROM " +
         quote_ident(schema) + ".history h ORDER BY id";
}

std::string newest_sql(const std::string& schema, int limit) {
  return "SELECT version, name, status, finished IS NOT NULL, batch, checksum, to_char(started AT TIME ZONE "
         "'UTC', "
         "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), coalesce(execution_ms, 0), rows, backup_id FROM " +
         quote_ident(schema) + ".history ORDER BY id DESC LIMIT " + std::to_string(std::max(limit, 0));
}

std::string last_run_sql(const std::string& schema) {
  return "SELECT " + run_columns() + " FROM " + quote_ident(schema) +
         ".run r ORDER BY r.epoch DESC, r.started DESC LIMIT 1";
}

bool decides(const HistoryRow& row) { return row.status == "applied" || row.status == "baseline"; }

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    parts.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return parts;
}

HistoryRow read_row(const Rows& rows, int row) {
  const auto text = [&](int column) { return std::string{rows.text(row, column)}; };
  return {text(0),
          text(1),
          text(2),
          text(3),
          rows.boolean(row, 4),
          text(5),
          text(6),
          rows.number(row, 7),
          rows.number(row, 8),
          split(rows.text(row, 9)),
          std::string{rows.text(row, 10)}};
}

/// The deciding row per version key; rows come oldest first.
std::vector<HistoryRow> deciding_rows(const Rows& rows) {
  std::vector<HistoryRow> deciding;
  std::unordered_map<std::string_view, std::size_t> place;  // keys live in the rows
  deciding.reserve(static_cast<std::size_t>(rows.size()));
  place.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) {
    const auto [found, is_new] = place.emplace(rows.text(row, 1), deciding.size());
    if (is_new)
      deciding.push_back(read_row(rows, row));
    else if (auto read = read_row(rows, row); decides(read) || !decides(deciding[found->second]))
      deciding[found->second] = std::move(read);
  }
  return deciding;
}

std::string result_word(std::string_view status, bool closed) {
  if (status == "failed") return "Failed";
  if (status == "baseline") return "Baseline";
  if (status == "rolled_back") return "RolledBack";
  if (status == "superseded") return "Superseded";
  return status == "applied" && closed ? "Succeeded" : "Running";
}

std::vector<migration::HistoryEntry> newest_entries(const Rows& rows) {
  std::vector<migration::HistoryEntry> entries;
  for (int row = 0; row < rows.size(); ++row) {
    const auto text = [&](int column) { return std::string{rows.text(row, column)}; };
    entries.push_back({text(0), text(1), result_word(rows.text(row, 2), rows.boolean(row, 3)),
                       rows.number(row, 4), text(5), text(6), rows.number(row, 7),
                       rows.is_null(row, 8) ? std::nullopt : std::optional(rows.number(row, 8)), text(9)});
  }
  return entries;
}

migration::Inspection to_inspection(const Look& seen, const std::string& schema,
                                    const migration::InspectOptions& options) {
  migration::Inspection inspection;
  inspection.database = {seen.identity.version, seen.identity.system_identifier, seen.identity.database, ""};
  inspection.server_version_num = seen.identity.version_num;
  inspection.timeline = seen.identity.timeline;
  inspection.database_time = seen.identity.database_time;
  auto judgement = judge(seen, schema, options.owner);
  const bool handed_over =
      judgement.state == LedgerState::OtherOwner || judgement.state == LedgerState::IdentityChanged;
  inspection.handed_over = options.take_over && handed_over;
  if (inspection.handed_over) judgement = {LedgerState::Ours, ""};
  inspection.ledger = judgement.state;
  inspection.ledger_trouble = judgement.trouble;
  if (seen.fence) {
    inspection.database.ledger_id = seen.fence->ledger_id;
    inspection.owner = seen.fence->owner;
    inspection.epoch = seen.fence->epoch;
  }
  if (seen.of_ledger.size() != 4) return inspection;
  if (seen.of_ledger[0].size() > 0) inspection.last_run = read_run_row(seen.of_ledger[0], 0);
  inspection.rows = deciding_rows(seen.of_ledger[1]);
  inspection.newest = newest_entries(seen.of_ledger[2]);
  if (inspection.last_run) inspection.generation = inspection.last_run->generation;
  // A script whose row is gone would run again without anybody having been asked.
  if (const auto missing = missing_rows(seen.of_ledger[3]);
      !missing.empty() && inspection.ledger == LedgerState::Ours) {
    inspection.ledger = LedgerState::ForeignSchema;
    inspection.ledger_trouble = "schema " + quote_ident(schema) + " has been altered: " + missing;
  }
  return inspection;
}

}  // namespace

Result<migration::Inspection> inspect(Session& session, const std::string& schema,
                                      const migration::InspectOptions& options, Deadline deadline,
                                      const std::stop_token& stop) {
  const LookFurther further{{},
                            {last_run_sql(schema), rows_sql(schema),
                             newest_sql(schema, options.history_limit), missing_rows_sql(schema)}};
  const auto seen = look(session, schema, further, deadline, stop);
  if (!seen) return seen.error();
  const auto usable = refuse_server(seen->identity);
  if (!usable) return usable.error();
  return to_inspection(*seen, schema, options);
}

}  // namespace dbm::postgres
