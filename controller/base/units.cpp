#include "base/units.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace dbm {
namespace {

Error invalid(std::string message) {
  return {ErrorKind::Terminal, "InvalidSpec", std::move(message), "InvalidValue"};
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array kTimeUnits{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array kByteUnits{Unit{"", 1},
                                Unit{"k", 1'000},
                                Unit{"M", 1'000'000},
                                Unit{"G", 1'000'000'000},
                                Unit{"T", 1'000'000'000'000},
                                Unit{"P", 1'000'000'000'000'000},
                                Unit{"E", 1'000'000'000'000'000'000},
                                Unit{"Ki", 1LL << 10},
                                Unit{"Mi", 1LL << 20},
                                Unit{"Gi", 1LL << 30},
                                Unit{"Ti", 1LL << 40},
                                Unit{"Pi", 1LL << 50},
                                Unit{"Ei", 1LL << 60}};
constexpr Milliseconds kLongest = std::chrono::hours{24 * 366};

/// Takes a whole number off the front of `text`.
bool take_number(std::string_view& text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || text.front() == '-') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

Result<Milliseconds> parse_duration(std::string_view text) {
  const auto refuse = [&] {
    return invalid("must be a duration such as 90s, 1h30m or 250ms, at most 8784h, not '" +
                   std::string(text.substr(0, 40)) + "'");
  };
  std::string_view rest = text;
  if (rest.empty()) return refuse();
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!rest.empty()) {
    std::int64_t number = 0;
    if (!take_number(rest, number)) return refuse();
    const auto name = rest.substr(0, rest.find_first_of("0123456789"));
    while (next_unit < kTimeUnits.size() && kTimeUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kTimeUnits.size() || number > kLongest.count() / kTimeUnits[next_unit].factor)
      return refuse();
    total += number * kTimeUnits[next_unit++].factor;
    rest.remove_prefix(name.size());
  }
  if (total > kLongest.count()) return refuse();
  return Milliseconds{total};
}

std::string format_duration(Milliseconds span) {
  std::int64_t rest = span.count();
  if (rest <= 0) return "0s";
  std::string text;
  for (const Unit& unit : kTimeUnits) {
    if (rest >= unit.factor) text += std::to_string(rest / unit.factor) + std::string(unit.name);
    rest %= unit.factor;
  }
  return text;
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const auto refuse = [&] {
    return invalid("must be a size such as 512Mi, 50Gi or 1000000, not '" + std::string(text.substr(0, 40)) +
                   "'");
  };
  std::string_view rest = text;
  std::int64_t whole = 0;
  std::int64_t fraction = 0;
  std::int64_t parts = 1;  // 10 to the number of decimals
  if (!take_number(rest, whole)) return refuse();
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t before = rest.size();
    if (!take_number(rest, fraction) || before - rest.size() > 3) return refuse();
    for (std::size_t i = rest.size(); i < before; ++i) parts *= 10;
  }
  for (const Unit& unit : kByteUnits) {
    if (unit.name != rest) continue;
    const auto most = std::numeric_limits<std::int64_t>::max();
    if (whole > (most - unit.factor) / unit.factor) return refuse();
    // "1.5Gi" is whole in bytes; "1.5" is not. Multiplied part by part, for the largest units would overflow.
    if (unit.factor % parts * fraction % parts != 0) return refuse();
    const std::int64_t added = unit.factor / parts * fraction + unit.factor % parts * fraction / parts;
    return static_cast<std::uint64_t>(whole * unit.factor + added);
  }
  return refuse();
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array names{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < names.size()) value /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= 10 ? "%.0f %s" : "%.1f %s", value, names[unit]);
  return text;
}

}  // namespace dbm
