#pragma once
/// The errors of this room in one place, so that the same trouble always reads the same: reason BackupFailed,
/// one cause of docs/status.md#causes, and a message that begins with the object concerned.

#include <string>
#include <string_view>

#include "base/result.h"

namespace dbm::artifact {

inline Error backup_failed(std::string_view cause, std::string_view object, std::string_view what) {
  return {ErrorKind::Terminal, "BackupFailed", std::string(object) + ": " + std::string(what),
          std::string(cause)};
}

inline Error corrupt(std::string_view object, std::string_view what) {
  return backup_failed("BackupCorrupt", object, what);
}
inline Error store_missing(std::string_view object, std::string_view what) {
  return backup_failed("StoreMissing", object, what);
}
inline Error store_denied(std::string_view object, std::string_view what) {
  return backup_failed("StoreDenied", object, what);
}
inline Error no_space(std::string_view object, std::string_view what) {
  return backup_failed("NoSpace", object, what);
}

}  // namespace dbm::artifact
