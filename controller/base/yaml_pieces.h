#pragma once
/// A YAML file cut into its documents, before the parser sees it. Private to base/yaml.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dbm::yaml {

/// Terminal/InvalidSpec/InvalidValue at a place of the file.
Error refused(const std::string& file, int line, int column, std::string message);

/// The text of one document and the line it begins in.
struct Piece {
  std::string text;
  int line;
};

/// Cut by us: yaml-cpp's own loop over documents never ends on some texts. A marker at the start of a line is
/// one wherever it stands, even within a block of text (YAML 1.2, 9.1.4). Refused: what is not UTF-8, control
/// characters, directives.
Result<std::vector<Piece>> split_documents(std::string_view text, const std::string& file);

}  // namespace dbm::yaml
