#pragma once

namespace dbm::cli {

inline constexpr const char* kVersion = DBM_VERSION;

}  // namespace dbm::cli
