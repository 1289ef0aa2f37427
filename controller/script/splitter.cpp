#include "script/splitter.h"

#include <algorithm>

namespace dbm::script {

Result<Splitter> Splitter::open(const Text& text, NormalForm* normal) {
  auto window = Window::open(text);
  if (!window) return window.error();
  Splitter splitter(std::move(*window), normal);
  // Who applies a script waits for the server anyway; the one who analyses it only reads and digests, twice.
  if (normal != nullptr && text.size >= DigestAside::kWorthIt) {
    splitter.window_.digest_aside();
    normal->digest_aside();
  }
  // One BOM at the start is no text.
  while (splitter.window_.view().end < 3 && !splitter.window_.view().last) {
    if (const auto read = splitter.window_.more(0); !read) return read.error();
  }
  const View& view = splitter.window_.view();
  if (view.end >= 3 && view.bytes(0, 3) == "\xef\xbb\xbf") splitter.lexer_.jump(3);
  return splitter;
}

Result<const Piece*> Splitter::next() {
  while (in_rows_) {
    if (const auto block = rows(); !block) return block.error();
  }
  open_ = hinted_ = false;
  piece_.rows_follow = false;
  piece_.directives.clear();
  summary_.reset();
  Token token;
  while (true) {
    const auto kind = scan(token);
    if (!kind) return kind.error();
    const auto step = take(token);
    if (!step) return step.error();
    if (*step == Step::Statement) return &piece_;
    if (*step == Step::End) return nullptr;
  }
}

Result<TokenKind> Splitter::scan(Token& token) {
  while (true) {
    const TokenKind kind = lexer_.next(window_.view(), token);
    if (kind != TokenKind::NeedMore) return kind;
    if (const auto read = read_on(); !read) return read.error();
  }
}

Result<> Splitter::read_on() {
  const std::uint64_t keep = open_ || hinted_ ? piece_.begin : lexer_.begin();
  if (window_.view().end - keep > Window::kLongest)
    return source_invalid("StatementTooLong",
                          "the statement that begins here is longer than 1 GiB, the most the server takes",
                          window_.locate(keep));
  return window_.more(keep);
}

Result<Splitter::Step> Splitter::take(const Token& token) {
  switch (token.kind) {
    case TokenKind::Blank:
      if (!open_ && !clean_line_) clean_line_ = bytes(token).find_first_of("\r\n") != std::string_view::npos;
      return Step::More;
    case TokenKind::LineComment:
    case TokenKind::BlockComment:
      return take_comment(token);
    case TokenKind::Semicolon:
      clean_line_ = false;
      if (!open_) return hinted_ = false, Step::More;
      if (parentheses_ == 0 && begins_ == 0) return finish(token.end);
      break;
    case TokenKind::Backslash:
      return take_psql_line(token);
    case TokenKind::End:
      return take_end(token);
    default:
      break;
  }
  if (const auto taken = take_significant(token); !taken) return taken.error();
  return Step::More;
}

Result<Splitter::Step> Splitter::take_comment(const Token& token) {
  const std::string_view text = bytes(token);
  if (token.kind == TokenKind::BlockComment) {
    clean_line_ = false;
    if (!text.starts_with("/*+")) return Step::More;
    // A hint must reach the server, so a statement begins with the hint before it.
    if (normal_ != nullptr) normal_->hint(text);
    if (!open_ && !hinted_) {
      hinted_ = true;
      piece_.begin = token.begin;
    }
    return Step::More;
  }
  const bool shown = comments_ != nullptr && own_line(token);
  if (shown && comments_->comment(text, token.begin, window_.locate(token.begin)))
    return open_ && parentheses_ == 0 && begins_ == 0 ? finish(token.end) : Step::More;
  auto directive = read_directive(text);
  if (!directive) return Step::More;
  directive->at = window_.locate(token.begin);
  if (open_) return misplaced(*directive, "stands inside a statement: it must stand before it");
  if (!clean_line_) return misplaced(*directive, "must stand on a line of its own, before its statement");
  if (normal_ != nullptr) normal_->directive(directive->word, directive->value);
  piece_.directives.push_back(std::move(*directive));
  return Step::More;
}

bool Splitter::own_line(const Token& token) const {
  if (!open_) return clean_line_;
  const std::string_view before = window_.view().bytes(piece_.begin, token.begin);
  const std::size_t last = before.find_last_not_of(" \t\f\v");
  return last != std::string_view::npos && (before[last] == '\n' || before[last] == '\r');
}

void Splitter::open_statement(std::uint64_t begin) {
  if (!hinted_) piece_.begin = begin;
  hinted_ = false;
  open_ = true;
  clean_line_ = false;
  parentheses_ = begins_ = 0;
  window_.pass(piece_.begin, piece_.at);
}

Result<> Splitter::take_significant(const Token& token) {
  const auto at = [&] { return window_.locate(token.begin); };
  if (!open_) open_statement(token.begin);
  const std::string_view text = bytes(token);
  switch (token.kind) {
    case TokenKind::Name:
      take_name(token, text);
      break;
    case TokenKind::Open:
      if (parentheses_++ == 0) outer_open_ = token.begin;
      break;
    case TokenKind::Close:
      parentheses_ -= parentheses_ > 0 ? 1 : 0;
      break;
    case TokenKind::Unterminated:
      return unterminated(token);
    case TokenKind::StrayBom:
      return source_invalid("StrayBom", "a byte order mark (U+FEFF) stands in the middle of the file", at())
          .with_remedy("remove it: it was left there when files were joined");
    case TokenKind::Template:
      return source_invalid("TemplateNotSql", "'{{' is no SQL: a template was not filled in", at())
          .with_remedy("give the rendered file");
    case TokenKind::Operator:
      if (text.size() >= 7 && at().column == 1 &&
          (text.starts_with("<<<<<<<") || text.starts_with("=======") || text.starts_with(">>>>>>>")))
        return source_invalid("MergeConflict", "a mark of an unresolved merge stands here", at())
            .with_remedy("resolve the merge and remove the marks");
      break;
    default:
      break;
  }
  summary_.add(token.kind, text);
  if (normal_ != nullptr) normal_->token(token, text);
  piece_.end = token.end;
  return {};
}

/// psql's rule for SQL-standard bodies: in CREATE FUNCTION and PROCEDURE, outside parentheses, BEGIN opens,
/// CASE inside opens too, END closes.
void Splitter::take_name(const Token& token, std::string_view text) {
  if (parentheses_ > 0 || !summary_.is_routine()) return;
  if (is_word(text, "begin") || (begins_ > 0 && is_word(text, "case"))) {
    if (begins_++ == 0) outer_begin_ = token.begin;
  } else if (begins_ > 0 && is_word(text, "end")) {
    --begins_;
  }
}

Result<Splitter::Step> Splitter::take_psql_line(const Token& token) {
  std::string_view line;
  while (true) {
    const View& view = window_.view();
    line = view.bytes(token.begin, view.end);
    const std::size_t end = line.find_first_of("\r\n");
    line = line.substr(0, end);
    if (end != std::string_view::npos || view.last) break;
    // The lexer stands behind the backslash; the line is kept from before it.
    const std::uint64_t keep = open_ || hinted_ ? piece_.begin : token.begin;
    if (const auto read = window_.more(keep); !read) return read.error();
  }
  const PsqlLine judged = judge_psql_line(line, open_);
  if (judged.verdict == PsqlLine::Verdict::Refuse)
    return source_invalid("PsqlCommand", judged.command + " " + judged.why, window_.locate(token.begin))
        .with_remedy(judged.remedy);
  lexer_.jump(token.begin + judged.size);
  clean_line_ = false;
  if (judged.verdict == PsqlLine::Verdict::Skip) return Step::More;
  if (parentheses_ > 0 || begins_ > 0)
    return source_invalid("PsqlCommand", "\\g stands inside parentheses or a body",
                          window_.locate(token.begin));
  return finish(token.begin + judged.size);
}

Result<Splitter::Step> Splitter::take_end(const Token& token) {
  if (!open_) return Step::End;
  if (parentheses_ > 0)
    return source_invalid("Unterminated", "the parenthesis that opens here is never closed",
                          window_.locate(outer_open_));
  if (begins_ > 0)
    return source_invalid("Unterminated", "the BEGIN that opens here has no END",
                          window_.locate(outer_begin_));
  return finish(token.end);
}

Error Splitter::unterminated(const Token& token) {
  const std::string_view text = bytes(token);
  const std::size_t mark = text.find_first_of("'\"$/");
  std::string what = "the quote that opens here is never closed";
  if (text[mark] == '"') what = "the quoted name that opens here is never closed";
  if (text[mark] == '/') what = "the comment that opens here is never closed";
  if (text[mark] == '$')
    what = "the text that opens here with " +
           std::string(text.substr(0, std::min<std::size_t>(text.find('$', 1) + 1, 60))) + " is never closed";
  return source_invalid("Unterminated", what, window_.locate(token.begin));
}

Result<Splitter::Step> Splitter::finish(std::uint64_t next) {
  if (normal_ != nullptr) normal_->end_statement();
  piece_.next = next;
  piece_.text = window_.view().bytes(piece_.begin, piece_.end);
  if (const auto checked = check_settings(); !checked) return checked.error();
  if (summary_.first() == First::Copy) {
    if (const auto checked = check_copy(); !checked) return checked.error();
  }
  return Step::Statement;
}

}  // namespace dbm::script
