#pragma once
/// Small objects of a store, whole. Private to the room.

#include <optional>
#include <string>

#include "artifact/store.h"

namespace dbm::artifact {

/// Durable when it returns.
Result<> put_object(Store& store, const std::string& name, std::string_view text);

/// At most `bytes_max` and one byte of it, so that a caller can tell that it was longer. Empty when there is
/// no such object.
Result<std::optional<std::string>> get_object(Store& store, const std::string& name, std::size_t bytes_max);

}  // namespace dbm::artifact
