#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/deadline.h"
#include "base/redact.h"

namespace dbm::log {
namespace {

std::atomic<Level> least_level{Level::Info};
std::atomic<Format> line_format{Format::Text};

/// One logger for the process; spdlog's own pattern would not escape anything, so it gets finished lines.
spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("dbm", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Debug:
      return "DEBUG";
    case Level::Info:
      return "INFO";
    case Level::Warning:
      return "WARN";
    case Level::Error:
      return "ERROR";
  }
  std::abort();
}

/// JSON's escapes, invalid UTF-8 replaced: no line break or terminal escape of a foreign text gets into a
/// line.
std::string escape(const std::string& text) {
  std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (auto at = quoted.find('\x7f'); at != quoted.npos; at = quoted.find('\x7f'))
    quoted.replace(at, 1, "\\u007f");
  return quoted;
}

/// A message as people read it: escaped, but for the quotes.
std::string on_one_line(const std::string& text) {
  const std::string quoted = escape(text);
  std::string line;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\\' && quoted[i + 1] != '"')
      line += quoted[i++];
    else if (quoted[i] == '\\')
      ++i;
    line += quoted[i];
  }
  return line;
}

std::string text_line(const std::string& time, Level level, const std::string& message, Fields fields) {
  std::string name{name_of(level)};
  name.resize(5, ' ');
  std::string line = time + " " + name + " " + on_one_line(message);
  for (const auto& [key, raw] : fields) {
    const std::string value = redact::scrub(raw);
    const std::string quoted = escape(value);
    const bool plain =
        !value.empty() && quoted.size() == value.size() + 2 && value.find_first_of(" =") == value.npos;
    line.append(" ").append(key).append("=").append(plain ? value : quoted);
  }
  return line;
}

std::string json_line(const std::string& time, Level level, const std::string& message, Fields fields) {
  nlohmann::ordered_json line{{"time", time}, {"level", name_of(level)}, {"message", message}};
  for (const auto& [key, value] : fields) line[std::string(key)] = redact::scrub(value);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warning:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
  }
  std::abort();
}

}  // namespace

void configure(Level least, Format format) {
  least_level = least;
  line_format = format;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < least_level) return;
  const std::string time = to_rfc3339(std::chrono::system_clock::now());
  // Scrubbed before it is escaped: a secret with a quote in it would not be found afterwards.
  const std::string clean = redact::scrub(std::string(message));
  const std::string line = line_format == Format::Json ? json_line(time, level, clean, fields)
                                                       : text_line(time, level, clean, fields);
  logger().log(spdlog_level(level), spdlog::string_view_t(line));
}

}  // namespace dbm::log
