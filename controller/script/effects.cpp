#include <array>
#include <unordered_set>

#include "script/tree_class.h"

namespace dbm::script {
namespace {

constexpr std::array<std::pair<Effect, const char*>, 6> kNames{{{kDataLoss, "DataLoss"},
                                                                {kBlocking, "Blocking"},
                                                                {kBreaking, "Breaking"},
                                                                {kIrreversible, "Irreversible"},
                                                                {kExternal, "External"},
                                                                {kUnknown, "Unknown"}}};

/// Functions that reach outside the database: its server's files, processes and settings, other servers.
constexpr std::string_view kExternalFunctions =
    "lo_import lo_export pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file pg_reload_conf "
    "pg_rotate_logfile pg_terminate_backend pg_cancel_backend pg_promote pg_switch_wal "
    "pg_create_restore_point pg_backup_start pg_backup_stop pg_create_physical_replication_slot "
    "pg_create_logical_replication_slot pg_drop_replication_slot pg_file_write pg_file_unlink "
    "pg_file_rename ";

constexpr std::string_view kVolatileFunctions =
    "clock_timestamp gen_random_uuid random nextval setval currval lastval timeofday setseed "
    "pg_sleep ";

bool is_in(std::string_view list, std::string_view function) {
  static const auto sets = [] {
    std::array<std::unordered_set<std::string_view>, 2> both;
    add_words(kExternalFunctions, both[0]);
    add_words(kVolatileFunctions, both[1]);
    return both;
  }();
  return sets[list == kExternalFunctions ? 0 : 1].contains(function);
}

}  // namespace

std::vector<std::string> effect_names(unsigned effects) {
  std::vector<std::string> names;
  for (const auto& [bit, name] : kNames) {
    if ((effects & bit) != 0) names.emplace_back(name);
  }
  return names;
}

std::string_view risk_of(unsigned effects) {
  if (effects == kNoEffect) return "Safe";
  return effects == kBreaking ? "MultiStep" : "Risky";
}

bool is_volatile(const std::string& function) {
  return is_in(kVolatileFunctions, function) || !is_harmless_before_parenthesis(function);
}

bool judge_functions(const Contents& contents, bool runs, StatementClass& out) {
  bool unknown = false;
  for (const std::string& function : contents.functions) {
    if (function.starts_with("pg_advisory_unlock")) out.scope = Scope::TransactionControl;
    if (!runs || is_harmless_before_parenthesis(function)) continue;
    out.changes_session = true;
    const bool outside = is_in(kExternalFunctions, function) || function.find("dblink") != std::string::npos;
    if (outside) out.effects |= kExternal;
    unknown = unknown || (!outside && function != "set_config" && !function.starts_with("pg_"));
  }
  return unknown;
}

}  // namespace dbm::script
