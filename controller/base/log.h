#pragma once
/// Logs, on standard error, one line an entry. Safe to call from any thread. Every line passes through
/// redact::scrub.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace dbm::log {

enum class Level { Debug, Info, Warning, Error };
enum class Format { Text, Json };

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

void configure(Level least, Format format);
void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) { write(Level::Debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::Info, message, fields); }
inline void warning(std::string_view message, Fields fields = {}) { write(Level::Warning, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::Error, message, fields); }

}  // namespace dbm::log
