/// `dbm validate` and `dbm resolve`.

#include <nlohmann/json.hpp>

#include "cli/each.h"
#include "cli/verbs.h"

namespace dbm::cli {
namespace {

std::string checks_table(const migration::ChecksStatus& checks) {
  Table table{{"CHECK", "AT", "RESULT", "MESSAGE"}};
  for (const auto& result : checks.results)
    table.add({result.name, result.at, result.result, result.message});
  return table.empty() ? "no checks\n" : table.text();
}

nlohmann::ordered_json to_json(const Desk& desk, const migration::ChecksStatus& checks) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const auto& result : checks.results)
    results.push_back(
        {{"name", result.name}, {"at", result.at}, {"result", result.result}, {"message", result.message}});
  return {{"apiVersion", "dbmigration.dev/v1alpha1"},
          {"kind", "Validation"},
          {"metadata", {{"name", desk.key().name}, {"namespace", desk.key().namespace_}}},
          {"passed", checks.passed},
          {"failed", checks.failed},
          {"warned", checks.warned},
          {"vacuous", checks.vacuous},
          {"results", results}};
}

migration::Resolution resolution_of(const Options& options) {
  if (options.resolve_applied) return migration::Resolution::Applied;
  return options.again ? migration::Resolution::Again : migration::Resolution::Pending;
}

}  // namespace

ExitCode run_validate(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    const auto checks = desk.reconciler.validate(desk.key(), desk.deadline(), desk.stop());
    if (!checks) return report(desk.named(checks.error()));
    if (options.output == Output::Table) {
      print((desk.several ? desk.key().name + "\n" : "") + checks_table(*checks));
    } else {
      print(to_json(desk, *checks), options.output);
    }
    return checks->failed > 0 ? kCheckFailed : kDone;
  });
}

ExitCode run_resolve(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    if (desk.several)
      return report({ErrorKind::Terminal, "InvalidSpec",
                     "resolve takes one DatabaseMigration; -f names several", "InvalidValue"});
    const auto done = desk.reconciler.resolve(desk.key(), options.resolve_version, resolution_of(options),
                                              desk.deadline(), desk.stop());
    if (!done) return report(desk.named(done.error()));
    print(options.resolve_version +
          (options.resolve_applied ? ": recorded as applied\n" : ": pending again\n"));
    return kDone;
  });
}

}  // namespace dbm::cli
