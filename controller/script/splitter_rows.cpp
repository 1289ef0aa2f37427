/// COPY: which forms can stand in a script, and the rows that follow one.

#include "script/copy.h"
#include "script/splitter.h"

namespace dbm::script {

Result<> Splitter::check_settings() const {
  const bool candidate =
      summary_.first() == First::Set || (summary_.first() == First::Select && summary_.calls_unknown());
  if (!candidate || !turns_off_standard_strings(piece_.text)) return {};
  return source_invalid("NonStandardStrings",
                        "standard_conforming_strings must stay on: without it quotes mean something else",
                        piece_.at)
      .with_remedy("remove the setting and write E'…' where a backslash is to escape");
}

Result<> Splitter::check_copy() {
  const CopyForm copy = read_copy(piece_.text);
  if (copy.error.empty() && !copy.from_stdin) return {};
  if (!copy.error.empty())
    return source_invalid("CopyNotInline", copy.error, piece_.at).with_remedy(copy.remedy);
  piece_.rows_follow = true;
  copy_at_ = piece_.at;
  return begin_rows();
}

/// Rows begin on the line after the semicolon. What psql would run after the rows is refused.
Result<> Splitter::begin_rows() {
  std::uint64_t at = piece_.next;
  std::string_view rest;
  std::size_t line_end = std::string_view::npos;
  while (true) {
    const View& view = window_.view();
    rest = view.bytes(at, view.end);
    line_end = rest.find('\n');
    if (line_end != std::string_view::npos || view.last) break;
    if (const auto read = window_.more(piece_.begin); !read) return read.error();
  }
  if (line_end == std::string_view::npos)
    return source_invalid("Unterminated", "the rows of this COPY never end: \\. alone on a line is missing",
                          copy_at_);
  if (!is_blank_or_comment(rest.substr(0, line_end)))
    return source_invalid(
        "CopyNotInline",
        "the rows of a COPY begin on the line after it: only a comment may stand behind the semicolon",
        window_.locate(at));
  rows_at_ = rows_seen_ = at + line_end + 1;
  piece_.next = rows_at_;
  piece_.text = window_.view().bytes(piece_.begin, piece_.end);
  in_rows_ = true;
  return {};
}

Result<std::string_view> Splitter::rows() {
  while (in_rows_) {
    const View& view = window_.view();
    // A row longer than the blocks is not searched again from its beginning.
    const bool whole = view.last || view.bytes(rows_seen_, view.end).find('\n') != std::string_view::npos;
    const RowBlock block = whole ? find_rows(view.bytes(rows_at_, view.end), view.last) : RowBlock{};
    rows_seen_ = view.end;
    if (block.ends) {
      in_rows_ = false;
      if (normal_ != nullptr) normal_->end_rows();
      rows_at_ += block.size;
      lexer_.jump(rows_at_);
      clean_line_ = true;
      return std::string_view{};
    }
    if (block.size > 0) {
      const std::string_view rows = view.bytes(rows_at_, rows_at_ + block.size);
      if (normal_ != nullptr) normal_->rows(rows);
      rows_at_ += block.size;
      rows_seen_ = rows_at_;
      return rows;
    }
    if (view.last)
      return source_invalid("Unterminated", "the rows of this COPY never end: \\. alone on a line is missing",
                            copy_at_);
    if (view.end - rows_at_ > Window::kLongest)
      return source_invalid("StatementTooLong", "a row of this COPY is longer than 1 GiB", copy_at_);
    if (const auto read = window_.more(rows_at_); !read) return read.error();
  }
  return std::string_view{};
}

}  // namespace dbm::script
