#include "base/result.h"

namespace dbm {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Transient:
      return "Transient";
    case ErrorKind::Waiting:
      return "Waiting";
    case ErrorKind::Terminal:
      return "Terminal";
    case ErrorKind::InDoubt:
      return "InDoubt";
    case ErrorKind::Cancelled:
      return "Cancelled";
  }
  std::abort();
}

std::string to_string(const Position& at) {
  std::string text = at.file;
  if (at.line > 0) text += ":" + std::to_string(at.line);
  if (at.line > 0 && at.column > 0) text += ":" + std::to_string(at.column);
  return text;
}

Error Error::during(std::string_view activity) const {
  Error outer = *this;
  outer.message = std::string(activity) + ": " + message;
  return outer;
}

Error Error::with_position(Position where) const {
  Error placed = *this;
  placed.at = std::move(where);
  return placed;
}

Error Error::with_remedy(std::string what) const {
  Error helped = *this;
  helped.remedy = std::move(what);
  return helped;
}

}  // namespace dbm
