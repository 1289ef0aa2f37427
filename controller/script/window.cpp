#include "script/window.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace dbm::script {

Error source_invalid(std::string cause, std::string message, Position at) {
  return Error{ErrorKind::Terminal, "SourceInvalid", std::move(message), std::move(cause), {}, std::move(at)};
}

Result<Window> Window::open(const Text& text) {
  auto reader = text.open();
  if (!reader) return reader.error();
  // Small files, which are most, get a buffer of their own size; one more byte, so that the end shows in one
  // read.
  const auto capacity = static_cast<std::size_t>(std::min<std::uint64_t>(text.size + 1, 2 * kBlock));
  return Window{std::move(*reader), text, capacity};
}

Window::Window(std::unique_ptr<ByteReader> reader, const Text& text, std::size_t capacity)
    : reader_(std::move(reader)),
      name_(text.name),
      expected_(text.size),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity)),
      capacity_(capacity),
      view_{buffer_.get(), 0, 0, false} {
  lines_.line += text.lines_before;
}

void Window::make_room(std::uint64_t keep) {
  const auto held = static_cast<std::size_t>(view_.end - keep);
  const auto dropped = static_cast<std::size_t>(keep - view_.begin);
  const std::size_t free = capacity_ - held - dropped;
  // At the announced end one byte is enough to see that it is the end.
  if (free >= kBlock || (free > 0 && (view_.end >= expected_ || view_.end == 0))) return;
  advance(lines_, std::max(keep, lines_.offset));
  if (capacity_ - held >= capacity_ / 2) {
    std::memmove(buffer_.get(), buffer_.get() + dropped, held);
  } else {
    const std::size_t larger = std::max(capacity_ * 2, 2 * kBlock);
    auto grown = std::make_unique_for_overwrite<char[]>(larger);
    std::memcpy(grown.get(), buffer_.get() + dropped, held);
    buffer_ = std::move(grown);
    capacity_ = larger;
  }
  view_.data = buffer_.get();
  view_.begin = keep;
}

Result<> Window::more(std::uint64_t keep) {
  if (view_.last) return {};
  make_room(keep);
  const auto used = static_cast<std::size_t>(view_.end - view_.begin);
  // Not more than a block at a time: reading ahead further would only cost memory.
  const std::size_t room = std::min(capacity_ - used, kBlock);
  const auto count = reader_->read({buffer_.get() + used, room});
  if (!count) return count.error();
  const std::string_view block(buffer_.get() + used, *count);
  view_.end += *count;
  if (block.empty()) view_.last = true;
  return check(block);
}

Result<> Window::check(std::string_view block) {
  sha_.update(block);
  has_cr_ = has_cr_ || std::memchr(block.data(), '\r', block.size()) != nullptr;
  const auto refuse = [&](std::uint64_t offset, std::string_view what) {
    const std::string byte = std::to_string(offset + 1);
    return source_invalid("NotUtf8",
                          "must be UTF-8 text without NUL: " + std::string(what) + " at byte " + byte,
                          locate(std::max(offset, lines_.offset)));
  };
  if (const auto bad = utf8_.add(block)) {
    const bool nul = *bad >= 0 && block[static_cast<std::size_t>(*bad)] == '\0';
    return refuse(view_.end - block.size() + static_cast<std::uint64_t>(*bad), nul ? "NUL" : "no UTF-8");
  }
  if (view_.last && utf8_.unfinished() > 0)
    return refuse(view_.end - static_cast<std::uint64_t>(utf8_.unfinished()), "half a character");
  return {};
}

void Window::advance(Lines& lines, std::uint64_t to) const {
  const char* const begin = view_.at(lines.offset);
  const char* const end = view_.at(to);
  const auto new_line = [&](const char* next) {
    ++lines.line;
    lines.line_begin = view_.begin + static_cast<std::uint64_t>(next - view_.data);
  };
  for (const char* p = begin; p < end;) {
    if (lines.after_cr) {
      if (*p != '\n') new_line(p);
      lines.after_cr = false;
    }
    if (!has_cr_) {
      const auto* lf = static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
      if (lf == nullptr) break;
      new_line(p = lf + 1);
    } else {
      if (*p == '\n') new_line(p + 1);
      lines.after_cr = *p == '\r';
      ++p;
    }
  }
  lines.offset = to;
}

std::pair<int, int> Window::place(const Lines& lines) const {
  // Right behind a lone CR a line has begun that is counted only with its first byte.
  if (lines.after_cr && lines.offset < view_.end && *view_.at(lines.offset) != '\n')
    return {lines.line + 1, 1};
  return {lines.line, static_cast<int>(lines.offset - lines.line_begin) + 1};
}

Position Window::locate(std::uint64_t offset) const {
  Lines lines = lines_;
  advance(lines, std::max(offset, lines.offset));
  const auto [line, column] = place(lines);
  return {name_, line, column};
}

void Window::pass(std::uint64_t offset, Position& at) {
  advance(lines_, std::max(offset, lines_.offset));
  // Once per statement: the name is not copied again.
  if (at.file.empty()) at.file = name_;
  std::tie(at.line, at.column) = place(lines_);
}

std::string Window::checksum() { return "sha256:" + sha_.finish_hex(); }

}  // namespace dbm::script
