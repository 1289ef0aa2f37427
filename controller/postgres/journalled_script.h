#pragma once
/// One journalled script on its way: its row, its units one after the other, its end. Private to
/// journal*.cpp.

#include <optional>
#include <string>
#include <vector>

#include "postgres/execution.h"
#include "postgres/journal_units.h"
#include "postgres/probe.h"
#include "postgres/transaction.h"

namespace dbm::postgres {

/// A script's statements from any index on; opened again when it has to go back.
class StatementCursor {
 public:
  explicit StatementCursor(const migration::PendingScript& script) : script_(script) {}

  /// The statement at `index`; it lives until the next call.
  Result<const script::Statement*> at(std::uint64_t index) {
    if (!reader_ || next_ > index) {
      auto opened = script::StatementReader::open(script_.script.forward, script_.analysis.wrapped);
      if (!opened) return opened.error();
      reader_.emplace(std::move(*opened));
      next_ = 0;
    }
    while (true) {
      const auto next = reader_->next();
      if (!next) return next.error();
      if (*next == nullptr) return text_changed(file_of(script_));
      ++next_;
      if ((*next)->index == index) return *next;
      while ((*next)->copy_from_stdin) {
        const auto rows = reader_->next_rows();
        if (!rows) return rows.error();
        if (rows->empty()) break;
      }
    }
  }
  script::StatementReader& reader() { return *reader_; }

 private:
  const migration::PendingScript& script_;
  std::optional<script::StatementReader> reader_;
  std::uint64_t next_ = 0;
};

class JournalledScript {
 public:
  JournalledScript(Execution& execution, const migration::PendingScript& script)
      : execution_(execution), script_(script), cursor_(script) {}
  Result<migration::AppliedScript> run();

 private:
  const std::string& key() const { return script_.script.version.key; }
  std::string ledger() const { return quote_ident(run_.fence.schema); }
  /// The row, and in it what an earlier attempt has done; what that did must still stand in the script.
  Result<> open(const std::vector<JournalUnit>& units);
  /// The newest attempt that left statements in effect.
  std::string earlier() const;
  Result<> read_done(const std::vector<JournalUnit>& units);
  Error changed_before(std::uint64_t index, int in_effect) const;
  std::string take_up_sql(const HistoryRecord& record) const;
  /// Copies the done rows of the earlier attempt, so that this attempt's row tells the whole story.
  std::vector<std::string> carry_over() const;
  Result<> run_unit(const JournalUnit& unit);
  /// Again while only a lock did not come and `nothing_is_left` of the try.
  template <class F, class G>
  Result<> with_lock_schedule(F&& once, G&& nothing_is_left) {
    while (true) {
      auto done = once();
      if (done) execution_.schedule.reset();
      if (done || done.error().sqlstate != "55P03" || run_.work->lost() || !nothing_is_left()) return done;
      if (auto waited = wait_for_lock(execution_, script_); !waited) return waited;
    }
  }
  /// From here on the session is the spec's role, until the script says otherwise.
  Result<> assume_role();
  /// Whose session it is now: what the script has set holds between its statements.
  Result<> see_session();
  /// SETs that give a transaction back to whom the script has made itself.
  std::vector<std::string> back_to_script() const;
  std::string intend(std::uint64_t index, const std::string& hash, const Intent& intent) const;
  std::string outcome(std::uint64_t index, std::string_view what, std::int64_t rows) const;
  /// It leaves nothing in the database, so it may come before its journal row, and again when the script is
  /// continued.
  Result<> run_session(const JournalUnit& unit);
  /// Effect and journal rows in one transaction: no crash comes between them.
  Result<> run_transactional(const JournalUnit& unit);
  Result<> send_transactional(Transaction& transaction, const JournalUnit& unit);
  Result<> send_statement(Transaction& transaction, const JournalUnit& unit, std::uint64_t index);
  Result<> run_outside(const JournalUnit& unit);
  /// An index of that name which is there and another: IF NOT EXISTS would take it for what is wanted.
  Result<> refuse_another_index(const JournalUnit& unit, const Intent& intent);
  Result<> record_done(const JournalUnit& unit, std::int64_t rows);
  Result<> record_failed(const JournalUnit& unit, const Error& error);
  /// The statement alone in its message, outside a transaction, under the role.
  Result<> execute_outside(const script::Statement& statement, const JournalUnit& unit, std::int64_t& rows);
  static bool is_concurrent(script::ProbeKind probe);
  Result<> send_alone(const std::string& sql, const JournalUnit& unit, std::int64_t& rows);
  /// It failed: what did it leave? Only then may its row be closed.
  Result<> settle_failed(const JournalUnit& unit, const Intent& intent, const Error& error);
  bool committed_nothing(const JournalUnit& unit);
  Error own_doing(Error error, const JournalUnit& unit);
  static bool hides_what_it_does(const JournalUnit& unit);
  /// The row stays as it is: the next run looks again.
  Error open_row(const Error& error);
  Error located(Error error, std::uint64_t index, int character) const;
  Error after_error(const Error& error);
  Error close_failed(const Error& error);

  Execution& execution_;
  RunContext& run_ = execution_.run;
  const migration::PendingScript& script_;
  StatementCursor cursor_;
  std::uint64_t done_ = 0;  ///< statements in effect since an earlier attempt
  std::int64_t rows_ = 0;
  bool leave_open_ = false;
  std::int64_t transaction_before_ = 0;  ///< the backend's number of the one before a CALL or DO
  bool never_ran_ = false;  ///< the last statement that failed was refused before anything of it ran
  bool guarded_ = false;    ///< this unit may have done something to the ledger
  bool seen_ = false;       ///< `role_` and `authorization_` are what the session has
  std::string role_, authorization_;  ///< empty: none, the login
};

}  // namespace dbm::postgres
