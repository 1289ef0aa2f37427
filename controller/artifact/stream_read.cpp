#include <zstd.h>

#include <cstdlib>

#include "artifact/errors.h"
#include "artifact/frame.h"
#include "artifact/stream.h"
#include "base/digest.h"

namespace dbm::artifact {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;
/// 16 MiB. Level 3 uses 2 MiB; a foreign stream may not make us allocate more than this.
constexpr int kWindowLogMax = 24;

/// Fills `buffer` unless the object ends first; its size is then what there was.
Result<> read_fully(Download& download, std::string& buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const auto got = download.read({buffer.data() + size, buffer.size() - size});
    if (!got) return got.error();
    if (*got == 0) break;
    size += *got;
  }
  buffer.resize(size);
  return {};
}

}  // namespace

struct ArtifactReader::State {
  State(std::unique_ptr<Download> source, std::string object_name, const ArtifactFacts& facts,
        const Header& header, std::string data_key)
      : download(std::move(source)),
        object(std::move(object_name)),
        expected(facts),
        cipher(header, std::move(data_key)) {
    ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }

  Result<std::size_t> read(std::span<char> buffer);
  Result<> next_frame();
  Result<> refill();
  Result<> check_end();
  [[nodiscard]] Error damaged(const std::string& what) const { return corrupt(object, what); }

  std::unique_ptr<Download> download;
  std::string object;
  ArtifactFacts expected;
  FrameCipher cipher;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd{ZSTD_createDCtx(), &ZSTD_freeDCtx};
  StoredSums sums;
  Sha256 plain;
  std::uint64_t plain_bytes = 0, frames = 0;

  std::string raw;  ///< sealed bytes read ahead, from raw_at on
  std::size_t raw_at = 0;
  bool raw_ended = false, last_frame_opened = false, zstd_ended = false, finished = false;
  bool decoder_holds_more = false;
  std::string frame;  ///< the content of the frame in hand, from frame_at on
  std::size_t frame_at = 0;
  std::optional<Error> failure;
};

Result<> ArtifactReader::State::refill() {
  raw.erase(0, raw_at);
  raw_at = 0;
  const std::size_t kept = raw.size();
  raw.resize(kept + kReadBytes);
  const auto got = download->read({raw.data() + kept, kReadBytes});
  raw.resize(kept + (got ? *got : 0));
  if (!got) return got.error();
  raw_ended = *got == 0;
  sums.add(std::string_view(raw).substr(kept));
  if (sums.bytes() > expected.bytes)
    return damaged("is longer than the " + std::to_string(expected.bytes) + " bytes its manifest names");
  return {};
}

Result<> ArtifactReader::State::next_frame() {
  // One byte more than a frame has to be there before it is known not to be the last.
  while (!raw_ended && raw.size() - raw_at <= kSealedFrameBytes) {
    if (const auto filled = refill(); !filled) return filled.error();
  }
  const auto rest = std::string_view(raw).substr(raw_at);
  last_frame_opened = rest.size() <= kSealedFrameBytes;
  const auto sealed = rest.substr(0, kSealedFrameBytes);
  if (!cipher.open(sealed, last_frame_opened, frame)) {
    frame.clear();
    const bool cut = last_frame_opened && sums.bytes() < expected.bytes;
    return damaged(cut ? "is cut off: " + std::to_string(sums.bytes()) + " of " +
                             std::to_string(expected.bytes) + " bytes are there"
                       : "frame " + std::to_string(frames) + " is damaged, moved or of another artifact");
  }
  raw_at += sealed.size();
  frame_at = 0;
  ++frames;
  return {};
}

Result<std::size_t> ArtifactReader::State::read(std::span<char> buffer) {
  if (buffer.empty()) std::abort();
  for (;;) {
    if (finished) return std::size_t{0};
    if (frame_at == frame.size() && !decoder_holds_more) {
      if (last_frame_opened) {
        if (const auto sound = check_end(); !sound) return sound.error();
        finished = true;
        continue;
      }
      if (const auto opened = next_frame(); !opened) return opened.error();
    }
    if (zstd_ended && frame_at < frame.size())
      return damaged("has data after the end of its compressed stream");
    ZSTD_inBuffer in{frame.data(), frame.size(), frame_at};
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    const std::size_t left = ZSTD_decompressStream(zstd.get(), &out, &in);
    if (ZSTD_isError(left)) return damaged(std::string("does not decompress: ") + ZSTD_getErrorName(left));
    zstd_ended = left == 0;
    frame_at = in.pos;
    // A full output may leave a rest inside the decoder: that comes first, before the next frame or the end.
    decoder_holds_more = out.pos == out.size && !zstd_ended;
    if (out.pos == 0) continue;
    if (out.pos > expected.plain_bytes - plain_bytes)
      return damaged("unpacks to more than the " + std::to_string(expected.plain_bytes) +
                     " bytes its manifest names");
    plain.update({buffer.data(), out.pos});
    plain_bytes += out.pos;
    return out.pos;
  }
}

Result<> ArtifactReader::State::check_end() {
  if (!zstd_ended) return damaged("ends within its compressed stream");
  if (plain_bytes != expected.plain_bytes)
    return damaged("unpacks to " + std::to_string(plain_bytes) + " bytes, its manifest names " +
                   std::to_string(expected.plain_bytes));
  if (plain.finish_hex() != expected.plain_sha256)
    return damaged("its content has another SHA-256 than its manifest names");
  ArtifactFacts found;
  sums.finish(found);
  const std::string difference = stored_difference(found, expected);
  if (!difference.empty()) return damaged(difference);
  return {};
}

ArtifactReader::ArtifactReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArtifactReader::~ArtifactReader() = default;

Result<std::unique_ptr<ArtifactReader>> ArtifactReader::start(std::unique_ptr<Download> download,
                                                              std::string object,
                                                              const ArtifactFacts& expected,
                                                              const std::string& owner, const KeyRing& keys) {
  if (!expected.encrypted() && !keys.trusts_unencrypted())
    return corrupt(object, "is not encrypted, though everything in this store must be");
  std::string first(kHeaderBytes, '\0');
  if (const auto got = read_fully(*download, first); !got) return got.error();
  Header header;
  if (const std::string trouble = Header::decode(first, header); !trouble.empty())
    return corrupt(object, trouble);
  if (header.key_id != expected.key_id || to_hex(header.wrapped_key) != expected.wrapped_key)
    return corrupt(object,
                   "its key is not the one its manifest names: it is another artifact under this name");
  if (header.owner_tag != owner_tag_of(owner)) return corrupt(object, "belongs to another ledger");
  std::string data_key;
  if (expected.encrypted()) {
    const std::string* store_key = keys.find(expected.key_id);
    if (store_key == nullptr)
      return store_denied(object,
                          "is encrypted with key " + expected.key_id + ", which is none of this store's")
          .with_remedy("add that key to the store's Secret");
    data_key = unwrap_key(*store_key, header.wrapped_key);
    if (data_key.empty())
      return corrupt(object, "its data key cannot be unwrapped with key " + expected.key_id);
  }
  auto state =
      std::make_unique<State>(std::move(download), std::move(object), expected, header, std::move(data_key));
  state->sums.add(first);
  return std::unique_ptr<ArtifactReader>(new ArtifactReader(std::move(state)));
}

Result<std::size_t> ArtifactReader::read(std::span<char> buffer) {
  if (state_->failure) return *state_->failure;
  auto got = state_->read(buffer);
  if (!got) state_->failure = got.error();
  return got;
}

Result<std::string> read_owner_tag(Download& download) {
  std::string first(kHeaderBytes, '\0');
  if (const auto got = read_fully(download, first); !got) return got.error();
  Header header;
  return Header::decode(first, header).empty() ? header.owner_tag : std::string{};
}

}  // namespace dbm::artifact
