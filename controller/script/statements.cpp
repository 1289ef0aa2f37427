#include "script/statements.h"

#include <utility>

#include "script/splitter.h"
#include "script/wrap.h"

namespace dbm::script {

struct StatementReader::State {
  Splitter splitter;
  bool unwrap;
  bool first = true;
  std::string carried_done_when;  ///< Of a BEGIN that was taken away.
  Statement statement;
  std::uint64_t next_index = 0;
};

Result<StatementReader> StatementReader::open(const Text& text, bool unwrap) {
  auto splitter = Splitter::open(text);
  if (!splitter) return splitter.error();
  return StatementReader(std::make_unique<State>(State{std::move(*splitter), unwrap}));
}

StatementReader::StatementReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StatementReader::StatementReader(StatementReader&&) noexcept = default;
StatementReader& StatementReader::operator=(StatementReader&&) noexcept = default;
StatementReader::~StatementReader() = default;

Result<const Statement*> StatementReader::next() {
  State& state = *state_;
  while (true) {
    auto piece = state.splitter.next();
    if (!piece) return piece.error();
    if (*piece == nullptr) return nullptr;
    const bool first = std::exchange(state.first, false);
    ScriptDirectives of_script;
    StatementDirectives own;
    // What stood before a BEGIN belongs to the statement behind it, judged as standing where it stands.
    const auto sorted = sort_directives((*piece)->directives, first, of_script, own);
    if (!sorted) return sorted.error();
    if (state.unwrap && wrap_of(state.splitter.summary()) != Wrap::None) {
      state.carried_done_when = own.done_when;
      continue;
    }
    if (own.done_when.empty()) own.done_when = std::exchange(state.carried_done_when, {});
    Statement& statement = state.statement;
    statement.text = (*piece)->text;
    statement.at = (*piece)->at;
    statement.index = state.next_index++;
    statement.copy_from_stdin = (*piece)->rows_follow;
    statement.directives = std::move(own);
    return &state.statement;
  }
}

Result<std::string_view> StatementReader::next_rows() { return state_->splitter.rows(); }

std::string StatementReader::checksum() const { return state_->splitter.checksum(); }

}  // namespace dbm::script
