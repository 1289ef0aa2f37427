#include "migration/record.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/inject.h"
#include "base/log.h"

namespace dbm::migration {
namespace {

using kubernetes::Event;
using kubernetes::EventType;

constexpr std::chrono::seconds kWriteTime{30};
constexpr std::size_t kNoteMax = 1000;

std::string field(const Condition* condition, std::string Condition::*member) {
  return condition == nullptr ? "" : condition->*member;
}

const char* event_of_stalled(const std::string& reason) {
  for (const char* own : {"BackupFailed", "DryRunFailed", "ValidationFailed", "RolledBack"})
    if (reason == own) return own;
  return "MigrationFailed";
}

std::string note(std::string text) {
  if (text.size() <= kNoteMax) return text;
  std::size_t kept = kNoteMax - 3;
  while (kept > 0 && (static_cast<unsigned char>(text[kept]) & 0xC0) == 0x80) --kept;
  return text.substr(0, kept) + "…";
}

}  // namespace

std::vector<Event> events_of(const Status& before, const Status& after, int applied) {
  std::vector<Event> events;
  const auto add = [&](EventType type, const char* reason, const std::string& text) {
    events.push_back({type, reason, note(text)});
  };
  const Condition* stalled = find_condition(after, "Stalled");
  const Condition* reconciling = find_condition(after, "Reconciling");
  const std::string reconciling_before = field(find_condition(before, "Reconciling"), &Condition::reason);

  if (after.backup && (!before.backup || before.backup->id != after.backup->id) && reconciling != nullptr)
    add(EventType::Normal, "BackupCompleted", after.backup->id + ", verified: " + after.backup->verified);
  if (reconciling_before == "ResolvingOutcome" &&
      field(reconciling, &Condition::reason) != "ResolvingOutcome")
    add(EventType::Normal, "OutcomeResolved", "the ledger says what became of the last COMMIT");
  if (stalled != nullptr) {
    const Condition* stalled_before = find_condition(before, "Stalled");
    if (field(stalled_before, &Condition::reason) != stalled->reason ||
        field(stalled_before, &Condition::message) != stalled->message)
      add(EventType::Warning, event_of_stalled(stalled->reason), stalled->message);
  }
  const std::string waiting = field(reconciling, &Condition::reason);
  if (waiting == "WaitingForLock") add(EventType::Warning, "LockTimeout", reconciling->message);
  if (waiting == "WaitingForReference") add(EventType::Normal, "WaitingForReference", reconciling->message);
  if (applied > 0 && reconciling == nullptr && stalled == nullptr)
    add(EventType::Normal, "MigrationApplied",
        std::to_string(applied) + (applied == 1 ? " script" : " scripts") + " applied, newest " +
            after.current_version);
  return events;
}

bool EventMemory::allows(const kubernetes::ObjectKey& key, const std::string& reason, const Status& status,
                         Time now) {
  const bool rare = reason == "LockTimeout";
  const bool late = reason == "WaitingForReference";
  if (!rare && !late) return true;
  if (late) {
    const Condition* ready = find_condition(status, "Ready");
    if (ready == nullptr || now - from_rfc3339(ready->last_transition_time) < std::chrono::minutes{5})
      return false;
  }
  return said_.with([&](auto& said) {
    const auto [entry, first] = said.try_emplace({key, reason}, now);
    if (first) return true;
    if (late || now - entry->second < std::chrono::minutes{30}) return false;
    entry->second = now;
    return true;
  });
}

Recorder::Recorder(const Surroundings& surroundings, EventMemory& memory, kubernetes::Object object,
                   Status previous)
    : surroundings_(surroundings), memory_(memory), object_(std::move(object)), last_(std::move(previous)) {}

Result<> Recorder::record(const Facts& facts, const Verdict& verdict, int applied) {
  const auto now = surroundings_.now();
  Status status = project(facts, last_, verdict, to_rfc3339(now));
  const std::string broken = broken_check(status, facts.generation, verdict.mood != Mood::Running);
  if (!broken.empty()) {
    log::error("a status breaks a rule of its own", {{"check", broken}});
    std::abort();  // kstatus would tell people the wrong thing
  }
  if (last_.observed_generation != -1 && encode(last_) == encode(status)) return {};
  if (const auto written = write(facts, status); !written) return written;
  for (const Event& event : events_of(last_, status, applied))
    if (memory_.allows(object_.key, event.reason, status, now)) surroundings_.objects->emit(object_, event);
  last_ = std::move(status);
  return {};
}

Result<> Recorder::write(const Facts& facts, const Status& status) {
  object_.generation = facts.generation;
  const auto json = encode(status);
  for (int tries = 1;; ++tries) {
    DBM_EFFECT(apply, "status.apply");
    if (apply.must_fail())
      return Error{ErrorKind::Transient, "ProgressingWithRetry", "the status could not be written",
                   "StatusWrite"};
    const auto deadline = Deadline::after(kWriteTime);
    // A stop request ends work, not the record of it.
    const auto written = surroundings_.objects->apply_status(object_, json, deadline, {});
    if (written) {
      apply.done();
      return {};
    }
    if (written.error().failure_reason() != "Conflict" || tries == 5)
      return written.error().during("write the status");
    auto fresh = surroundings_.objects->get(object_.key, deadline, {});
    if (!fresh) return fresh.error().during("write the status");
    // Gone, or another object of that name: there is nothing left to say about this one.
    if (!*fresh || (*fresh)->uid != object_.uid) return {};
    object_.resource_version = (*fresh)->resource_version;
  }
}

}  // namespace dbm::migration
