#pragma once
/// What a stranger has who cloned the repository and ran `make build`: the examples, the program, a database.

#include <string>

#include "support/world.h"

namespace dbm::test {

/// A file of the repository.
std::string document(const std::string& path);

/// The ```sh blocks of a text, one after the other.
std::string shell_blocks(const std::string& text);

/// The part of README.md that leads to a database of one's own, from its heading to the next.
std::string readme_section(const std::string& heading);

/// Runs the commands in a fresh clone, as bash -e does; the URL that README.md gives is this database's.
Finished run_in_clone(std::string commands, const Database& database);

}  // namespace dbm::test
