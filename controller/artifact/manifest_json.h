#pragma once
/// Strict JSON for the small files of a set. Private to the room.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm::artifact {

inline constexpr std::size_t kJsonBytesMax = 16 << 20;
inline constexpr int kJsonDepthMax = 32;

/// An object, or BackupCorrupt: doubled members, too deep, too long, not JSON, not an object.
Result<nlohmann::ordered_json> parse_strict(std::string_view text, const std::string& object);

/// HMAC-SHA-256, in hex, over the document without its member "hmac", members sorted, no white space, with a
/// key derived from the store's.
std::string sign_json(const nlohmann::ordered_json& document, const std::string& store_key);
/// Does the member "hmac" hold that?
bool signature_holds(const nlohmann::ordered_json& document, const std::string& store_key);

/// Typed members of one object; the first that is missing or of another type is remembered.
class Members {
 public:
  Members(const nlohmann::ordered_json& object, std::string path) : object_(object), path_(std::move(path)) {}

  std::string text(const char* name);
  std::int64_t number(const char* name);
  std::uint64_t size(const char* name);
  bool flag(const char* name);
  /// Null JSON when it is missing or no object.
  const nlohmann::ordered_json& object(const char* name);
  const nlohmann::ordered_json& array(const char* name);
  /// "artifact.bytes must be a whole number"; empty when all was well.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  void refuse(const std::string& name, const char* must_be);

 private:
  const nlohmann::ordered_json* find(const char* name);

  const nlohmann::ordered_json& object_;
  std::string path_, trouble_;
};

}  // namespace dbm::artifact
