#pragma once
/// What can be told of a change to a script of which only a checksum is known.

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "script/text.h"

namespace dbm::script {

/// Where the statement behind the first `statements` begins, if these mean what `normalised`
/// ("dbm1-sha256:…") says: then the change is that something was added at the end. None for any other change,
/// for a text that cannot be cut, and where nothing follows. Reads the text up to there, twice.
std::optional<Position> appended_at(const Text& text, std::uint64_t statements,
                                    const std::string& normalised);

}  // namespace dbm::script
