#pragma once
/// Script text as a stream that can be read again and is never held whole.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace dbm::script {

/// One reading of a text, from its first byte. Not thread-safe.
class ByteReader {
 public:
  virtual ~ByteReader() = default;
  /// Fills some of `buffer`; 0 at the end. Errors are the source's (Waiting/WaitingForReference/NotFound, …).
  virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

/// A named byte string of a source: a file, a ConfigMap key, an inline entry. Copies share the same text.
struct Text {
  std::string
      name;  ///< As shown to people and given to a format: a path below the source, '/' between parts.
  std::uint64_t size = 0;  ///< Bytes.
  int lines_before =
      0;  ///< Lines of the same file before a part begins: positions count from the file's top.
  std::function<Result<std::unique_ptr<ByteReader>>()> open;  ///< May be called often, from any thread.
};

/// A text that lives in memory.
Text text_of(std::string name, std::string bytes);

/// The bytes [begin, end) of another text, for files that hold a forward and a rollback part. Whoever cuts
/// below the first line sets `lines_before`.
Text part_of(const Text& whole, std::uint64_t begin, std::uint64_t end);

}  // namespace dbm::script
