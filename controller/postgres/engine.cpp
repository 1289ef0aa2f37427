#include "postgres/engine.h"

#include "migration/plan.h"
#include "postgres/begin.h"
#include "postgres/checks.h"
#include "postgres/connect.h"
#include "postgres/inspect.h"
#include "postgres/look_sessions.h"
#include "postgres/preflight.h"
#include "postgres/resolve.h"
#include "postgres/restore.h"
#include "postgres/run.h"

namespace dbm::postgres {
namespace {

class PostgresEngine final : public migration::Engine {
 public:
  PostgresEngine() { forget_libpq_environment(); }

  [[nodiscard]] std::shared_ptr<void> keep_connections() override { return looks_.keep(); }

  Result<migration::Inspection> inspect(const migration::Target& target,
                                        const migration::InspectOptions& options, Deadline deadline,
                                        const std::stop_token& stop) override {
    return looks_.use(target, true, deadline, stop, [&](Session& session) {
      return postgres::inspect(session, target.ledger_schema, options, deadline, stop);
    });
  }

  Result<migration::Preflight> preflight(const migration::Target& target, const migration::Spec& spec,
                                         const migration::Plan& plan, Deadline deadline,
                                         const std::stop_token& stop) override {
    return looks_.use(target, true, deadline, stop, [&](Session& session) {
      return look_first(session, target, spec, plan, deadline, stop);
    });
  }

  Result<> parse_with_server(const migration::Target& target, const migration::Plan& plan, Deadline deadline,
                             const std::stop_token& stop) override {
    // Not kept: what is parsed is the user's.
    return looks_.use(target, false, deadline, stop,
                      [&](Session& session) { return parse_pending(session, plan, deadline, stop); });
  }

  Result<std::unique_ptr<migration::EngineRun>> begin_run(const migration::RunRequest& request,
                                                          Deadline deadline,
                                                          const std::stop_token& stop) override {
    auto holding = Holding::take(request, deadline, stop, &looks_);
    if (!holding) return holding.error();
    auto run = std::make_unique<PostgresRun>(std::move(*holding), looks_);
    const auto settled = run->settle(deadline, stop);
    if (!settled) return settled.error();
    return std::unique_ptr<migration::EngineRun>{std::move(run)};
  }

  Result<migration::ChecksStatus> validate(const migration::Target& target, const migration::Spec& spec,
                                           Deadline deadline, const std::stop_token& stop) override {
    return check_gate(migration::Gate::After, {.target = &target, .spec = &spec, .looks = &looks_}, deadline,
                      stop);
  }

  // Without settling first: what a person decides here is what could not be settled.
  Result<> resolve(const migration::RunRequest& request, const std::string& version,
                   migration::Resolution resolution, Deadline deadline,
                   const std::stop_token& stop) override {
    auto holding = Holding::take(request, deadline, stop);
    if (!holding) return holding.error();
    {
      const auto use = (*holding)->use_work();
      const auto resolved = resolve_version((*holding)->context(), version, resolution, deadline, stop);
      if (!resolved) return resolved;
    }
    return (*holding)->release();
  }

  Result<> restore(const migration::Target& target, const std::string& new_database, const std::string& facts,
                   const std::function<Result<std::size_t>(std::span<char>)>& read, Deadline deadline,
                   const std::stop_token& stop, const migration::ProgressSink& progress) override {
    return restore_database(target, new_database, facts, read, deadline, stop, progress);
  }

  Result<std::vector<std::string>> read_archive(
      int server_version_num, const std::function<Result<std::size_t>(std::span<char>)>& read,
      Deadline deadline, const std::stop_token& stop) override {
    return read_whole_archive(server_version_num, read, deadline, stop);
  }

 private:
  /// Nothing is set in them, so nothing need be read back, and a pooler of any mode will do.
  LookSessions looks_;
};

}  // namespace

std::unique_ptr<migration::Engine> make_engine() { return std::make_unique<PostgresEngine>(); }

}  // namespace dbm::postgres
