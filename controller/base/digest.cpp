#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <cstring>

namespace dbm {

// The low-level SHA256_* calls are marked deprecated since OpenSSL 3.0, but EVP costs more than the digest
// itself for the small files a ledger pass hashes by the ten thousand.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct Sha256::Context {
  SHA256_CTX sha;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { SHA256_Init(&context_->sha); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) { SHA256_Update(&context_->sha, bytes.data(), bytes.size()); }

Sha256Bytes Sha256::finish() {
  Sha256Bytes digest;
  SHA256_Final(digest.data(), &context_->sha);
  SHA256_Init(&context_->sha);
  return digest;
}

#pragma GCC diagnostic pop

std::string Sha256::finish_hex() { return to_hex(finish()); }

std::string to_hex(std::span<const unsigned char> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text(bytes.size() * 2, '0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return text;
}

std::string to_hex(std::string_view bytes) {
  return to_hex(std::span{reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.finish_hex();
}

Sha256Bytes hmac_sha256(std::string_view key, std::string_view bytes) {
  Sha256Bytes mac;
  unsigned int size = 0;
  if (key.empty()) key = "";  // a null key would mean "the key of the last call"
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), mac.data(), &size) == nullptr)
    std::abort();
  return mac;
}

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  // OpenSSL takes padding anywhere and drops what it does not know at the end, so the alphabet is checked
  // here.
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string packed;
  std::size_t padding = 0;
  bool foreign = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    packed += c;
    if (c == '=')
      ++padding;
    else if (padding > 0 || kAlphabet.find(c) == kAlphabet.npos)
      foreign = true;
  }
  const Error refused{ErrorKind::Terminal, "InvalidSpec", "must be base64", "InvalidValue"};
  if (foreign || padding > 2 || packed.size() % 4 != 0) return refused;
  std::string bytes(packed.size() / 4 * 3 + 1, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(packed.data()), static_cast<int>(packed.size()));
  if (size < 0) return refused;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) std::abort();
  return bytes;
}

namespace {

/// Lays version and variant over 16 bytes, RFC 9562, and writes them as text.
std::string format_uuid(std::string bytes, unsigned char version) {
  bytes.resize(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | (version << 4));
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = to_hex(bytes);
  for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

std::string random_uuid() { return format_uuid(random_bytes(16), 4); }

std::string named_uuid(std::string_view name) {
  // Our namespace is a random UUID drawn once; version 5 is SHA-1 over namespace and name.
  static constexpr unsigned char kNamespace[16] = {0x5b, 0x1f, 0x3a, 0x74, 0x0c, 0x6e, 0x4d, 0x0b,
                                                   0x9a, 0x52, 0x7d, 0x2e, 0x91, 0xc4, 0x36, 0xe8};
  std::string input(reinterpret_cast<const char*>(kNamespace), sizeof kNamespace);
  input += name;
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  ::SHA1(reinterpret_cast<const unsigned char*>(input.data()), input.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return format_uuid(digest, 5);
}

}  // namespace dbm
