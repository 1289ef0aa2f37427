#pragma once
/// The kinds of source, one function each. All texts in the order of their names.

#include <string>
#include <vector>

#include "base/deadline.h"
#include "kubernetes/objects.h"
#include "migration/object.h"
#include "script/text.h"
#include "source/sources.h"

namespace dbm::source {

using Texts = std::vector<script::Text>;

/// Terminal/SourceInvalid/DuplicateFile when two entries have the same name.
Result<Texts> read_inline(const migration::Migration& migration);

/// Waiting/WaitingForReference/NotFound for a ConfigMap or key that is not there; SourceInvalid/DuplicateFile
/// for a path given twice, SourceInvalid/UnsupportedFile for binary data and archives;
/// InvalidSpec/PathOutsideRoot for a path that is absolute or has "..".
Result<Texts> read_config_maps(const migration::Migration& migration, kubernetes::Objects& objects,
                               Deadline deadline, const std::stop_token& stop);

/// A folder below a root: both as paths, the second relative to the first, without "..".
struct Place {
  std::string root, below;
};
/// Where the migration's source.directory is. Terminal/InvalidSpec/PathOutsideRoot when it is absolute or
/// leaves its root.
Result<Place> place_of(const migration::Migration& migration, const SourceRoots& roots);

/// Every file of the folder and the folders in it, hidden ones left out. A pipe, a socket, a device, and a
/// folder with a script's name stand in the list too and are refused when they are read:
/// SourceInvalid/UnsupportedFile. Links are followed as long as they stay beneath the root. The folder stays
/// open as long as one of the texts is there; files are opened when they are read.
/// Waiting/WaitingForReference/NotFound without the folder, Terminal/InvalidSpec/PathOutsideRoot for a link
/// that leaves the root, SourceInvalid/TooManyFiles beyond 100,000 files or 32 folders deep.
Result<Texts> read_directory(const Place& place);

/// The place of a JSON pointer in the file the object came from, if it came from one.
Position position_in(const migration::Migration& migration, const std::string& pointer);

}  // namespace dbm::source
