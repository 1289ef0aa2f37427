#include <algorithm>
#include <charconv>

#include "script/analysis.h"
#include "script/lexer.h"
#include "script/script.h"

namespace dbm::script {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view take_part(std::string_view& rest) {
  const std::size_t dot = std::min(rest.find('.'), rest.size());
  const std::string_view part = rest.substr(0, dot);
  rest.remove_prefix(std::min(dot + 1, rest.size()));
  return part;
}

std::string_view without_zeros(std::string_view digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? std::string_view{"0"} : digits.substr(first);
}

/// Compares digits without leading zeros as numbers of any length.
int compare_numbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

struct Comparison {
  std::string_view sign;
  int major = 0;
  int minor = -1;  ///< -1: not named.
};

/// Takes ">=14" or "<15.4" off the front; false when there is none.
bool take_comparison(std::string_view& rule, Comparison& comparison) {
  const auto skip = [&] {
    while (!rule.empty() && (is_blank(static_cast<unsigned char>(rule.front())) || rule.front() == ','))
      rule.remove_prefix(1);
  };
  const auto number = [&](int& value) {
    const auto [end, error] = std::from_chars(rule.data(), rule.data() + rule.size(), value);
    if (error != std::errc{} || value < 0 || value > 9999) return false;
    rule.remove_prefix(static_cast<std::size_t>(end - rule.data()));
    return true;
  };
  skip();
  for (const std::string_view sign : {">=", "<=", ">", "<", "="}) {
    if (!rule.starts_with(sign)) continue;
    comparison.sign = sign;
    rule.remove_prefix(sign.size());
    break;
  }
  if (comparison.sign.empty()) return false;
  while (!rule.empty() && rule.front() == ' ') rule.remove_prefix(1);
  if (!number(comparison.major)) return false;
  if (rule.starts_with('.')) {
    rule.remove_prefix(1);
    if (!number(comparison.minor)) return false;
  }
  skip();
  return true;
}

bool holds(const Comparison& wanted, int server_version_num) {
  // Without a minor part the major versions are compared: 15.4 is neither above nor below 15.
  const bool whole = wanted.minor >= 0;
  const int server = whole ? server_version_num : server_version_num / 10000;
  const int value = whole ? wanted.major * 10000 + wanted.minor : wanted.major;
  if (wanted.sign == ">=") return server >= value;
  if (wanted.sign == "<=") return server <= value;
  if (wanted.sign == ">") return server > value;
  if (wanted.sign == "<") return server < value;
  return server == value;
}

}  // namespace

Result<Version> parse_version(std::string_view id) {
  const auto refuse = [&] {
    return Error{ErrorKind::Terminal, "SourceInvalid",
                 "'" + std::string(id.substr(0, 60)) +
                     "' is no version: must be 1 to 18 digits, then parts such as .10",
                 "UnversionedFile"};
  };
  // One number, as nearly all are.
  if (!id.empty() && id.size() <= 18 && all_digits(id))
    return Version{std::string(id), std::string(without_zeros(id))};
  std::vector<std::string_view> parts;
  std::string_view rest = id;
  if (id.empty() || id.back() == '.' || id.size() > 200) return refuse();
  while (!rest.empty()) {
    parts.push_back(take_part(rest));
    if (!all_digits(parts.back()) || parts.back().size() > 18) return refuse();
  }
  while (parts.size() > 1 && without_zeros(parts.back()) == "0") parts.pop_back();
  Version version{std::string(id), {}};
  for (const std::string_view part : parts)
    version.key += (version.key.empty() ? "" : ".") + std::string(without_zeros(part));
  return version;
}

int compare_keys(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const int order = compare_numbers(without_zeros(take_part(a)), without_zeros(take_part(b)));
    if (order != 0) return order;
  }
  return a.empty() && b.empty() ? 0 : a.empty() ? -1 : 1;
}

bool is_server_rule(std::string_view rule) {
  if (rule.empty()) return false;
  while (!rule.empty()) {
    Comparison comparison;
    if (!take_comparison(rule, comparison)) return false;
  }
  return true;
}

bool server_matches(std::string_view rule, int server_version_num) {
  while (!rule.empty()) {
    Comparison comparison;
    if (!take_comparison(rule, comparison) || !holds(comparison, server_version_num)) return false;
  }
  return true;
}

}  // namespace dbm::script
