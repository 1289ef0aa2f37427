/// `dbm plan`: what apply would do, and why. Touches nothing.

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/each.h"
#include "cli/place.h"
#include "cli/verbs.h"

namespace dbm::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string scripts_table(const migration::Plan& plan) {
  Table table{{"VERSION", "NAME", "STATEMENTS", "TRANSACTION", "EFFECTS", "WHY"}};
  for (const auto& pending : plan.baseline)
    table.add({pending.script.version.id, pending.script.name, "-", "-", "", "baseline: recorded, not run"});
  for (const auto& pending : plan.pending)
    table.add({pending.script.version.id, pending.script.name, std::to_string(pending.analysis.statements),
               pending.analysis.in_transaction ? "script" : "none",
               join(script::effect_names(pending.analysis.effects)), pending.why});
  return table.empty() ? "" : table.text();
}

void add_lines(std::string& text, const std::string& label, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) text += label + ": " + line + "\n";
}

std::string head_of(const migration::PlanReport& report) {
  const auto& facts = report.facts;
  std::string text = facts.migration.object.key.name + ": ";
  if (facts.plan == nullptr) return text + "no plan\n";
  const auto& plan = *facts.plan;
  if (plan.empty()) return text + "nothing to do\n";
  return text + counted(static_cast<std::int64_t>(plan.pending.size()), "script") + " to run, " +
         counted(plan.statements, "statement") + ", risk " + std::string(script::risk_of(plan.effects)) +
         "\n";
}

std::string describe_plan(const migration::PlanReport& report) {
  const auto& facts = report.facts;
  std::string text = head_of(report);
  if (facts.plan != nullptr) {
    text += scripts_table(*facts.plan);
    if (!facts.plan->empty()) text += "\nbackup: " + report.backup + "\n";
    add_lines(text, "outside a transaction", facts.plan->outside_transaction);
    add_lines(text, "warning", facts.plan->warnings);
  }
  if (facts.source != nullptr) {
    add_lines(text, "note", facts.source->notices);
    for (const auto& excluded : facts.source->excluded)
      text += "excluded: " + excluded.file + ", " + excluded.why + "\n";
  }
  if (report.preflight) {
    add_lines(text, "warning", report.preflight->warnings);
    add_lines(text, "in the way", report.preflight->blockers);
  }
  if (facts.plan != nullptr && !facts.plan->empty()) text += "plan digest: " + facts.plan->digest + "\n";
  return text;
}

}  // namespace

ExitCode run_plan(const Options& options) {
  return for_each_object(options, [&](const Desk& desk) {
    const auto plan = desk.reconciler.plan(desk.key(), desk.deadline(), desk.stop());
    if (!plan) {
      const ExitCode code = report(desk.named(plan.error()));
      show_place(desk, plan.error());
      return code;
    }
    if (options.output == Output::Table) {
      print((desk.several ? "\n" : "") + describe_plan(*plan));
    } else {
      print(migration::to_json(*plan), options.output);
    }
    if (!plan->obstacle) return kDone;
    const ExitCode code = report(desk.named(*plan->obstacle));
    show_place(desk, *plan->obstacle);
    return code;
  });
}

}  // namespace dbm::cli
