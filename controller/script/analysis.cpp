#include "script/analysis.h"

#include <algorithm>
#include <array>
#include <set>

#include "script/directives.h"
#include "script/lexer.h"
#include "script/normal_form.h"
#include "script/parse.h"
#include "script/splitter.h"
#include "script/tree_class.h"
#include "script/wrap.h"

namespace dbm::script {
namespace {

constexpr std::uint64_t kNamed = 1000;  ///< Statements kept one by one; and those whose syntax is looked at.
constexpr std::size_t kTextKept = 4096;
constexpr std::size_t kNoticesKept = 20;
constexpr std::uint64_t kChainBytes = 64 * 1024;
constexpr std::uint64_t kChainStatements = 64;

/// The table a CREATE TABLE makes, written as relation_name() writes it; empty when it may have been there
/// before.
std::string created_table(std::string_view text) {
  const View view{text.data(), 0, text.size(), true};
  Lexer lexer;
  std::string name;
  bool after_table = false;
  for (Token token; lexer.next(view, token) != TokenKind::End;) {
    if (token.kind == TokenKind::Blank || token.kind == TokenKind::LineComment ||
        token.kind == TokenKind::BlockComment)
      continue;
    const std::string_view word = view.bytes(token.begin, token.end);
    if (!after_table) {
      after_table = is_word(word, "table");
    } else if (token.kind == TokenKind::Name) {
      if (name.empty() && is_word(word, "if")) return {};
      if (!name.empty() && name.back() != '.') return name;
      name += quote_name(lower(word));
    } else if (token.kind == TokenKind::QuotedName) {
      name += word;
    } else if (word == "." && !name.empty()) {
      name += '.';
    } else {
      return name;
    }
  }
  return name;
}

/// One pass over one part of a script.
class Pass {
 public:
  /// `name_all`: keep every statement, for a script that runs statement by statement.
  /// `refused_inside`: the server has refused one of its statements in a transaction.
  Pass(const Text& text, bool has_way_back, bool name_all, bool refused_inside = false)
      : text_(text), has_way_back_(has_way_back), name_all_(name_all), refused_inside_(refused_inside) {}

  Result<Analysis> run() {
    auto splitter = Splitter::open(text_, &normal_);
    if (!splitter) return splitter.error();
    while (true) {
      const auto piece = splitter->next();
      if (!piece) return piece.error();
      if (*piece == nullptr) break;
      if (const auto taken = take(**piece, splitter->summary()); !taken) return taken.error();
    }
    result_.checksum = splitter->checksum();
    result_.normalised = normal_.checksum();
    if (const auto closed = close(splitter->trailing()); !closed) return closed.error();
    return std::move(result_);
  }

 private:
  Result<> take(const Piece& piece, const Summary& summary);
  Result<bool> take_wrap(const Piece& piece, const Summary& summary);
  Result<bool> take_block(const Piece& piece, Wrap wrap);
  const StatementClass& class_of(const Piece& piece, const Summary& summary);
  Result<> refuse(const Piece& piece, const StatementClass& what) const;
  void soften(StatementClass& what) const;
  void add(const Piece& piece, const StatementClass& what);
  void keep(const Piece& piece, const StatementClass& what);
  Result<> close(const std::vector<Directive>& trailing);
  Result<> settle_transaction();
  Result<> refuse_lost_settings() const;

  const Text& text_;
  bool has_way_back_;
  bool name_all_;
  bool refused_inside_;
  NormalForm normal_;
  Analysis result_;
  bool first_ = true;
  enum class Wrapped : unsigned char { No, Open, Closed } wrap_ = Wrapped::No;
  Position wrap_at_;
  bool in_block_ = false;  ///< between BEGIN and COMMIT of a script that runs statement by statement
  std::string outside_;    ///< The first statement that cannot be in a transaction, and where.
  Position outside_at_;
  bool quick_ = true;  ///< Nothing so far whose duration nobody knows, or that reaches outside.
  std::set<std::string> created_;
  std::array<std::optional<StatementClass>, 16> common_;
  StatementClass current_;
};

Error control(const Position& at, const std::string& message, std::string remedy) {
  return source_invalid("TransactionControl", message, at).with_remedy(std::move(remedy));
}

/// BEGIN and COMMIT around the whole file are taken away; anything else about transactions is refused. True:
/// the statement was such a wrap and needs nothing more.
Result<bool> Pass::take_wrap(const Piece& piece, const Summary& summary) {
  const Wrap wrap = wrap_of(summary);
  if (wrap != Wrap::Special && result_.directives.transaction == TransactionMode::None)
    return take_block(piece, wrap);
  if (wrap == Wrap::None && wrap_ != Wrapped::Closed) return false;
  if (wrap == Wrap::Special)
    return control(piece.at,
                   "a transaction with properties of its own cannot be kept: each script runs in one READ "
                   "COMMITTED transaction",
                   "write plain BEGIN and COMMIT around the whole file, or neither");
  if (wrap_ == Wrapped::Closed)
    return control(
        piece.at,
        wrap == Wrap::Begin ? "the file holds several transactions" : "the file goes on behind its COMMIT",
        "make each transaction a script of its own, or write `-- dbm:transaction none` on its first line");
  if (wrap == Wrap::Begin && wrap_ == Wrapped::No && result_.statements == 0) {
    wrap_ = Wrapped::Open;
    wrap_at_ = piece.at;
    return true;
  }
  if (wrap == Wrap::End && wrap_ == Wrapped::Open) {
    wrap_ = Wrapped::Closed;
    return true;
  }
  return control(
      piece.at,
      std::string(wrap == Wrap::Begin ? "BEGIN" : "COMMIT") + " inside a script: its transaction is ours",
      "remove it, or write BEGIN and COMMIT around the whole file");
}

/// In a script that runs statement by statement each BEGIN … COMMIT is one unit: a transaction of ours.
Result<bool> Pass::take_block(const Piece& piece, Wrap wrap) {
  if (wrap == Wrap::None) return false;
  const bool begins = wrap == Wrap::Begin;
  if (begins == in_block_)
    return control(piece.at, begins ? "BEGIN inside of BEGIN … COMMIT" : "COMMIT without a BEGIN before it",
                   "write each block as BEGIN … COMMIT");
  in_block_ = begins;
  wrap_at_ = piece.at;
  StatementClass what;
  what.kind = begins ? "BEGIN" : "COMMIT";
  keep(piece, what);
  ++result_.statements;
  return true;
}

const StatementClass& Pass::class_of(const Piece& piece, const Summary& summary) {
  const bool looked_at = result_.statements < kNamed;
  // What was made in this script holds nothing yet; to see whether a change is to such a table takes the
  // tree.
  const bool to_own = looked_at && !created_.empty() &&
                      (summary.first() == First::Update || summary.first() == First::Delete);
  if (!keywords_suffice(summary) || to_own) {
    current_ = classify_by_tree(piece.text);
    soften(current_);
  } else {
    auto& common = common_[static_cast<std::size_t>(summary.first())];
    if (!common) common = class_of_keywords(summary).what;
    if (!looked_at) return *common;
    current_ = *common;
    check_syntax(piece.text, current_);
  }
  if (looked_at && (current_.kind == "CREATE TABLE" || current_.kind == "CREATE TABLE AS")) {
    std::string table = created_table(piece.text);
    if (!table.empty()) created_.insert(std::move(table));
  }
  return current_;
}

/// A table made in this script is empty and nobody else's: no lock on it blocks anybody, nothing in it can be
/// lost.
void Pass::soften(StatementClass& what) const {
  const bool own = what.relation.empty()
                       ? what.writes_rows && !what.touches.empty() &&
                             std::all_of(what.touches.begin(), what.touches.end(),
                                         [&](const auto& table) { return created_.contains(table); })
                       : created_.contains(what.relation);
  if (!own || what.scope != Scope::Transaction || what.opaque) return;
  what.effects &= ~static_cast<unsigned>(kBlocking | kBreaking | kDataLoss);
  if (what.lock == LockClass::ScanOrRewrite || what.lock == LockClass::ShareUpdateExclusive)
    what.lock = LockClass::Brief;
}

/// What the text leaves open about a statement, once it is known that one of them cannot be in a transaction.
StatementClass outside_if_unsure(StatementClass what) {
  const bool partitioned = what.kind == "REINDEX" || what.kind == "CLUSTER";
  if (what.scope != Scope::Transaction || (!partitioned && what.syntax_error.empty())) return what;
  what.scope = Scope::OutsideOnly;
  what.probe = partitioned ? ProbeKind::Repeatable : ProbeKind::Unknown;
  return what;
}

Result<> Pass::refuse(const Piece& piece, const StatementClass& what) const {
  if (what.scope == Scope::TransactionControl)
    return control(piece.at, what.kind + " would end or unlock the transaction that keeps this script safe",
                   "remove it");
  if (what.probe == ProbeKind::CreateIndexConcurrently && what.object.empty())
    return source_invalid("MissingName",
                          "CREATE INDEX CONCURRENTLY must name its index: after a crash an unnamed one "
                          "cannot be found again",
                          piece.at)
        .with_remedy("write CREATE INDEX CONCURRENTLY name ON …");
  return {};
}

Result<> Pass::take(const Piece& piece, const Summary& summary) {
  StatementDirectives own;
  if (!piece.directives.empty()) {
    const auto sorted = sort_directives(piece.directives, first_, result_.directives, own);
    if (!sorted) return sorted.error();
  }
  first_ = false;
  const auto wrap = take_wrap(piece, summary);
  if (!wrap) return wrap.error();
  if (*wrap) return {};
  const StatementClass& text_says = class_of(piece, summary);
  const StatementClass& what = refused_inside_ ? current_ = outside_if_unsure(text_says) : text_says;
  if (const auto refused = refuse(piece, what); !refused) return refused.error();
  if (in_block_ && what.scope == Scope::OutsideOnly)
    return control(piece.at, what.kind + " cannot run between BEGIN and COMMIT", "move it out of the block");
  add(piece, what);
  ++result_.statements;
  return {};
}

void Pass::add(const Piece& piece, const StatementClass& what) {
  result_.has_copy = result_.has_copy || piece.rows_follow;
  result_.changes_session = result_.changes_session || what.changes_session || what.opaque;
  result_.may_lose_objects = result_.may_lose_objects || what.may_lose_objects;
  result_.brief_locks =
      result_.brief_locks && (what.lock == LockClass::None || what.lock == LockClass::Brief);
  result_.rehearsable_locks =
      result_.rehearsable_locks && (what.lock == LockClass::None || what.lock == LockClass::Brief ||
                                    what.lock == LockClass::ShareUpdateExclusive);
  result_.counts_rows = result_.counts_rows || what.writes_rows || what.opaque || piece.rows_follow ||
                        !what.syntax_error.empty() || what.kind.starts_with("SELECT") ||
                        what.kind == "CREATE TABLE AS";
  result_.lock = heavier(result_.lock, what.lock);
  result_.effects |= what.effects;
  const bool changes_rows = what.writes_rows && (what.effects & kBlocking) != 0;
  if (changes_rows && !has_way_back_) result_.effects |= kIrreversible;
  quick_ = quick_ && !changes_rows && !what.needs_reply && (what.effects & (kUnknown | kExternal)) == 0 &&
           what.kind != "NOTIFY";
  if (what.scope == Scope::OutsideOnly && outside_.empty()) {
    outside_ = what.kind;
    outside_at_ = piece.at;
  }
  if (!what.syntax_error.empty() && result_.notices.size() < kNoticesKept)
    result_.notices.push_back(
        to_string(piece.at) +
        // The parser's own words repeat what stands there, literals too.
        ": DBM717: the grammar of PostgreSQL 15 does not read this statement: the server "
        "decides");
  const bool plain = what.lock <= LockClass::Brief && what.syntax_error.empty() && !what.opaque &&
                     !what.may_lose_objects && what.scope == Scope::Transaction &&
                     (what.writes_rows || what.effects == kNoEffect);
  if (!plain || name_all_) keep(piece, what);
}

void Pass::keep(const Piece& piece, const StatementClass& what) {
  if (result_.named.size() >= kNamed && !name_all_) return;
  // A journalled script keeps them all, but not the texts of more than a person would read.
  const std::size_t size = result_.named.size() < kNamed ? std::min(piece.text.size(), kTextKept) : 0;
  result_.named.push_back({result_.statements, piece.at, what, std::string(piece.text.substr(0, size))});
}

/// Whether a statement sets, in words that are there to be read, what outlasts its transaction.
bool sets_beyond(std::string_view text) {
  const std::string words = lower(text);
  for (const char* what : {"set search_path", "set role", "set session"})
    if (words.find(what) != std::string::npos) return true;
  for (auto at = words.find("set_config"); at != std::string::npos; at = words.find("set_config", at + 1)) {
    const auto end = words.find(')', at);
    const auto last = words.find_last_not_of(" \t\n", end == std::string::npos ? end : end - 1);
    if (last == std::string::npos || last < 3 || words.compare(last - 3, 4, "true") != 0) return true;
  }
  return false;
}

/// A script that goes on after a crash or a mended statement repeats its SETs. What a block, set_config or DO
/// has set would be lost, and the rest would run in another schema or as somebody else.
Result<> Pass::refuse_lost_settings() const {
  bool in_block = false;
  for (const NamedStatement& statement : result_.named) {
    const StatementClass& what = statement.what;
    if (what.kind == "BEGIN" || what.kind == "COMMIT") in_block = what.kind == "BEGIN";
    const bool set = what.kind.starts_with("SET") || what.kind.starts_with("RESET");
    const bool lost = set ? in_block && what.changes_session
                          : (what.changes_session || what.opaque) && sets_beyond(statement.text);
    if (lost)
      return control(statement.at,
                     what.kind +
                         " sets something for the session, which is lost when the script goes on "
                         "after a crash",
                     "write SET as a statement of its own outside of BEGIN … COMMIT, or SET LOCAL in it");
  }
  return {};
}

/// Where the script runs, once all of it is known.
Result<> Pass::settle_transaction() {
  const TransactionMode mode = result_.directives.transaction;
  result_.in_transaction = mode != TransactionMode::None && outside_.empty();
  if (mode == TransactionMode::Script && !outside_.empty())
    return control(outside_at_,
                   outside_ + " cannot run in a transaction, which dbm:transaction script asks for",
                   "move it into a script of its own, or remove the directive");
  if (!result_.in_transaction)
    if (const auto kept = refuse_lost_settings(); !kept) return kept;
  if (wrap_ == Wrapped::Open || in_block_)
    return control(wrap_at_, "the BEGIN here has no COMMIT", "remove it, or end the file with COMMIT");
  result_.wrapped = wrap_ == Wrapped::Closed;
  if (result_.wrapped && !outside_.empty())
    return control(outside_at_, outside_ + " cannot run between BEGIN and COMMIT",
                   "move it into a script of its own");
  if (result_.wrapped)
    result_.notices.push_back(
        text_.name +
        ": the BEGIN … COMMIT around the whole file is left out: the script runs in one transaction anyway");
  return {};
}

Result<> Pass::close(const std::vector<Directive>& trailing) {
  if (!trailing.empty() && !first_)
    return misplaced(trailing.front(), "stands behind the last statement, where it does nothing");
  StatementDirectives nobodys;
  if (const auto sorted = sort_directives(trailing, true, result_.directives, nobodys); !sorted)
    return sorted.error();
  if (!nobodys.done_when.empty()) return misplaced(trailing.front(), "stands before no statement");
  if (!result_.directives.irreversible.empty()) result_.effects |= kIrreversible;
  if (result_.statements == 0)
    result_.notices.push_back(text_.name + ": DBM709: there is nothing to run in it");
  if (const auto settled = settle_transaction(); !settled) return settled;
  result_.chainable = result_.in_transaction && text_.size <= kChainBytes &&
                      result_.statements <= kChainStatements && quick_ && result_.brief_locks &&
                      !result_.has_copy && !result_.changes_session && !result_.may_lose_objects;
  return {};
}

}  // namespace

Result<Analysis> analyse(const Script& script) {
  const bool has_way_back = script.rollback.has_value();
  auto analysis = Pass(script.forward, has_way_back, false).run();
  // Only at its end is it known that a script runs statement by statement: then all its statements are
  // wanted.
  if (analysis && !analysis->in_transaction && analysis->named.size() < analysis->statements)
    return Pass(script.forward, has_way_back, true).run();
  return analysis;
}

Result<Analysis> analyse_refused_inside(const Script& script) {
  return Pass(script.forward, script.rollback.has_value(), true, true).run();
}

}  // namespace dbm::script
