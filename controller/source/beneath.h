#pragma once
/// Opening files beneath a folder that no link leads out of.

#include <string>

#include "base/fd.h"

namespace dbm::source {

/// Opens `path` beneath the open folder `root`; links are followed as long as they stay beneath it. No file,
/// and errno set, when it cannot be opened: EXDEV when it lies outside.
Fd open_beneath(int root, const std::string& path, int flags);

/// The same where the sandbox of a container refuses openat2(): opened without reading, looked at, then
/// opened.
Fd open_beneath_by_name(int root, const std::string& path, int flags);

}  // namespace dbm::source
