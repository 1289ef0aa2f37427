#include "script/text.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace dbm::script {
namespace {

class MemoryReader final : public ByteReader {
 public:
  explicit MemoryReader(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t count = std::min(buffer.size(), bytes_->size() - at_);
    std::memcpy(buffer.data(), bytes_->data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::size_t at_ = 0;
};

/// The middle of another reading. What lies before it is read and dropped: a source need not be able to seek.
class PartReader final : public ByteReader {
 public:
  PartReader(std::unique_ptr<ByteReader> whole, std::uint64_t begin, std::uint64_t end)
      : whole_(std::move(whole)), skip_(begin), left_(end - begin) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    while (skip_ > 0) {
      std::array<char, 16384> dropped;
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, dropped.size()));
      const auto count = whole_->read({dropped.data(), want});
      if (!count) return count.error();
      if (*count == 0) return std::size_t{0};
      skip_ -= *count;
    }
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
    if (want == 0) return std::size_t{0};
    auto count = whole_->read(buffer.first(want));
    if (count) left_ -= *count;
    return count;
  }

 private:
  std::unique_ptr<ByteReader> whole_;
  std::uint64_t skip_;
  std::uint64_t left_;
};

}  // namespace

Text text_of(std::string name, std::string bytes) {
  auto shared = std::make_shared<const std::string>(std::move(bytes));
  Text text;
  text.name = std::move(name);
  text.size = shared->size();
  text.open = [shared]() -> Result<std::unique_ptr<ByteReader>> {
    return std::unique_ptr<ByteReader>(std::make_unique<MemoryReader>(shared));
  };
  return text;
}

Text part_of(const Text& whole, std::uint64_t begin, std::uint64_t end) {
  end = std::min(end, whole.size);
  begin = std::min(begin, end);
  Text part;
  part.name = whole.name;
  part.size = end - begin;
  part.lines_before = whole.lines_before;
  part.open = [open = whole.open, begin, end]() -> Result<std::unique_ptr<ByteReader>> {
    auto reader = open();
    if (!reader) return reader.error();
    return std::unique_ptr<ByteReader>(std::make_unique<PartReader>(std::move(*reader), begin, end));
  };
  return part;
}

}  // namespace dbm::script
