#include "base/deadline.h"

#include <ctime>

namespace dbm {
namespace {

std::string format_utc(std::chrono::system_clock::time_point at, const char* pattern) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, pattern, &parts)};
}

}  // namespace

std::string to_rfc3339(std::chrono::system_clock::time_point at) {
  return format_utc(at, "%Y-%m-%dT%H:%M:%SZ");
}

std::string to_compact_utc(std::chrono::system_clock::time_point at) {
  return format_utc(at, "%Y%m%dT%H%M%SZ");
}

std::chrono::system_clock::time_point from_rfc3339(const std::string& text) {
  std::tm parts{};
  if (strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace dbm
