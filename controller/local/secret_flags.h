#pragma once
/// Secrets named on the command line: `--secret NAME=KEY:@FILE` or `NAME=KEY:env:VAR`. A value never stands
/// in argv, where every user of the machine could read it.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dbm::local {

struct SecretFlag {
  std::string name, key;
  std::string file;  ///< exactly one of the two is set
  std::string variable;
};

/// Terminal/InvalidSpec/InvalidValue when it is neither form, or names a variable that is not set or a file
/// that cannot be read. What stands after the key is never repeated: it may be a secret typed in the wrong
/// place.
Result<SecretFlag> parse_secret_flag(std::string_view text);
/// All of them; an entry given twice is refused.
Result<std::vector<SecretFlag>> parse_secret_flags(const std::vector<std::string>& texts);

/// The value as it is now (a file may rotate), without the line end an editor leaves at the end of a text.
/// Waiting/WaitingForReference/NotFound when it is gone.
Result<std::string> read_value(const SecretFlag& flag);

}  // namespace dbm::local
