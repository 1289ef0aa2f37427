#pragma once
/// Comments of the form "-- dbm:word value". Internal to the room.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/analysis.h"
#include "script/statements.h"

namespace dbm::script {

/// A directive as it stands in the file.
struct Directive {
  std::string word;
  std::string value;  ///< Blanks around it removed.
  Position at;        ///< Of the comment.
};

/// Reads a line comment ("-- …"). Nothing when it is an ordinary comment.
std::optional<Directive> read_directive(std::string_view comment);

/// Puts the directives that stand before a statement where they belong. Before the first statement of a file
/// (`first`) they are the script's, but for done-when; elsewhere only those of a single statement are
/// allowed. Terminal/SourceInvalid/UnknownDirective.
Result<> sort_directives(const std::vector<Directive>& found, bool first, ScriptDirectives& script,
                         StatementDirectives& statement);

/// The error for a directive that is right by itself but stands where it would do nothing.
Error misplaced(const Directive& directive, std::string_view why);

}  // namespace dbm::script
