#pragma once
/// What the proxy knows of PostgreSQL's wire protocol (manual, chapter "Frontend/Backend Protocol"), and of
/// sending late.

#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace dbm::test {

inline std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

/// Without blanks and semicolons around it, in capitals: how statements are compared.
inline std::string plain(std::string text) {
  const auto unwanted = [](unsigned char c) { return std::isspace(c) != 0 || c == ';' || c == '\0'; };
  while (!text.empty() && unwanted(static_cast<unsigned char>(text.back()))) text.pop_back();
  const auto first = std::find_if_not(text.begin(), text.end(), unwanted);
  text.erase(text.begin(), first);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// Takes the whole messages off the front of `pending`. Calls `each(type, body, whole)`; it says whether to
/// go on.
template <typename Each>
void take_messages(std::string& pending, Each each) {
  std::size_t at = 0;
  while (pending.size() - at >= 5) {
    const std::size_t length = 1 + std::size_t{number_at(pending, at + 1)};
    if (pending.size() - at < length) break;
    const std::string whole = pending.substr(at, length);
    at += length;
    if (!each(whole[0], whole.substr(5), whole)) break;
  }
  pending.erase(0, at);
}

/// One direction: what was read, when it may leave, what the kernel has not yet taken.
struct Pipe {
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::string>> waiting;
  std::string out;
  std::int64_t sent = 0;

  void push(std::string bytes, std::int64_t delay_us) {
    if (!bytes.empty())
      waiting.emplace_back(std::chrono::steady_clock::now() + std::chrono::microseconds{delay_us},
                           std::move(bytes));
  }
  void release() {
    while (!waiting.empty() && waiting.front().first <= std::chrono::steady_clock::now()) {
      out += waiting.front().second;
      waiting.pop_front();
    }
  }
  /// False when the other end is gone or the limit is reached.
  bool write_to(int socket, std::int64_t limit) {
    while (!out.empty()) {
      auto size = out.size();
      if (limit >= 0)
        size = std::min(size, static_cast<std::size_t>(std::max<std::int64_t>(0, limit - sent)));
      if (size == 0) return false;
      const auto written = ::send(socket, out.data(), size, MSG_NOSIGNAL);
      if (written < 0) return errno == EAGAIN || errno == EINTR;
      sent += written;
      out.erase(0, static_cast<std::size_t>(written));
    }
    return limit < 0 || sent < limit;
  }
  [[nodiscard]] bool idle() const { return waiting.empty() && out.empty(); }
};

}  // namespace dbm::test
