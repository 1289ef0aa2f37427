#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/redact.h"
#include "base/yaml.h"
#include "migration/remedy.h"

namespace dbm::cli {
namespace {

/// Characters a terminal shows: UTF-8 continuation bytes take no column.
std::size_t shown_width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void write_all(int file, const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) std::_Exit(kFailed);  // nobody is left to tell
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], shown_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line += std::string(widths[i] - shown_width(row[i]) + 2, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

void print(const std::string& text) { write_all(STDOUT_FILENO, redact::scrub(text)); }

void print(const nlohmann::ordered_json& value, Output output) {
  print(output == Output::Yaml
            ? yaml::emit(value)
            : value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void complain(const Error& error) {
  std::string text = "dbm: " + migration::message_of(error);
  if (!error.sqlstate.empty() && error.message.find(error.sqlstate) == std::string::npos)
    text += " (SQLSTATE " + error.sqlstate + ")";
  text += " [" + error.failure_reason() + "]";
  if (!error.remedy.empty()) text += "; " + error.remedy;
  // One line whatever the server or a file name held.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      ' ');
  write_all(STDERR_FILENO, redact::scrub(text) + "\n");
}

void complain_further(const std::string& lines) { write_all(STDERR_FILENO, redact::scrub(lines)); }

ExitCode exit_code_of(const Error& error) {
  if (error.reason == "InvalidSpec") return kUsage;
  if (error.reason == "AwaitingApproval" || error.reason == "ManualInterventionRequired") return kNeedsPerson;
  if (error.reason == "ValidationFailed") return kCheckFailed;
  if (error.reason == "WaitingForReference") return kFailed;
  if (error.kind == ErrorKind::Transient || error.kind == ErrorKind::Waiting ||
      error.kind == ErrorKind::InDoubt)
    return kTimedOut;
  return kFailed;
}

ExitCode worst(ExitCode a, ExitCode b) {
  constexpr std::array kFromWorst{kUsage, kFailed, kCheckFailed, kNeedsPerson, kTimedOut, kDone};
  return *std::find_if(kFromWorst.begin(), kFromWorst.end(),
                       [&](ExitCode code) { return code == a || code == b; });
}

std::string counted(std::int64_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string people_duration(std::int64_t millis) {
  if (millis < 1000) return std::to_string(millis) + " ms";
  char text[32];
  if (millis < 60'000) {
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(millis) / 1000);
    return text;
  }
  return std::to_string(millis / 60'000) + " min " + std::to_string(millis / 1000 % 60) + " s";
}

}  // namespace dbm::cli
