#include <openssl/crypto.h>
#include <zstd.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "artifact/errors.h"
#include "artifact/frame.h"
#include "artifact/stream.h"
#include "base/digest.h"

namespace dbm::artifact {
namespace {

constexpr std::size_t kBlockBytes = 256 << 10;
constexpr std::size_t kBlocksAhead = 4;

/// Blocks between the producer's thread and the pipe's, at most kBlocksAhead of them.
class BlockQueue {
 public:
  /// Waits for room. False once the reading side gave up.
  bool push(std::string& block) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return blocks_.size() < kBlocksAhead || abandoned_; });
    if (abandoned_) return false;
    blocks_.push_back(std::move(block));
    block = std::move(spare_);
    block.clear();
    changed_.notify_all();
    return true;
  }
  /// Waits for a block. False at the end.
  bool pop(std::string& block) {
    std::unique_lock lock{mutex_};
    spare_ = std::move(block);
    changed_.wait(lock, [&] { return !blocks_.empty() || closed_ || abandoned_; });
    if (blocks_.empty() || abandoned_) return false;
    block = std::move(blocks_.front());
    blocks_.pop_front();
    changed_.notify_all();
    return true;
  }
  void close() {
    const std::scoped_lock lock{mutex_};
    closed_ = true;
    changed_.notify_all();
  }
  void abandon() {
    const std::scoped_lock lock{mutex_};
    abandoned_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> blocks_;
  std::string spare_;  ///< an emptied block, so that none is allocated anew
  bool closed_ = false, abandoned_ = false;
};

/// Compress, seal, hash, store. One thread at a time.
class Pipe {
 public:
  Pipe(std::unique_ptr<Upload> upload, const Header& header, std::string data_key)
      : upload_(std::move(upload)),
        cipher_(header, std::move(data_key)),
        compressed_(ZSTD_CStreamOutSize(), '\0') {
    ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_compressionLevel, kCompressionLevel);
    ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_checksumFlag, 1);
    frame_.reserve(kFrameBytes);
    sealed_.reserve(kSealedFrameBytes);
  }

  Result<> store(std::string_view bytes) {
    sums_.add(bytes);
    return upload_->append(bytes);
  }

  Result<> compress(std::string_view plain, ZSTD_EndDirective how) {
    ZSTD_inBuffer in{plain.data(), plain.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{compressed_.data(), compressed_.size(), 0};
      const std::size_t left = ZSTD_compressStream2(zstd_.get(), &out, &in, how);
      if (ZSTD_isError(left)) std::abort();  // lack of memory or a misuse
      if (const auto framed = fill_frames({compressed_.data(), out.pos}); !framed) return framed.error();
      if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }

  Result<ArtifactFacts> finish() {
    if (const auto ended = compress({}, ZSTD_e_end); !ended) return ended.error();
    if (const auto sealed = seal(true); !sealed) return sealed.error();
    ArtifactFacts facts;
    sums_.finish(facts);
    if (const auto durable = upload_->commit(); !durable) return durable.error();
    return facts;
  }

 private:
  /// A full frame is held back until something follows it: only then is it known not to be the last.
  Result<> fill_frames(std::string_view bytes) {
    while (!bytes.empty()) {
      if (frame_.size() == kFrameBytes) {
        if (const auto sealed = seal(false); !sealed) return sealed.error();
      }
      const auto piece = bytes.substr(0, kFrameBytes - frame_.size());
      frame_.append(piece);
      bytes.remove_prefix(piece.size());
    }
    return {};
  }

  Result<> seal(bool last) {
    sealed_.clear();
    if (!cipher_.seal(frame_, last, sealed_))
      return backup_failed("DatabaseTooLarge", "artifact", "is longer than 256 TiB");
    frame_.clear();
    return store(sealed_);
  }

  std::unique_ptr<Upload> upload_;
  FrameCipher cipher_;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd_{ZSTD_createCCtx(), &ZSTD_freeCCtx};
  StoredSums sums_;
  std::string compressed_, frame_, sealed_;
};

}  // namespace

struct ArtifactWriter::State {
  State(std::unique_ptr<Upload> upload, const Header& header, std::string data_key)
      : pipe(std::move(upload), header, std::move(data_key)) {}

  void run() {
    for (std::string block; queue.pop(block);) {
      if (auto done = pipe.compress(block, ZSTD_e_continue); !done) {
        failure = done.error();
        return queue.abandon();
      }
    }
  }
  /// The second thread's end; its failure may be read afterwards.
  void join() {
    if (thread.joinable()) thread.join();
  }

  Pipe pipe;
  Header header;
  BlockQueue queue;
  std::optional<Error> failure;  ///< written by the second thread, read after join()
  Sha256 plain;
  std::uint64_t plain_bytes = 0;
  std::string block;
  std::jthread thread;
};

ArtifactWriter::ArtifactWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

ArtifactWriter::~ArtifactWriter() {
  state_->queue.abandon();
  state_->join();
}

Result<std::unique_ptr<ArtifactWriter>> ArtifactWriter::start(std::unique_ptr<Upload> upload,
                                                              const std::string& store_key,
                                                              const std::string& owner) {
  Header header;
  header.nonce_prefix = random_bytes(7);
  header.owner_tag = owner_tag_of(owner);
  std::string data_key;
  if (!store_key.empty()) {
    data_key = random_bytes(kKeyBytes);
    header.protection = Protection::Aes256Gcm;
    header.key_id = key_id(store_key);
    header.wrapped_key = wrap_key(store_key, data_key);
  }
  auto state = std::make_unique<State>(std::move(upload), header, data_key);
  OPENSSL_cleanse(data_key.data(), data_key.size());
  state->header = header;
  if (const auto stored = state->pipe.store(header.encode()); !stored) return stored.error();
  state->block.reserve(kBlockBytes);
  state->thread = std::jthread{[&at = *state] { at.run(); }};
  return std::unique_ptr<ArtifactWriter>(new ArtifactWriter(std::move(state)));
}

Result<> ArtifactWriter::append(std::string_view bytes) {
  state_->plain.update(bytes);
  state_->plain_bytes += bytes.size();
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kBlockBytes - state_->block.size());
    state_->block.append(piece);
    bytes.remove_prefix(piece.size());
    if (state_->block.size() < kBlockBytes) break;
    if (state_->queue.push(state_->block)) continue;
    state_->join();
    return *state_->failure;
  }
  return {};
}

Result<ArtifactFacts> ArtifactWriter::finish() {
  if (!state_->block.empty()) (void)state_->queue.push(state_->block);
  state_->queue.close();
  state_->join();
  if (state_->failure) return *state_->failure;
  auto facts = state_->pipe.finish();
  if (!facts) {
    state_->failure = facts.error();
    return facts.error();
  }
  (*facts).plain_bytes = state_->plain_bytes;
  (*facts).plain_sha256 = state_->plain.finish_hex();
  (*facts).key_id = state_->header.key_id;
  (*facts).wrapped_key = to_hex(state_->header.wrapped_key);
  return facts;
}

std::uint64_t ArtifactWriter::plain_bytes() const { return state_->plain_bytes; }

}  // namespace dbm::artifact
