#include "postgres/ask_check.h"

#include "postgres/ask_schema.h"
#include "postgres/pipeline.h"
#include "postgres/sql_words.h"
#include "postgres/sqlstate.h"
#include "postgres/statement_limits.h"

namespace dbm::postgres {
namespace {

using std::chrono::milliseconds;

const std::string kDeclare = "DECLARE dbm_check NO SCROLL CURSOR FOR\n";

/// Ends a wait at the deadline or when asked to stop.
class AskingPatience final : public Patience {
 public:
  explicit AskingPatience(const Asking& asking) : asking_(asking) {}
  [[nodiscard]] Deadline deadline() const override {
    return asking_.stop.stop_requested() ? Deadline::after(milliseconds{0}) : asking_.deadline;
  }
  [[nodiscard]] milliseconds first_look() const override { return kLook; }
  milliseconds look(milliseconds) override { return kLook; }

 private:
  static constexpr milliseconds kLook{100};
  const Asking& asking_;
};

bool is_query(const std::string& text) {
  const auto words = sql_words(text, 1);
  if (words.empty()) return false;
  for (const auto* word : {"select", "with", "values", "table", "("})
    if (words[0].is(word)) return true;
  return false;
}

std::string span(milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s"
                                  : std::to_string(time.count()) + " ms";
}

/// The server's refusal of the query, in words that hold no value.
Result<Answer> refused(const ServerError& error, const Asking& asking, std::string_view query) {
  if (asking.stop.stop_requested())
    return Error{ErrorKind::Cancelled, "Cancelled", "stopped as asked", "Stopping"};
  if (asking.deadline.passed())
    return Error{ErrorKind::Transient, "ProgressingWithRetry", "the checks took longer than they may",
                 "Timeout"};
  if (error.sqlstate == "57014") return Answer{false, "timed out after " + span(asking.timeout)};
  const Error translated = translate(error, "ValidationFailed", query);
  if (translated.kind != ErrorKind::Terminal && error.sqlstate != "25006") return translated;

  std::string words = translated.message;
  if (error.sqlstate == "42601" && error.source_file == "postgres.c")
    words = "it holds more than one statement (42601)";
  if (error.sqlstate == "0A000" && error.server_message.find("data-modifying") != std::string::npos)
    words = "it would write (0A000)";
  if (error.sqlstate == "25006") words = "it would write: " + words;
  const int at = error.position - static_cast<int>(kDeclare.size());
  return Answer{false, "cannot be asked: " + words + (at > 0 ? " at character " + std::to_string(at) : "")};
}

std::string violations(std::int64_t count) {
  if (count > kViolationsCounted) return "more than " + std::to_string(kViolationsCounted) + " violations";
  return std::to_string(count) + (count == 1 ? " violation" : " violations");
}

/// Declares a cursor, which takes nothing but one query that writes nothing, and moves over its rows: they
/// are counted where they are and never sent.
Result<Answer> ask_sql(const Asking& asking, const std::string& query) {
  if (!is_query(query)) return Answer{false, "cannot be asked: it must be one SELECT, WITH, VALUES or TABLE"};
  AskingPatience patience{asking};
  Pipeline pipeline{asking.session, patience};
  for (const std::string& sql :
       {kDeclare + query, "MOVE FORWARD " + std::to_string(kViolationsCounted + 1) + " IN dbm_check"})
    if (const auto sent = pipeline.send(sql, 0); !sent) return sent.error();
  if (const auto sent = pipeline.sync(); !sent) return sent.error();

  std::int64_t count = 0;
  std::optional<ServerError> error;
  while (pipeline.pending() > 0) {
    const auto reply = pipeline.next();
    if (!reply && reply.error().cause == "Timeout" && !pipeline.lost()) {
      // The deadline or a stop request: what runs was cancelled, its end is awaited.
      if (const auto closed = pipeline.close(); !closed) return closed.error();
      return refused({}, asking, query);
    }
    if (!reply) return reply.error();
    if (reply->kind == Reply::Kind::Failed) error = read_error(reply->result.get());
    if (reply->kind == Reply::Kind::Done) count = std::atoll(PQcmdTuples(reply->result.get()));
  }
  if (error) return refused(*error, asking, query);
  return Answer{count == 0, violations(count)};
}

Result<Answer> ask_kind(const Asking& asking, const migration::Check& check) {
  if (check.sql) return ask_sql(asking, check.sql->query);
  auto answer = check.table    ? ask_table(asking, *check.table)
                : check.column ? ask_column(asking, *check.column)
                               : ask_index(asking, *check.index);
  if (answer || answer.error().kind != ErrorKind::Terminal) return answer;
  if (answer.error().sqlstate == "57014") return Answer{false, "timed out after " + span(asking.timeout)};
  return Answer{false, "cannot be asked: " + answer.error().message};
}

}  // namespace

Result<Answer> ask_check(const Asking& asking, const migration::Check& check) {
  const std::vector<std::string> before{
      "SAVEPOINT dbm_check",
      "SET LOCAL statement_timeout = " + server_millis(std::max(milliseconds{1}, asking.timeout))};
  const std::vector<std::string> after{"ROLLBACK TO SAVEPOINT dbm_check", "RELEASE SAVEPOINT dbm_check"};
  const auto begun = asking.session.pipeline(before, asking.deadline, asking.stop);
  if (begun.error) return *begun.error;
  auto answer = ask_kind(asking, check);
  if (asking.session.lost()) return answer ? Result<Answer>{connection_lost()} : answer;
  const auto undone = asking.session.pipeline(after);
  if (undone.error) return *undone.error;
  return answer;
}

}  // namespace dbm::postgres
