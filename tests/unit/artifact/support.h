#pragma once
/// What the tests of this room share: a store in memory, data to back up, and short words for common steps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "artifact/backup_set.h"
#include "artifact/errors.h"
#include "artifact/stream.h"
#include "artifact/verify.h"
#include "base/digest.h"
#include "base/guarded.h"
#include "support/temp_dir.h"

namespace dbm::artifact {

/// A store whose objects can be looked at and damaged. Held to the same conformance suite as the real one.
class MemoryStore final : public Store {
 public:
  using Objects = std::map<std::string, std::string>;

  Result<std::unique_ptr<Upload>> create(const std::string& name) override {
    if (objects.contains(name)) return store_denied(name, "exists already");
    return std::unique_ptr<Upload>(std::make_unique<MemoryUpload>(*this, name));
  }
  Result<std::unique_ptr<Download>> open(const std::string& name) override {
    const auto found = objects.find(name);
    if (found == objects.end()) return std::unique_ptr<Download>{};
    return std::unique_ptr<Download>(std::make_unique<MemoryDownload>(found->second));
  }
  Result<std::vector<StoredObject>> list(const std::string& prefix) override {
    std::vector<StoredObject> found;
    for (const auto& [name, bytes] : objects)
      if (name.starts_with(prefix)) found.push_back({name, bytes.size()});
    return found;
  }
  Result<> remove(const std::string& name) override {
    removed.push_back(name);
    objects.erase(name);
    return {};
  }
  Result<std::optional<std::uint64_t>> free_bytes() override { return std::optional<std::uint64_t>{}; }
  [[nodiscard]] std::string describe() const override { return "memory"; }

  Objects objects;
  std::vector<std::string> removed;

 private:
  class MemoryUpload final : public Upload {
   public:
    MemoryUpload(MemoryStore& store, std::string name) : store_(store), name_(std::move(name)) {}
    Result<> append(std::string_view bytes) override {
      bytes_ += bytes;
      return {};
    }
    Result<> commit() override {
      if (!store_.objects.emplace(name_, bytes_).second) return store_denied(name_, "exists already");
      return {};
    }

   private:
    MemoryStore& store_;
    std::string name_, bytes_;
  };
  class MemoryDownload final : public Download {
   public:
    explicit MemoryDownload(std::string bytes) : bytes_(std::move(bytes)) {}
    Result<std::size_t> read(std::span<char> buffer) override {
      // Short reads, as a network gives them.
      const std::size_t size = std::min({buffer.size(), bytes_.size() - at_, std::size_t{100'000}});
      bytes_.copy(buffer.data(), size, at_);
      at_ += size;
      return size;
    }

   private:
    std::string bytes_;
    std::size_t at_ = 0;
  };
};

/// A folder in memory where the machine has one. These tests let processes die, never the power: an fsync
/// that waits for a disk would prove nothing more.
inline Result<TempDir> memory_dir(const std::string& prefix) {
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  auto made = TempDir::make(prefix);
  ::unsetenv("TMPDIR");
  return made;
}

/// A clock that stands until it is told otherwise.
class StandingClock final : public WallClock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point now() const override { return at; }
  std::chrono::system_clock::time_point at = from_rfc3339("2026-11-20T21:36:55Z");
};

inline std::string random_data(std::size_t bytes, unsigned seed = 1) {
  std::mt19937_64 random{seed};
  std::string data(bytes, '\0');
  for (char& c : data) c = static_cast<char>(random());
  return data;
}

/// Rows as a dump holds them: it shrinks to a third or so.
inline std::string table_data(std::size_t bytes, unsigned seed = 1) {
  std::mt19937_64 random{seed};
  std::string data;
  for (int row = 1; data.size() < bytes; ++row)
    data += std::to_string(row) + "\tcustomer " + std::to_string(random() % 100'000) +
            "\t2026-11-20 21:36:55\topen\t" + std::to_string(random()) + "\n";
  data.resize(bytes);
  return data;
}

inline const std::string kKey = "an example key of 32 bytes, test";
inline const std::string kOtherKey = "another example key of 32 bytes!";
inline const std::string kLedger = "5b1f3a74-0c6e-4d0b-9a52-7d2e91c436e8";

inline KeyRing ring(const std::string& key) { return key.empty() ? KeyRing{} : KeyRing{{key}}; }

/// Writes `plain` under `name`; the test fails when that does.
inline ArtifactFacts write_artifact(Store& store, const std::string& name, std::string_view plain,
                                    const std::string& key) {
  auto upload = store.create(name);
  if (!upload) throw std::runtime_error(upload.error().message);
  auto writer = ArtifactWriter::start(std::move(*upload), key, kLedger);
  if (!writer) throw std::runtime_error(writer.error().message);
  for (std::string_view rest = plain; !rest.empty();) {
    const auto piece = rest.substr(0, 100'003);
    if (const auto done = (*writer)->append(piece); !done) throw std::runtime_error(done.error().message);
    rest.remove_prefix(piece.size());
  }
  auto facts = (*writer)->finish();
  if (!facts) throw std::runtime_error(facts.error().message);
  return *facts;
}

/// What came out before the end or the error.
struct ReadBack {
  std::string plain;
  std::optional<Error> error;
};
inline ReadBack read_artifact(Store& store, const std::string& name, const ArtifactFacts& facts,
                              const KeyRing& keys, std::size_t piece = 50'001) {
  ReadBack back;
  auto download = store.open(name);
  if (!download || !*download) throw std::runtime_error("no " + name);
  auto reader = ArtifactReader::start(std::move(*download), name, facts, kLedger, keys);
  if (!reader) return {{}, reader.error()};
  for (std::string buffer(piece, '\0');;) {
    const auto got = (*reader)->read(buffer);
    if (!got) {
      back.error = got.error();
      return back;
    }
    if (*got == 0) return back;
    back.plain.append(buffer, 0, *got);
  }
}

/// Lengths and digests of stored bytes, as a forger would fill them into the manifest.
inline void fit_stored(ArtifactFacts& facts, const std::string& stored) {
  StoredSums sums;
  sums.add(stored);
  sums.finish(facts);
}

inline BackupOwner an_owner(std::int64_t epoch = 17) {
  return {"shop", "orders", "0042", "sha256:" + sha256_hex(std::to_string(epoch)), kLedger, epoch};
}

inline const char kFacts[] =
    R"({"serverVersion":150018,"systemIdentifier":"7710","database":{"name":"orders"},"tables":[{"name":"public.orders","rows":3},{"name":"public.customers","rows":1}]})";

/// A whole set; the test fails when it cannot be written.
inline BackupSet write_set(Store& store, const WallClock& clock, const std::string& key,
                           const std::string& plain, const BackupOwner& owner = an_owner()) {
  SetWriter writer{store, {owner, "Logical", "PostgreSQL", false, key}, clock};
  const auto finish = [&](Result<std::unique_ptr<ArtifactWriter>> artifact, const std::string& bytes) {
    if (!artifact) throw std::runtime_error(artifact.error().message);
    if (const auto done = (*artifact)->append(bytes); !done) throw std::runtime_error(done.error().message);
    auto facts = (*artifact)->finish();
    if (!facts) throw std::runtime_error(facts.error().message);
    return *facts;
  };
  const auto artifact = finish(writer.start_artifact(), plain);
  const auto schema = finish(writer.start_schema(), "CREATE TABLE orders ();\n");
  auto set = writer.complete(kFacts, artifact, schema);
  if (!set) throw std::runtime_error(set.error().message);
  return *set;
}

/// A client program's part of verification, without the program.
inline ReadStructure lists(const std::vector<std::string>& tables) {
  return [tables](const ReadPlain& read) -> Result<std::vector<std::string>> {
    std::string buffer(10'000, '\0');
    for (;;) {
      const auto got = read(buffer);
      if (!got) return got.error();
      if (*got == 0) return tables;
    }
  };
}

MATCHER_P(FailsBy, cause, "an error of BackupFailed by that cause") {
  if (arg) {
    *result_listener << "it succeeded";
    return false;
  }
  *result_listener << arg.error().reason << "/" << arg.error().cause << ": " << arg.error().message;
  return arg.error().reason == "BackupFailed" && arg.error().cause == cause;
}

}  // namespace dbm::artifact
