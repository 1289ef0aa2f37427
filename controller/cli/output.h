#pragma once
/// What people and programs read: tables and JSON on standard output, one line of trouble on standard error.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"

namespace dbm::cli {

/// Columns as wide as their widest cell, two blanks between, none after the last.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Writes to standard output, scrubbed. An error of writing (a closed pipe, a full disk) ends the program
/// with kFailed.
void print(const std::string& text);
/// As JSON or YAML.
void print(const nlohmann::ordered_json& value, Output output);
/// "dbm: where: message [Reason]; remedy", one line on standard error, scrubbed.
void complain(const Error& error);
/// Lines that belong to what was complained of, each with its end; on standard error, scrubbed.
void complain_further(const std::string& lines);

/// The exit code (docs/status.md#exit-codes) for what a pass ended with.
ExitCode exit_code_of(const Error& error);
/// The worst of two: usage before failure before a failed check before a person before a time-out before
/// done.
ExitCode worst(ExitCode a, ExitCode b);

/// "1 script", "3 scripts".
std::string counted(std::int64_t count, const std::string& thing);

/// "1.2 s", "340 ms", "3 min 20 s".
std::string people_duration(std::int64_t millis);

}  // namespace dbm::cli
