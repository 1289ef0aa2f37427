#include "base/inject.h"

#ifdef DBM_INJECTION

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <thread>

#include "base/guarded.h"

// The linker provides these for a section whose name is an identifier.
extern "C" __attribute__((weak)) dbm::inject::PointInfo __start_dbm_points[];
extern "C" __attribute__((weak)) dbm::inject::PointInfo __stop_dbm_points[];

namespace dbm::inject {
namespace {

/// A test recognises a planned death by this exit status.
constexpr int kCrashStatus = 86;

struct Plan {
  std::string point;
  int occurrence;
  std::string action;
};

std::vector<Plan> read_plans() {
  std::vector<Plan> plans;
  const char* text = std::getenv("DBM_INJECT");
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const auto one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const auto first = one.find(':');
    const auto second = one.find(':', first + 1);
    if (first == one.npos || second == one.npos) continue;
    plans.push_back({std::string(one.substr(0, first)), std::atoi(std::string(one.substr(first + 1)).c_str()),
                     std::string(one.substr(second + 1))});
  }
  return plans;
}

int count_occurrence(const char* point) {
  static Guarded<std::map<std::string, int, std::less<>>> counts;
  return counts.with([&](auto& all) { return ++all[point]; });
}

void log_reached(const char* point) {
  static const char* const path = std::getenv("DBM_INJECT_LOG");
  if (path == nullptr) return;
  const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  const std::string line = std::string(point) + "\n";
  if (::write(file, line.data(), line.size()) < 0)
    std::abort();  // a sweep that lost a line would prove nothing
  ::close(file);
}

}  // namespace

Effect::Effect(const PointInfo& point) : point_(point) {
  static const std::vector<Plan> plans = read_plans();
  const int occurrence = count_occurrence(point.name);
  log_reached(point.name);
  for (const Plan& plan : plans) {
    if (plan.point != point.name || plan.occurrence != occurrence) continue;
    if (plan.action == "crash-before") ::_exit(kCrashStatus);
    if (plan.action == "crash-after") crash_after_ = true;
    if (plan.action == "lose-reply") lose_reply_ = true;
    if (plan.action == "error") fail_ = true;
    if (plan.action.starts_with("delay="))
      std::this_thread::sleep_for(
          std::chrono::milliseconds{std::atoi(plan.action.c_str() + std::strlen("delay="))});
  }
}

void Effect::done() {
  if (crash_after_) ::_exit(kCrashStatus);
}

std::vector<PointInfo> all_points() {
  std::vector<PointInfo> points(__start_dbm_points, __stop_dbm_points);
  std::sort(points.begin(), points.end(),
            [](const PointInfo& a, const PointInfo& b) { return std::strcmp(a.name, b.name) < 0; });
  const auto same = [](const PointInfo& a, const PointInfo& b) { return std::strcmp(a.name, b.name) == 0; };
  points.erase(std::unique(points.begin(), points.end(), same), points.end());
  return points;
}

}  // namespace dbm::inject

#endif
