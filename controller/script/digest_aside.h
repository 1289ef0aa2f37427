#pragma once
/// SHA-256 of a long text while somebody else reads it. Internal to the room.

#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace dbm::script {

/// A digest that may be made on a thread of its own: where a long text is cut and digested twice, the digests
/// would be two thirds of the time. Not thread-safe itself; may be moved.
class DigestAside {
 public:
  DigestAside();
  DigestAside(DigestAside&&) noexcept;
  DigestAside& operator=(DigestAside&&) noexcept;
  ~DigestAside();

  /// Digests for a text of so many bytes are made aside. Below it a thread costs more than it saves.
  static constexpr std::size_t kWorthIt = std::size_t{4} << 20;
  /// From here on aside, with 128 KiB more memory, where there is a processor and a thread for it. At most
  /// once, before the first update().
  void go_aside();

  /// The bytes are copied where need be: they may go when this returns.
  void update(std::string_view bytes);
  /// The digest of all updates in lower-case hex; once.
  std::string finish_hex();

 private:
  class Helper;

  Sha256 sha_;  ///< Unused once there is a helper, which has its own.
  std::unique_ptr<Helper> helper_;
};

}  // namespace dbm::script
