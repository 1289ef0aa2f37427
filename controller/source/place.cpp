#include <array>
#include <filesystem>

#include "source/kinds.h"

namespace dbm::source {
namespace {

namespace fs = std::filesystem;

/// The nearest folder around `from` that version control calls its root; `from` itself without one.
fs::path version_control_root(const fs::path& from) {
  constexpr std::array kMarks{".git", ".hg", ".jj", ".svn"};
  for (fs::path folder = from;; folder = folder.parent_path()) {
    for (const char* const mark : kMarks) {
      std::error_code unreadable;
      if (fs::exists(folder / mark, unreadable)) return folder;
    }
    if (folder == folder.parent_path()) return from;
  }
}

bool leaves(const fs::path& relative) { return relative.empty() || *relative.begin() == ".."; }

/// "a/b" of "a/b/", "." of nothing.
std::string as_folder(const fs::path& path) {
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text.empty() ? "." : text;
}

Result<Place> beside_manifest(const std::string& file, const fs::path& directory,
                              const std::string& given_root) {
  std::error_code cause;
  const fs::path folder = fs::canonical(fs::absolute(file).parent_path(), cause);
  if (cause)
    return Error{ErrorKind::Waiting, "WaitingForReference", "the folder of " + file + ": " + cause.message(),
                 "NotFound"};
  const fs::path root = given_root.empty() ? version_control_root(folder) : fs::canonical(given_root, cause);
  if (cause)
    return Error{ErrorKind::Terminal, "InvalidSpec", "source root " + given_root + ": " + cause.message(),
                 "InvalidValue"};

  const fs::path below = (folder / directory).lexically_normal().lexically_relative(root);
  if (leaves(below)) {
    return Error{
        ErrorKind::Terminal, "InvalidSpec",
        "source.directory.path '" + directory.string() + "' is outside the source root " + root.string(),
        "PathOutsideRoot"}
        .with_remedy("move the scripts below it, or name a folder around both with --source-root");
  }
  return Place{root.string(), as_folder(below)};
}

Result<Place> below_operator_root(const fs::path& directory, const std::string& root) {
  if (root.empty()) {
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "source.directory cannot be used: the operator has no sourceRoot", "PathOutsideRoot"}
        .with_remedy("set sourceRoot in the operator's configuration, or use configMaps");
  }
  if (leaves(directory.lexically_normal())) {
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "source.directory.path '" + directory.string() + "' leaves the operator's sourceRoot",
                 "PathOutsideRoot"};
  }
  return Place{root, as_folder(directory)};
}

}  // namespace

Result<Place> place_of(const migration::Migration& migration, const SourceRoots& roots) {
  const fs::path directory = migration.spec.source.directory;
  const Position at = position_in(migration, "/spec/source/directory/path");
  if (directory.is_absolute()) {
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "source.directory.path must be relative, not '" + directory.string() + "'",
                 "PathOutsideRoot"}
        .with_position(at);
  }
  const std::string& file = migration.object.file;
  const auto place = file.empty() ? below_operator_root(directory, roots.operator_root)
                                  : beside_manifest(file, directory, roots.manifest_root);
  if (!place) return place.error().with_position(at);
  return place;
}

}  // namespace dbm::source
