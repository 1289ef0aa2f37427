#pragma once
/// One object on its way into a DirectoryStore. Private to the room.

#include <string>

#include "artifact/beneath.h"
#include "artifact/store.h"

namespace dbm::artifact {

inline constexpr char kIncoming[] = ".incoming";

class DirectoryUpload final : public Upload {
 public:
  static Result<std::unique_ptr<Upload>> begin(Fd root, SplitName name, const std::string& describe);
  ~DirectoryUpload() override;

  Result<> append(std::string_view bytes) override;
  Result<> commit() override;

 private:
  DirectoryUpload(Fd root, SplitName name, const std::string& describe);
  Result<> write_out();
  Result<> make_durable();
  Result<> give_name();

  Fd root_, incoming_, file_;
  SplitName name_;
  std::string describe_, object_;
  std::string draft_;   ///< the name in .incoming; empty once nothing is left there
  std::string buffer_;  ///< not yet written
};

}  // namespace dbm::artifact
