#pragma once
/// Files beneath a root folder that no name and no link can lead out of. Every folder on the way is opened
/// one by one with O_NOFOLLOW (openat2 would do it in one call, but common container sandboxes refuse that
/// call).

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace dbm::artifact {

/// Folders an object may lie in, one within the other.
inline constexpr int kDepthMax = 16;

/// "a/b/c.dbm" in its folder "a/b" (empty: the root) and leaf "c.dbm".
struct SplitName {
  std::string folder, leaf;
};
/// Empty when the name is none of ours: absolute, empty parts, parts that begin with a dot, over 255 bytes a
/// part.
std::optional<SplitName> split_name(std::string_view name);

/// The errno of a file call as an error of the store. `object` names what was touched.
Error error_of(int error, std::string_view object);

/// The root itself; a link or no folder is refused. `describe` names the store in errors.
Result<Fd> open_root(const std::string& path, std::string_view describe);

/// The folder `name` beneath the root; not there: an empty Fd. With `make`, missing ones are made
/// (0700) and durable.
enum class Missing { Report, Make };
Result<Fd> open_folder(const Fd& root, std::string_view name, Missing missing, std::string_view describe);

}  // namespace dbm::artifact
