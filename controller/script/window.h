#pragma once
/// The part of a text that is in memory: the statement at hand and the block it was read with. Internal to
/// the room.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "script/digest_aside.h"
#include "script/text.h"
#include "script/utf8.h"

namespace dbm::script {

/// Terminal/SourceInvalid with a word of docs/scripts.md#refusals as the cause.
Error source_invalid(std::string cause, std::string message, Position at);

/// Bytes [begin, end) of a text; offsets count from the text's first byte.
struct View {
  const char* data;
  std::uint64_t begin;
  std::uint64_t end;
  bool last;  ///< Nothing follows `end`.

  [[nodiscard]] const char* at(std::uint64_t offset) const { return data + (offset - begin); }
  [[nodiscard]] std::string_view bytes(std::uint64_t from, std::uint64_t to) const {
    return {at(from), to - from};
  }
};

/// Reads a text block by block, digests it, checks its encoding and counts its lines. Not thread-safe.
class Window {
 public:
  static constexpr std::size_t kBlock = 64 * 1024;
  /// What the server takes in one message; longer statements cannot be sent at all.
  static constexpr std::uint64_t kLongest = (1ULL << 30) - 1024;

  static Result<Window> open(const Text& text);

  /// Digests on another thread, for who has more to do with each block than to send it; before the first
  /// more().
  void digest_aside() { sha_.go_aside(); }

  [[nodiscard]] const View& view() const { return view_; }
  /// Reads on; bytes before `keep` may go. The view changes. Terminal/SourceInvalid/NotUtf8, or what the
  /// source says.
  Result<> more(std::uint64_t keep);
  /// Where an offset lies in the file. It must not lie before what an earlier call or `more` let go.
  Position locate(std::uint64_t offset) const;
  /// The same into `at`, and lines before it need not be counted again.
  void pass(std::uint64_t offset, Position& at);
  /// "sha256:…" of all bytes; once, after the last block.
  std::string checksum();

 private:
  /// Counts lines up to an offset. A CR counts when what follows it is no LF.
  struct Lines {
    std::uint64_t offset = 0;
    std::uint64_t line_begin = 0;
    int line = 1;
    bool after_cr = false;
  };

  Window(std::unique_ptr<ByteReader> reader, const Text& text, std::size_t capacity);
  void make_room(std::uint64_t keep);
  Result<> check(std::string_view block);
  void advance(Lines& lines, std::uint64_t to) const;
  std::pair<int, int> place(const Lines& lines) const;

  std::unique_ptr<ByteReader> reader_;
  std::string name_;
  std::uint64_t expected_;  ///< Size the source announced.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  View view_;
  Lines lines_;
  bool has_cr_ = false;
  Utf8Check utf8_;
  DigestAside sha_;
};

}  // namespace dbm::script
