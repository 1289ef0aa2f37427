#include "support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "support/wire.h"

namespace dbm::test {
namespace {

constexpr std::uint32_t kSslRequest = 80877103, kGssRequest = 80877104, kCancelRequest = 80877102;
constexpr std::size_t kBufferMax = 4U << 20;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void make_prompt(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
}

}  // namespace

struct TcpProxy::Link {
  int client = -1, server = -1;
  Pipe to_server, to_client;
  std::string from_client, from_server;  ///< incomplete messages
  bool started = false;                  ///< the start-up message has gone by
  bool raw = false;                      ///< a cancel request: no messages follow
  bool client_spoke = false;             ///< who spoke last
  bool cut = false;
  bool flush_then_cut = false;  ///< the message has to reach the server first
  bool client_ended = false, server_ended = false;
  int generation = 0;
  std::map<std::string, std::string> prepared, portals;

  ~Link() {
    if (client >= 0) ::close(client);
    if (server >= 0) ::close(server);
  }
};

TcpProxy::TcpProxy(int server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_loop(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  acceptor_.join();
  links_.clear();
  ::close(listener_);
}

void TcpProxy::accept_loop() {
  while (!stop_) {
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, 20) != 1) continue;
    auto link = std::make_shared<Link>();
    link->client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (link->client < 0 || refuse_) continue;
    link->server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(server_port_);
    if (::connect(link->server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    make_prompt(link->client);
    make_prompt(link->server);
    link->generation = cut_generation_;
    const std::lock_guard lock(mutex_);
    ++traffic_.connections;
    links_.emplace_back([this, link] { serve(link); });
  }
}

void TcpProxy::serve(const std::shared_ptr<Link>& shared) {
  Link& link = *shared;
  std::string buffer(65536, '\0');
  const auto read = [&](int socket, bool& ended) {
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size > 0) return buffer.substr(0, static_cast<std::size_t>(size));
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) ended = true;
    return std::string{};
  };
  while (!stop_ && !link.cut && link.generation == cut_generation_) {
    const bool open = !stalled_;
    pollfd ready[2] = {{link.client, 0, 0}, {link.server, 0, 0}};
    if (open && !link.client_ended && link.to_server.out.size() < kBufferMax) ready[0].events |= POLLIN;
    if (open && !link.server_ended && link.to_client.out.size() < kBufferMax) ready[1].events |= POLLIN;
    if (open && !link.to_client.out.empty()) ready[0].events |= POLLOUT;
    if (open && !link.to_server.out.empty()) ready[1].events |= POLLOUT;
    const bool delayed = !link.to_server.waiting.empty() || !link.to_client.waiting.empty();
    const timespec pause{0, delayed ? 50'000 : 10'000'000};
    ::ppoll(ready, 2, &pause, nullptr);
    if (!open || stalled_) continue;  // it may have begun while we waited
    if ((ready[0].events & POLLIN) != 0 && ready[0].revents != 0)
      from_client(link, read(link.client, link.client_ended));
    if ((ready[1].events & POLLIN) != 0 && ready[1].revents != 0)
      from_server(link, read(link.server, link.server_ended));
    link.to_server.release();
    link.to_client.release();
    if (!link.to_server.write_to(link.server, limit_to_server_) ||
        !link.to_client.write_to(link.client, limit_to_client_))
      break;
    if (link.flush_then_cut && link.to_server.idle()) break;
    if ((link.client_ended && link.to_server.idle()) || (link.server_ended && link.to_client.idle())) break;
  }
  // Closed at once, not when the last reference goes: the other side must see it now.
  ::shutdown(link.client, SHUT_RDWR);
  ::shutdown(link.server, SHUT_RDWR);
}

// Start-up messages have no type byte. Requests for encryption are answered here, with no.
void TcpProxy::startup(Link& link) {
  while (!link.started && link.from_client.size() >= 8) {
    const std::size_t length = number_at(link.from_client, 0);
    const auto code = number_at(link.from_client, 4);
    if (link.from_client.size() < length) return;
    if (code == kSslRequest || code == kGssRequest) {
      link.from_client.erase(0, length);
      link.to_client.push("N", delay_us_);
      continue;
    }
    link.started = true;
    link.raw = code == kCancelRequest;
    link.to_server.push(link.from_client.substr(0, length), delay_us_);
    link.from_client.erase(0, length);
  }
}

void TcpProxy::from_client(Link& link, const std::string& bytes) {
  if (bytes.empty()) return;
  if (!link.client_spoke) {
    const std::lock_guard lock(mutex_);
    ++traffic_.round_trips;
    link.client_spoke = true;
  }
  link.from_client += bytes;
  if (!link.started) startup(link);
  if (!link.started) return;
  std::string forward;
  if (link.raw) {
    forward.swap(link.from_client);
  } else {
    take_messages(link.from_client, [&](char type, const std::string& body, const std::string& whole) {
      const auto name_end = body.find('\0');
      if (type == 'Q') on_statement(link, body.c_str());
      if (type == 'P' && name_end != body.npos)
        link.prepared[body.substr(0, name_end)] = body.substr(name_end + 1).c_str();
      if (type == 'B' && name_end != body.npos) {
        link.portals[body.substr(0, name_end)] = link.prepared[body.substr(name_end + 1).c_str()];
      }
      if (type == 'E') on_statement(link, link.portals[body.c_str()]);
      if (link.cut) return false;
      count_message();
      forward += whole;
      // An extended query waits in the server's buffer for a Sync; nothing of the client comes after it.
      if (link.flush_then_cut && type == 'E') forward += std::string("S\0\0\0\x04", 5);
      return !link.flush_then_cut;
    });
  }
  link.to_server.push(std::move(forward), delay_us_);
}

void TcpProxy::count_message() {
  const std::lock_guard lock(mutex_);
  ++traffic_.messages;
}

void TcpProxy::on_statement(Link& link, const std::string& raw_text) {
  const auto text = plain(raw_text);
  {
    const std::lock_guard lock(mutex_);
    ++statements_[text];
  }
  if (strikes(text, Cut::BeforeSend)) link.cut = true;
  if (strikes(text, Cut::AfterSend)) link.flush_then_cut = true;
}

void TcpProxy::from_server(Link& link, std::string bytes) {
  if (bytes.empty()) return;
  link.client_spoke = false;
  if (!link.started || link.raw) {
    link.to_client.push(std::move(bytes), delay_us_);
    return;
  }
  link.from_server += bytes;
  std::string forward;
  take_messages(link.from_server, [&](char type, const std::string& body, const std::string& whole) {
    if (type == 'C' && strikes(plain(body), Cut::DropReply)) {
      link.cut = true;
      return false;
    }
    forward += rewritten(whole);
    return true;
  });
  link.to_client.push(std::move(forward), delay_us_);
  // What came before the lost reply has arrived, as it would have on a real network.
  if (link.cut) {
    link.to_client.release();
    link.to_client.write_to(link.client, -1);
  }
}

std::string TcpProxy::rewritten(std::string message) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [from, to] : rewrites_)
    for (auto at = message.find(from); at != message.npos; at = message.find(from, at + to.size()))
      message.replace(at, from.size(), to);
  return message;
}

void TcpProxy::rewrite(const std::string& from, const std::string& to) {
  if (from.empty() || from.size() != to.size()) throw std::runtime_error("a rewrite must keep the length");
  const std::lock_guard lock(mutex_);
  rewrites_.emplace_back(from, to);
}

bool TcpProxy::strikes(const std::string& text, Cut when) {
  const std::lock_guard lock(mutex_);
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan) {
    const bool matches = when == Cut::DropReply ? text.rfind(plan->text, 0) == 0 : text == plan->text;
    if (plan->when != when || !matches || --plan->nth > 0) continue;
    plans_.erase(plan);
    ++cuts_;
    return true;
  }
  return false;
}

void TcpProxy::cut_at(const std::string& text, Cut when, int nth) {
  const std::lock_guard lock(mutex_);
  plans_.push_back({plain(text), when, nth});
}

void TcpProxy::cut_after_bytes_to_server(std::int64_t bytes) { limit_to_server_ = bytes; }
void TcpProxy::cut_after_bytes_to_client(std::int64_t bytes) { limit_to_client_ = bytes; }
void TcpProxy::cut_all() { ++cut_generation_; }

int TcpProxy::count(const std::string& text) const {
  const std::lock_guard lock(mutex_);
  const auto found = statements_.find(plain(text));
  return found == statements_.end() ? 0 : found->second;
}

Traffic TcpProxy::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

void TcpProxy::reset_counts() {
  const std::lock_guard lock(mutex_);
  traffic_ = {};
  statements_.clear();
}

}  // namespace dbm::test
