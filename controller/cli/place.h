#pragma once
/// The line of a script that an error is about, on standard error below the error itself.

#include "cli/each.h"

namespace dbm::cli {

/// Prints the line with a caret below the place, values masked (script/excerpt.h), where the error is about a
/// place in one of the object's scripts. Nothing otherwise, or when the script cannot be read any more.
void show_place(const Desk& desk, const Error& error);

}  // namespace dbm::cli
