#pragma once
/// What tells one tool's folders from another's: names of files, and comments only that tool knows
/// (docs/scripts.md#formats). Internal to the room.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/text.h"

namespace dbm::script {

/// A hint at a format that is not read (or, with "dbm:rollback", a mark of ours).
struct Marker {
  std::string_view format;  ///< "Goose", "Sections", …
  std::string what;         ///< "the comment '-- +goose Up'", "the file sqitch.plan"
  Position at;
};

/// The format a file's path alone speaks for: sqitch.plan, atlas.sum, V1__name.sql, …
std::optional<Marker> marker_of_path(std::string_view path);
/// The format a comment ("-- …") speaks for.
std::optional<std::string_view> format_of_comment(std::string_view comment);
/// Whether a comment is "-- dbm:rollback", which parts a Plain file.
bool is_rollback_line(std::string_view comment);

/// What one reading of a file shows. Cheap: without a candidate for a mark no token is looked at.
struct Scanned {
  std::string checksum;         ///< "sha256:…" of all bytes.
  std::vector<Marker> markers;  ///< The first of each format.
  struct Rollback {
    std::uint64_t begin = 0;  ///< Of the line "-- dbm:rollback".
    std::uint64_t next = 0;   ///< Behind that comment.
    Position at;
    bool has_statements = false;  ///< Comments only count as no rollback.
    bool has_forward = false;     ///< Whether a statement stands above the line.
  };
  std::optional<Rollback> rollback;
};
/// Errors are the source's own.
Result<Scanned> scan(const Text& text);
/// "sha256:…" of a text's bytes.
Result<std::string> checksum_of(const Text& text);

/// Matches a file name with *, ? and [a-z] (no slash is special: names have none).
bool matches_glob(std::string_view glob, std::string_view name);

std::string_view base_name(std::string_view path);

}  // namespace dbm::script
