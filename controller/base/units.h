#pragma once
/// Durations, sizes and shares as manifests and directives write them.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm {

using Milliseconds = std::chrono::milliseconds;

/// "1h30m", "250ms", "0s": numbers with `ms`, `s`, `m` or `h`, largest first.
/// Terminal/InvalidSpec/InvalidValue otherwise.
Result<Milliseconds> parse_duration(std::string_view text);
/// The shortest text parse_duration reads back as the same: "1h30m".
std::string format_duration(Milliseconds span);

/// A Kubernetes Quantity of bytes ("50Gi", "1.5Gi", "512M", "1024"): a whole number of bytes, not negative,
/// at most three decimals. Terminal/InvalidSpec/InvalidValue otherwise.
Result<std::uint64_t> parse_bytes(std::string_view text);
/// For people: "340 MiB".
std::string format_bytes(std::uint64_t bytes);

}  // namespace dbm
