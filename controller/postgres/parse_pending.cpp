#include <algorithm>
#include <set>

#include "postgres/preflight.h"
#include "postgres/script_position.h"
#include "postgres/sqlstate.h"
#include "script/statements.h"

namespace dbm::postgres {
namespace {

std::set<std::uint64_t> not_understood(const script::Analysis& analysis) {
  std::set<std::uint64_t> indexes;
  for (const auto& named : analysis.named)
    if (!named.what.syntax_error.empty()) indexes.insert(named.index);
  return indexes;
}

/// A Parse message alone: nothing runs. The server's report, if it has one.
Result<std::optional<ServerError>> parse(Session& session, const std::string& text, Deadline deadline,
                                         const std::stop_token& stop) {
  if (PQsendPrepare(session.raw(), "", text.c_str(), 0, nullptr) == 0) return session.lose();
  session.touch();
  std::optional<ServerError> report;
  while (true) {
    while (PQflush(session.raw()) > 0 || PQisBusy(session.raw()) != 0) {
      const bool writing = PQflush(session.raw()) > 0;
      if (auto ready = session.wait_for(writing, deadline, stop); !ready) {
        session.lose();  // its answer would be taken for another's
        return ready.error();
      }
      if (PQconsumeInput(session.raw()) == 0) return session.lose();
    }
    const ResultPtr result{PQgetResult(session.raw())};
    if (!result) return report;
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) report = read_error(result.get());
  }
}

/// 42601 of the analysis is about tables as they are now, which a pending script may change: only scanner and
/// grammar count.
bool is_grammar(const ServerError& report) {
  return report.sqlstate == "42601" && (report.source_file == "scan.l" || report.source_file == "gram.y" ||
                                        report.source_file == "scan.c" || report.source_file == "gram.c");
}

Result<> parse_script(Session& session, const migration::PendingScript& pending,
                      const std::set<std::uint64_t>& indexes, Deadline deadline,
                      const std::stop_token& stop) {
  auto reader = script::StatementReader::open(pending.script.forward, pending.analysis.wrapped);
  if (!reader) return reader.error();
  for (std::size_t left = indexes.size(); left > 0;) {
    const auto next = reader->next();
    if (!next) return next.error();
    if (*next == nullptr) return {};
    const script::Statement& statement = **next;
    for (bool more = statement.copy_from_stdin; more;) {
      const auto rows = reader->next_rows();
      if (!rows) return rows.error();
      more = !rows->empty();
    }
    if (!indexes.contains(statement.index)) continue;
    --left;
    const auto report = parse(session, std::string(statement.text), deadline, stop);
    if (!report) return report.error();
    if (!*report || !is_grammar(**report)) continue;
    Error error{ErrorKind::Terminal, "SourceInvalid", "syntax error, says the server", "SyntaxError",
                "42601"};
    error.at = position_in(statement.at, statement.text, (*report)->position);
    if (error.at.file.empty()) error.at.file = pending.script.forward.name;
    return error;
  }
  return {};
}

}  // namespace

Result<> parse_pending(Session& session, const migration::Plan& plan, Deadline deadline,
                       const std::stop_token& stop) {
  for (const auto& pending : plan.pending) {
    const auto indexes = not_understood(pending.analysis);
    if (indexes.empty()) continue;
    if (auto parsed = parse_script(session, pending, indexes, deadline, stop); !parsed) return parsed;
  }
  return {};
}

}  // namespace dbm::postgres
