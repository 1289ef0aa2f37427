#pragma once
/// Stands in front of a PostgreSQL server, knows enough of the wire protocol to count and to do harm at the
/// right place.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dbm::test {

/// Where a planned fault strikes, relative to the message it is about.
enum class Cut {
  BeforeSend,  ///< The server never sees it.
  AfterSend,   ///< The server gets it; we do not wait for what it answers.
  DropReply,   ///< The server has answered (so it is done); the answer is thrown away.
};

/// What has gone through since the proxy began or `reset_counts`.
struct Traffic {
  std::int64_t round_trips = 0;  ///< Times the client spoke after the server had.
  std::int64_t messages = 0;     ///< Protocol messages of the client.
  std::int64_t connections = 0;
};

/// Listens on a free port of 127.0.0.1. TLS is declined here, so that messages can be read. All calls from
/// any thread.
class TcpProxy {
 public:
  explicit TcpProxy(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }

  /// The `nth` time from now that the client sends `text` (a whole statement, any case; simple or extended
  /// protocol) the connection is cut. For DropReply `text` is the command tag's beginning: "COMMIT", "INSERT
  /// 0", "CREATE INDEX".
  void cut_at(const std::string& text, Cut when, int nth = 1);
  void drop_reply_to(const std::string& tag, int nth = 1) { cut_at(tag, Cut::DropReply, nth); }
  /// Cuts a connection once so many bytes have gone to the server (or from it).
  void cut_after_bytes_to_server(std::int64_t bytes);
  void cut_after_bytes_to_client(std::int64_t bytes);
  /// How often `cut_at` has struck.
  [[nodiscard]] int cuts() const { return cuts_; }

  void delay(std::chrono::microseconds each_way) { delay_us_ = each_way.count(); }
  void refuse(bool on) { refuse_ = on; }  ///< New connections are accepted and closed at once.
  void stall(bool on) { stalled_ = on; }  ///< A black hole: nothing goes through, nothing is closed.
  void cut_all();                         ///< Every connection there is now.

  /// From now on the server says `to` where it says `from`, in whatever it answers. Both of one length, or
  /// the messages would no longer be what they say they are.
  void rewrite(const std::string& from, const std::string& to);

  /// How often the client has sent `text` as a whole statement.
  [[nodiscard]] int count(const std::string& text) const;
  [[nodiscard]] Traffic traffic() const;
  void reset_counts();

 private:
  struct Link;
  void accept_loop();
  void serve(const std::shared_ptr<Link>& link);
  void from_client(Link& link, const std::string& bytes);
  void from_server(Link& link, std::string bytes);
  void startup(Link& link);
  void on_statement(Link& link, const std::string& raw_text);
  void count_message();
  [[nodiscard]] std::string rewritten(std::string message) const;
  [[nodiscard]] bool strikes(const std::string& text, Cut when);

  struct Plan {
    std::string text;
    Cut when;
    int nth;
  };

  int server_port_;
  int port_ = 0;
  int listener_ = -1;
  std::atomic<bool> stop_ = false, refuse_ = false, stalled_ = false;
  std::atomic<std::int64_t> delay_us_ = 0;
  std::atomic<std::int64_t> limit_to_server_ = -1, limit_to_client_ = -1;
  std::atomic<int> cuts_ = 0, cut_generation_ = 0;
  mutable std::mutex mutex_;  ///< for what follows
  Traffic traffic_;
  std::map<std::string, int> statements_;
  std::vector<Plan> plans_;
  std::vector<std::pair<std::string, std::string>> rewrites_;
  std::vector<std::jthread> links_;
  std::jthread acceptor_;
};

}  // namespace dbm::test
