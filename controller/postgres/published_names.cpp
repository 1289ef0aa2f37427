#include "postgres/published_names.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "postgres/sql_words.h"

namespace dbm::postgres {
namespace {

struct Message {
  std::vector<std::string> quoted;
  std::string rest;  ///< what stands outside of quotes
};

Message take_apart(std::string_view text) {
  Message message;
  bool inside = false;
  for (const char c : text) {
    if (c == '"') {
      inside = !inside;
      if (inside) message.quoted.emplace_back();
    } else if (inside) {
      message.quoted.back() += c;
    } else {
      message.rest += c;
    }
  }
  return message;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::set<std::string, std::less<>> names_in(std::string_view statement) {
  std::set<std::string, std::less<>> names;
  for (const SqlWord& word : sql_words(statement))
    if (word.kind == SqlWord::Kind::Name) names.insert(word.text);
  return names;
}

bool all_known(const std::string& quoted, const std::set<std::string, std::less<>>& names) {
  if (names.contains(quoted)) return true;
  const auto parts = name_parts(quoted);
  return !parts.empty() && std::ranges::all_of(parts, [&](const auto& part) { return names.contains(part); });
}

/// Numbers that no name of the statement holds: "large object 4711 does not exist".
bool has_other_number(const std::string& rest, std::string_view statement) {
  for (std::size_t at = 0; at < rest.size(); ++at) {
    if (std::isdigit(static_cast<unsigned char>(rest[at])) == 0) continue;
    std::size_t end = at;
    while (end < rest.size() && std::isdigit(static_cast<unsigned char>(rest[end])) != 0) ++end;
    if (statement.find(rest.substr(at, end - at)) == std::string_view::npos) return true;
    at = end;
  }
  return false;
}

}  // namespace

bool names_only_what_is_known(const ServerError& error, std::string_view statement) {
  const Message message = take_apart(error.server_message);
  // Another language has other quotation marks: what they hold cannot be told apart.
  const bool plain =
      std::ranges::all_of(message.rest, [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
  if (!plain || error.translated) return false;
  const bool while_reading = error.position > 0;
  if (!while_reading) {
    const bool of_operator =
        error.sqlstate == "42883" || error.sqlstate == "42725";  // regoperator: without quotes
    if (of_operator && message.rest.find("operator") != std::string::npos) return false;
    if (has_other_number(message.rest, statement)) return false;
  }
  if (message.quoted.empty()) return true;
  if (statement.empty()) return while_reading;
  const auto names = names_in(statement);
  const std::string folded = lower(statement);
  return std::ranges::all_of(message.quoted, [&](const std::string& quoted) {
    if (all_known(quoted, names)) return true;
    return while_reading && folded.find(lower(quoted)) == std::string::npos;
  });
}

}  // namespace dbm::postgres
