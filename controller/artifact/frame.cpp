#include "artifact/frame.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <cstring>

#include "artifact/keys.h"
#include "base/digest.h"

namespace dbm::artifact {
namespace {

constexpr std::string_view kMagic{"DBMART1\n", 8};
constexpr unsigned char kCompressionZstd = 1;
constexpr std::size_t kPrefixBytes = 7;
constexpr std::size_t kKeyIdBytes = 8;
constexpr std::size_t kOwnerTagBytes = 8;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void put_big_endian(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xff);
}

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return bytes;
}

}  // namespace

std::string owner_tag_of(std::string_view owner) {
  return from_hex(sha256_hex(owner).substr(0, 2 * kOwnerTagBytes));
}

std::string Header::encode() const {
  std::string out(kMagic);
  out += static_cast<char>(protection);
  out += static_cast<char>(kCompressionZstd);
  out.append(2, '\0');
  put_big_endian(out, kFrameBytes);
  out.append(nonce_prefix).append(1, '\0');
  const bool sealed = protection == Protection::Aes256Gcm;
  out += sealed ? from_hex(key_id) : std::string(kKeyIdBytes, '\0');
  out += sealed ? wrapped_key : std::string(kWrappedKeyBytes, '\0');
  out += owner_tag;
  if (out.size() != kHeaderBytes) std::abort();
  return out;
}

std::string Header::decode(std::string_view bytes, Header& header) {
  if (bytes.size() != kHeaderBytes) return "ends within its header";
  if (bytes.substr(0, kMagic.size()) != kMagic)
    return bytes.starts_with("DBMART") ? "has a format version this program does not know"
                                       : "is not an artifact of ours";
  if (bytes[8] != 0 && bytes[8] != 1) return "names an encryption this program does not know";
  header.protection = static_cast<Protection>(bytes[8]);
  header.nonce_prefix = bytes.substr(16, kPrefixBytes);
  const bool sealed = header.protection == Protection::Aes256Gcm;
  header.key_id = sealed ? to_hex(bytes.substr(24, kKeyIdBytes)) : "";
  header.wrapped_key = sealed ? std::string(bytes.substr(32, kWrappedKeyBytes)) : "";
  header.owner_tag = bytes.substr(72, kOwnerTagBytes);
  // One writing per meaning: whatever encode() would not have written is damage.
  return header.encode() == bytes ? "" : "has a damaged header";
}

struct FrameCipher::Context {
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher{EVP_CIPHER_CTX_new(),
                                                                         &EVP_CIPHER_CTX_free};
  bool encrypting = false;
  bool ready = false;

  /// The key schedule is made once, then only nonces change.
  void start(bool encrypt, const std::string& key, const unsigned char* nonce) {
    const auto* key_bytes = ready ? nullptr : bytes_of(key);
    const auto* algorithm = ready ? nullptr : EVP_aes_256_gcm();
    if ((ready && encrypting != encrypt) ||
        EVP_CipherInit_ex(cipher.get(), algorithm, nullptr, key_bytes, nonce, encrypt ? 1 : 0) != 1)
      std::abort();
    encrypting = encrypt;
    ready = true;
  }
  void update(unsigned char* out, std::string_view in) {
    int size = 0;
    if (EVP_CipherUpdate(cipher.get(), out, &size, bytes_of(in), static_cast<int>(in.size())) != 1)
      std::abort();
  }
};

FrameCipher::FrameCipher(const Header& header, std::string data_key)
    : header_(header.encode()), data_key_(std::move(data_key)), prefix_(header.nonce_prefix) {
  if (header.protection == Protection::None) return;
  context_ = std::make_unique<Context>();
  if (!context_->cipher) std::abort();
}

FrameCipher::~FrameCipher() { OPENSSL_cleanse(data_key_.data(), data_key_.size()); }

bool FrameCipher::next_nonce(bool last, std::array<unsigned char, 12>& nonce) {
  if (counter_ > UINT32_MAX) return false;
  std::string text = prefix_;
  put_big_endian(text, static_cast<std::uint32_t>(counter_++));
  text += static_cast<char>(last);
  std::memcpy(nonce.data(), text.data(), nonce.size());
  return true;
}

std::string FrameCipher::digest_tag(const std::array<unsigned char, 12>& nonce,
                                    std::string_view content) const {
  Sha256 sha;
  sha.update(header_);
  sha.update({reinterpret_cast<const char*>(nonce.data()), nonce.size()});
  sha.update(content);
  const auto digest = sha.finish();
  return {reinterpret_cast<const char*>(digest.data()), kTagBytes};
}

bool FrameCipher::seal(std::string_view plain, bool last, std::string& out) {
  std::array<unsigned char, 12> nonce{};
  if (!next_nonce(last, nonce)) return false;
  if (!context_) {
    out.append(plain).append(digest_tag(nonce, plain));
    return true;
  }
  const std::size_t start = out.size();
  out.resize(start + plain.size() + kTagBytes);
  auto* at = reinterpret_cast<unsigned char*>(out.data() + start);
  int size = 0;
  context_->start(true, data_key_, nonce.data());
  context_->update(nullptr, header_);
  context_->update(at, plain);
  if (EVP_CipherFinal_ex(context_->cipher.get(), at + plain.size(), &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context_->cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, at + plain.size()) != 1)
    std::abort();
  return true;
}

bool FrameCipher::open(std::string_view sealed, bool last, std::string& out) {
  std::array<unsigned char, 12> nonce{};
  if (sealed.size() <= kTagBytes || sealed.size() > kSealedFrameBytes || !next_nonce(last, nonce))
    return false;
  const auto content = sealed.substr(0, sealed.size() - kTagBytes);
  std::string tag(sealed.substr(content.size()));
  if (!context_) {
    out.assign(content);
    return digest_tag(nonce, content) == tag;
  }
  out.resize(content.size());
  auto* at = reinterpret_cast<unsigned char*>(out.data());
  int size = 0;
  context_->start(false, data_key_, nonce.data());
  context_->update(nullptr, header_);
  context_->update(at, content);
  return EVP_CIPHER_CTX_ctrl(context_->cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_CipherFinal_ex(context_->cipher.get(), at + content.size(), &size) == 1;
}

}  // namespace dbm::artifact
