#pragma once
/// Which part of controller/ may know which: the table that controller/README.md draws, as a check over
/// #include lines.

#include <string>
#include <string_view>
#include <vector>

namespace dbm::architecture {

/// What is wrong with the #include lines of one file; `file` is its path below controller/,
/// "postgres/session.cpp". One line each: "controller/<file>:<line>: <what>".
std::vector<std::string> broken_arrows(const std::string& file, std::string_view text);

/// Every *.h and *.cpp below controller/, as paths below it, sorted.
std::vector<std::string> controller_files();
std::string read_controller_file(const std::string& file);

}  // namespace dbm::architecture
