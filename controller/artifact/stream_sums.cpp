#include <algorithm>
#include <optional>

#include "artifact/errors.h"
#include "artifact/stream.h"
#include "base/digest.h"

namespace dbm::artifact {

struct StoredSums::State {
  Sha256 whole, part;
  std::uint64_t bytes = 0, in_part = 0;
  std::vector<Part> parts;

  void end_part() {
    parts.push_back({in_part, part.finish_hex()});
    in_part = 0;
  }
};

StoredSums::StoredSums() : state_(std::make_unique<State>()) {}
StoredSums::~StoredSums() = default;

void StoredSums::add(std::string_view bytes) {
  state_->whole.update(bytes);
  state_->bytes += bytes.size();
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kPartBytes - state_->in_part);
    state_->part.update(piece);
    state_->in_part += piece.size();
    bytes.remove_prefix(piece.size());
    if (state_->in_part == kPartBytes) state_->end_part();
  }
}

void StoredSums::finish(ArtifactFacts& facts) {
  if (state_->in_part > 0) state_->end_part();
  facts.bytes = state_->bytes;
  facts.sha256 = state_->whole.finish_hex();
  facts.parts = std::move(state_->parts);
}

std::uint64_t StoredSums::bytes() const { return state_->bytes; }

std::string stored_difference(const ArtifactFacts& found, const ArtifactFacts& expected) {
  if (found.bytes != expected.bytes)
    return "has " + std::to_string(found.bytes) + " bytes, its manifest names " +
           std::to_string(expected.bytes);
  for (std::size_t i = 0; i < std::min(found.parts.size(), expected.parts.size()); ++i) {
    if (found.parts[i] == expected.parts[i]) continue;
    const std::uint64_t start = i * kPartBytes;
    return "part " + std::to_string(i + 1) + " of " + std::to_string(expected.parts.size()) + " (bytes " +
           std::to_string(start) + " to " + std::to_string(start + found.parts[i].bytes) +
           ") has another SHA-256 than its manifest names";
  }
  if (found.parts.size() != expected.parts.size())
    return "has another number of parts than its manifest names";
  if (found.sha256 != expected.sha256) return "has another SHA-256 than its manifest names";
  return {};
}

Result<> check_stored(Download& download, const std::string& object, const ArtifactFacts& expected) {
  StoredSums sums;
  std::vector<char> buffer(1 << 20);
  for (;;) {
    const auto got = download.read(buffer);
    if (!got) return got.error();
    if (*got == 0) break;
    sums.add({buffer.data(), *got});
    if (sums.bytes() > expected.bytes)
      return corrupt(object,
                     "is longer than the " + std::to_string(expected.bytes) + " bytes its manifest names");
  }
  ArtifactFacts found;
  sums.finish(found);
  const std::string difference = stored_difference(found, expected);
  if (!difference.empty()) return corrupt(object, difference);
  return {};
}

}  // namespace dbm::artifact
