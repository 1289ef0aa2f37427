// How fast a backup is written and verified, without a database: `artifact_bench [MEGABYTES [FOLDER]]`.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "artifact/backup_set.h"
#include "artifact/directory_store.h"
#include "artifact/verify.h"
#include "base/digest.h"
#include "support/temp_dir.h"

namespace {

using namespace dbm;
using namespace dbm::artifact;

constexpr std::size_t kPieceBytes = 64 << 10;  // as pg_dump's pipe gives it
constexpr int kRounds = 5;

/// Rows as COPY writes them, about as compressible as those of a shop.
std::string rows(std::size_t bytes) {
  std::mt19937_64 random{1};
  std::string data;
  data.reserve(bytes + 200);
  for (int row = 1; data.size() < bytes; ++row) {
    data += std::to_string(row) + "\t" + std::to_string(random() % 100'000) + "\tcustomer-" +
            std::to_string(random() % 50'000) + "@shop.example\t2026-11-" +
            std::to_string(random() % 28 + 1) + " 12:00:00+00\topen\t" +
            std::to_string(random() % 1'000'000) + ".00\t" +
            to_hex(std::vector<unsigned char>(8, static_cast<unsigned char>(random()))) + "\n";
  }
  data.resize(bytes);
  return data;
}

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

void need(const Result<>& result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

BackupSet write(Store& store, const std::string& plain, const std::string& key) {
  const WallClock clock;
  SetWriter writer{
      store, {{"bench", "bench", "1", "", "bench", 1}, "Logical", "PostgreSQL", false, key}, clock};
  auto artifact = need(writer.start_artifact());
  for (std::size_t at = 0; at < plain.size(); at += kPieceBytes)
    need(artifact->append(std::string_view(plain).substr(at, kPieceBytes)));
  return need(writer.complete("{}", need(artifact->finish()), std::nullopt));
}

template <class F>
double seconds(F&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const char* what, const std::vector<double>& times, std::size_t bytes) {
  const double at = median(times);
  std::printf("%-34s %6.2f s  %6.0f MB/s\n", what, at, static_cast<double>(bytes) / 1e6 / at);
}

void measure(Store& store, const std::string& plain, const std::string& key, const std::string& how) {
  std::vector<double> writing, checksum, decode;
  std::uint64_t stored = 0;
  const KeyRing keys = key.empty() ? KeyRing{} : KeyRing{{key}};
  for (int round = 0; round < kRounds; ++round) {
    std::optional<BackupSet> set;
    writing.push_back(seconds([&] { set = write(store, plain, key); }));
    checksum.push_back(
        seconds([&] { (void)need(verify_set(store, *set, keys, {.level = Level::Checksum})); }));
    decode.push_back(seconds([&] { (void)need(verify_set(store, *set, keys, {.level = Level::Decode})); }));
    stored = set->manifest.artifact.bytes;
    need(remove_set(store, set->prefix));
  }
  print(("write to COMPLETE, " + how).c_str(), writing, plain.size());
  print(("verify Checksum, " + how).c_str(), checksum, plain.size());
  print(("verify Decode, " + how).c_str(), decode, plain.size());
  std::printf("%-34s %6.3f\n", ("stored / plain, " + how).c_str(),
              static_cast<double>(stored) / static_cast<double>(plain.size()));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t megabytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 340;
  std::optional<TempDir> temp;
  if (argc <= 2) temp.emplace(need(TempDir::make("dbm-artifact-bench")));
  DirectoryStore store{argc > 2 ? std::string(argv[2]) : temp->path().string()};
  const std::string plain = rows(megabytes * 1'000'000);
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  measure(store, plain, random_bytes(kKeyBytes), "encrypted");
  measure(store, plain, "", "clear");
  ::getrusage(RUSAGE_SELF, &after);
  std::printf("%-34s %6ld KiB\n", "memory beyond the input, at most", after.ru_maxrss - before.ru_maxrss);
  return 0;
}
