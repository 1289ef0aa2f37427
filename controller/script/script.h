#pragma once
/// What a script is: an identity, a text, and what its directives say. Pure values; docs: FORMATS in docs/.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "script/text.h"

namespace dbm::script {

enum class Format { Auto, Plain, UpDown };
enum class TransactionMode { Auto, Script, None };

/// The identity of a script. `key` is canonical ("0042" and "42" are the same), `id` as written.
struct Version {
  std::string id;
  std::string key;

  friend bool operator==(const Version& a, const Version& b) { return a.key == b.key; }
};

/// Parses "0042", "1.10.2": 1–18 digits, then dotted parts. Terminal/SourceInvalid/UnversionedFile otherwise.
Result<Version> parse_version(std::string_view id);
/// Orders keys part by part as numbers.
int compare_keys(std::string_view a, std::string_view b);

/// One script, as read from its file's name and bytes; the statements are read when they are needed.
struct Script {
  Version version;
  std::string name;  ///< "add_priority" of 0042_add_priority.sql
  Text forward;
  std::optional<Text> rollback;
  std::string
      checksum;  ///< "sha256:…" of the forward file's bytes (of the forward part where one file holds both).
  std::string rollback_checksum;  ///< the same of the rollback part, or empty
};

/// A file that is no script of this set, and why ("matches exclude COMBINED_*").
struct Excluded {
  std::string file;
  std::string why;
};

struct ScriptSet {
  Format format = Format::Plain;  ///< What Auto was found to be.
  std::vector<Script> scripts;    ///< In the order in which they run.
  std::vector<Excluded> excluded;
  std::string digest;                ///< "sha256:…" over names and raw checksums in order.
  std::vector<std::string> notices;  ///< One line each, for people.
};

struct ReadOptions {
  Format format = Format::Auto;
  std::vector<std::string> exclude;  ///< Globs over base names.
};

/// Sorts, identifies and digests the texts of a source. Reads each text once (in parallel where there are
/// many), without cutting it into statements. Terminal/SourceInvalid with docs/scripts.md#refusals:
/// UnversionedFile, DuplicateVersion, OrphanRollback, AmbiguousFormat, UnsupportedFormat, UnsupportedFile.
Result<ScriptSet> read_set(std::vector<Text> texts, const ReadOptions& options);

}  // namespace dbm::script
