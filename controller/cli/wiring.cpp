#include "cli/wiring.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "base/log.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "local/objects.h"
#include "postgres/client_tools.h"
#include "postgres/engine.h"
#include "source/sources.h"

namespace dbm::cli {
namespace {

/// Turns SIGINT and SIGTERM into a stop request. Signals are blocked before the first thread starts, so that
/// every thread inherits the mask and only the one here takes them.
class SignalWatch {
 public:
  SignalWatch() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::sigaddset(&signals_, SIGHUP);
    ::sigaddset(&signals_, wake());
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::jthread([this](const std::stop_token& ending) { watch(ending); });
  }
  ~SignalWatch() {
    thread_.request_stop();
    ::pthread_kill(thread_.native_handle(), wake());
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  /// Nobody else's: ends the wait at once, when all is done.
  static int wake() { return SIGRTMIN; }

  void watch(const std::stop_token& ending) {
    while (!ending.stop_requested()) {
      const int signal = ::sigwaitinfo(&signals_, nullptr);
      if (signal <= 0 || signal == wake()) continue;
      if (source_.stop_requested()) ::_exit(128 + signal);
      constexpr std::string_view said =
          "\ndbm: stopping at the next safe point; once more stops at once (the next start settles it)\n";
      if (::write(STDERR_FILENO, said.data(), said.size()) < 0) ::_exit(128 + signal);
      source_.request_stop();
    }
  }

  sigset_t signals_{};
  std::stop_source source_;
  std::jthread thread_;
};

std::string holder_name() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "/" + std::to_string(::getpid());
}

void log_event(const kubernetes::Object& object, const kubernetes::Event& event) {
  // What stalled is the command's last line and need not be said twice; what it waits for is not said again.
  const auto level = event.reason == "LockTimeout" ? log::Level::Warning : log::Level::Info;
  log::write(level, event.note,
             {{"event", event.reason}, {"object", object.key.namespace_ + "/" + object.key.name}});
}

/// On a terminal the progress of the run may stand in the line; it is painted anew below.
void announce(const std::string& line) {
  std::fprintf(stderr, "%s%s\n", ::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "", line.c_str());
}

}  // namespace

struct Wiring::Parts {
  SignalWatch signals;
  std::unique_ptr<local::LocalObjects> objects;
  std::unique_ptr<migration::Engine> engine;
  std::unique_ptr<migration::Sources> sources;
  migration::Surroundings surroundings;
};

Wiring::Wiring(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Wiring::~Wiring() = default;

Result<std::unique_ptr<Wiring>> Wiring::make(const Options& options, Need need) {
  auto engine = postgres::make_engine();  // before there is a second thread
  auto parts = std::make_unique<Parts>();
  parts->engine = std::move(engine);

  const auto configuration = read_configuration(options);
  if (!configuration) return configuration.error();
  postgres::set_client_pattern(configuration->pg_binaries);
  log::configure(configuration->log_level, configuration->log_format);

  auto secrets = local::parse_secret_flags(options.secrets);
  if (!secrets) return secrets.error();
  auto objects = local::LocalObjects::load({.paths = options.files,
                                            .status_dir = options.status_dir,
                                            .secrets = std::move(*secrets),
                                            .on_event = log_event});
  if (!objects) return objects.error();
  parts->objects = std::move(*objects);
  parts->sources = source::make_sources(*parts->objects, {.manifest_root = configuration->source_root});

  migration::Surroundings& around = parts->surroundings;
  around.objects = parts->objects.get();
  around.engine = parts->engine.get();
  around.sources = parts->sources.get();
  around.allow_superuser = configuration->allow_superuser;
  around.allowed_hosts = configuration->allowed_hosts;
  around.take_over = options.take_over;
  around.holder = holder_name();
  if (need == Need::Everything) {
    auto opened = open_stores(*configuration, *parts->objects, announce);
    if (!opened) return opened.error();
    around.stores = std::move(opened->stores);
    around.stores_on_demand = std::move(opened->on_demand);
  }
  return std::unique_ptr<Wiring>(new Wiring(std::move(parts)));
}

Result<std::vector<kubernetes::Object>> Wiring::migrations() {
  auto found = parts_->objects->list("DatabaseMigration", Deadline::never(), stop());
  if (!found) return found.error();
  if (found->empty())
    return Error{ErrorKind::Terminal, "InvalidSpec", "-f names no DatabaseMigration", "NotFound"};
  return found;
}

migration::Surroundings& Wiring::surroundings() { return parts_->surroundings; }
kubernetes::Objects& Wiring::objects() { return *parts_->objects; }
std::stop_token Wiring::stop() const { return parts_->signals.token(); }

}  // namespace dbm::cli
