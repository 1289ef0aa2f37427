#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "script/formats.h"
#include "script/lexer.h"
#include "script/script.h"
#include "script/window.h"

namespace dbm::script {
namespace {

struct File {
  Text text;
  Scanned scanned;
};

/// What a file's name says.
struct Name {
  Version version;
  std::string name;
  bool down = false;
};

Error about(std::string cause, const std::string& file, std::string message) {
  return source_invalid(std::move(cause), std::move(message), {file});
}

bool is_pair_file(std::string_view base) { return base.ends_with(".up.sql") || base.ends_with(".down.sql"); }

/// Takes away what is no script, and says why.
std::vector<File> sort_out(std::vector<Text> texts, const ReadOptions& options, ScriptSet& set,
                           std::vector<Marker>& markers) {
  std::vector<File> files;
  files.reserve(texts.size());
  for (Text& text : texts) {
    const std::string_view base = base_name(text.name);
    const auto glob = std::find_if(options.exclude.begin(), options.exclude.end(),
                                   [&](const std::string& glob) { return matches_glob(glob, base); });
    if (glob != options.exclude.end()) {
      set.excluded.push_back({text.name, "matches exclude " + *glob});
      continue;
    }
    if (auto marker = marker_of_path(text.name)) markers.push_back(std::move(*marker));
    if (base.ends_with(".sql"))
      files.push_back({std::move(text), {}});
    else
      set.excluded.push_back({text.name, "is no .sql file"});
  }
  return files;
}

/// Scans all files, on two threads where there are many. The first file's error in order wins.
Result<> scan_all(std::vector<File>& files) {
  std::vector<std::optional<Error>> errors(files.size());
  std::atomic<std::size_t> next{0};
  constexpr std::size_t kAtOnce = 32;
  const auto work = [&] {
    for (std::size_t from = next.fetch_add(kAtOnce); from < files.size(); from = next.fetch_add(kAtOnce)) {
      for (std::size_t i = from; i < std::min(from + kAtOnce, files.size()); ++i) {
        auto scanned = scan(files[i].text);
        if (scanned)
          files[i].scanned = std::move(*scanned);
        else
          errors[i] = scanned.error();
      }
    }
  };
  {
    std::jthread second;
    if (files.size() > 2 * kAtOnce) second = std::jthread(work);
    work();
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (errors[i]) return errors[i]->during("read " + files[i].text.name);
  }
  return {};
}

Result<Format> find_format(const std::vector<File>& files, const std::vector<Marker>& of_paths,
                           Format named) {
  std::vector<const Marker*> markers;
  const auto add = [&](const Marker& marker) {
    const auto same = [&](const Marker* known) { return known->format == marker.format; };
    if (std::none_of(markers.begin(), markers.end(), same)) markers.push_back(&marker);
  };
  for (const Marker& marker : of_paths) add(marker);
  for (const File& file : files) {
    for (const Marker& marker : file.scanned.markers) add(marker);
  }
  const auto tells = [](const Marker& marker) {
    return marker.what + " is a mark of the format " + std::string(marker.format);
  };
  if (markers.size() > 1)
    return source_invalid("AmbiguousFormat", tells(*markers[0]) + ", " + tells(*markers[1]), markers[0]->at)
        .with_remedy("keep one format in a folder, or exclude the other files");
  if (!markers.empty() && named != Format::Auto)
    return source_invalid("AmbiguousFormat", tells(*markers[0]) + ", not of the one named", markers[0]->at)
        .with_remedy("correct spec.source.format, or exclude the file");
  if (!markers.empty())
    return source_invalid("UnsupportedFormat", tells(*markers[0]) + ", which is not read yet", markers[0]->at)
        .with_remedy(
            "write the scripts as VERSION_name.sql, or as pairs VERSION_name.up.sql and "
            "VERSION_name.down.sql");
  const auto pair = std::find_if(files.begin(), files.end(),
                                 [](const File& file) { return is_pair_file(base_name(file.text.name)); });
  if (named == Format::Plain && pair != files.end())
    return about("AmbiguousFormat", pair->text.name,
                 "a file of the format UpDown stands in a folder that is to be read as Plain");
  if (named != Format::Auto) return named;
  return pair != files.end() ? Format::UpDown : Format::Plain;
}

Result<Name> parse_name(const std::string& path, Format format) {
  std::string_view base = base_name(path);
  Name name;
  if (format == Format::UpDown) {
    if (!is_pair_file(base))
      return about("AmbiguousFormat", path, "is neither .up.sql nor .down.sql, as the other files are")
          .with_remedy("rename it, or exclude it");
    name.down = base.ends_with(".down.sql");
  }
  base.remove_suffix(std::string_view(format == Format::Plain ? ".sql"
                                      : name.down             ? ".down.sql"
                                                              : ".up.sql")
                         .size());
  const auto refuse = [&](const std::string& why) {
    return about("UnversionedFile", path, why + ": must be VERSION_name.sql, such as 0042_add_priority.sql")
        .with_remedy("rename it, or exclude it");
  };
  const std::size_t digits = std::min(base.find_first_not_of("0123456789."), base.size());
  const auto version = parse_version(base.substr(0, digits));
  if (!version) return refuse("has no version at its front");
  const std::string_view rest = base.substr(digits);
  const std::size_t separator = rest.starts_with("__")                           ? 2
                                : rest.starts_with('_') || rest.starts_with('-') ? 1
                                                                                 : 0;
  if (separator == 0 || rest.size() == separator) return refuse("has no name behind its version");
  name.version = *version;
  name.name = rest.substr(separator);
  return name;
}

/// Parts a Plain file at its line "-- dbm:rollback".
Result<> part(const File& file, Format format, Script& script) {
  script.forward = file.text;
  script.checksum = file.scanned.checksum;
  const auto& rollback = file.scanned.rollback;
  if (!rollback || format != Format::Plain) return {};
  if (rollback->has_statements && !rollback->has_forward)
    return source_invalid("RollbackOnly",
                          "all statements stand below '-- dbm:rollback', so that nothing of them would run",
                          rollback->at)
        .with_remedy("put the statements above '-- dbm:rollback', or take that line out");
  script.forward = part_of(file.text, 0, rollback->begin);
  const auto checksum = checksum_of(script.forward);
  if (!checksum) return checksum.error();
  script.checksum = *checksum;
  if (!rollback->has_statements) return {};
  Text back = part_of(file.text, rollback->next, file.text.size);
  back.lines_before = rollback->at.line - 1;
  const auto back_checksum = checksum_of(back);
  if (!back_checksum) return back_checksum.error();
  script.rollback = std::move(back);
  script.rollback_checksum = *back_checksum;
  return {};
}

Error duplicate(const Script& first, const Script& second) {
  const bool alike = first.version.id == second.version.id;
  return about("DuplicateVersion", second.forward.name,
               "has the version of " + first.forward.name +
                   (alike ? std::string()
                          : " (" + first.version.id + " and " + second.version.id + " are the same)"))
      .with_remedy("give one of them another version");
}

/// Rollback files find their scripts, which are sorted by now, by version and name.
Result<> attach(std::vector<std::pair<Name, File>>&& downs, std::vector<Script>& scripts) {
  for (auto& [name, file] : downs) {
    const auto up = std::lower_bound(scripts.begin(), scripts.end(), name.version,
                                     [](const Script& script, const Version& version) {
                                       return compare_keys(script.version.key, version.key) < 0;
                                     });
    if (up == scripts.end() || up->version != name.version || up->name != name.name)
      return about("OrphanRollback", file.text.name, "has no .up.sql of the same version and name");
    if (up->rollback)
      return about("DuplicateVersion", file.text.name, "is a second rollback of " + up->forward.name);
    up->rollback = std::move(file.text);
    up->rollback_checksum = file.scanned.checksum;
  }
  return {};
}

std::string digest_of(const std::vector<Script>& scripts) {
  Sha256 sha;
  std::string line;  // one update a script: each costs more than the bytes of a name
  const auto add = [&](std::string_view text) { line.append(text).push_back('\0'); };
  for (const Script& script : scripts) {
    line.clear();
    add(script.forward.name);
    add(script.checksum);
    add(script.rollback ? std::string_view(script.rollback->name) : std::string_view());
    add(script.rollback_checksum);
    sha.update(line);
  }
  return "sha256:" + sha.finish_hex();
}

/// Numbers and dates side by side sort as numbers, which may not be what was meant.
void note_mixed_versions(ScriptSet& set) {
  const auto is_date = [](const Script& script) {
    return script.version.key.find_first_of('.') == std::string::npos && script.version.key.size() == 14;
  };
  const auto dates = std::count_if(set.scripts.begin(), set.scripts.end(), is_date);
  if (dates > 0 && dates < static_cast<std::ptrdiff_t>(set.scripts.size()))
    set.notices.push_back(
        "DBM711: numbers and 14-digit times are mixed as versions: every number sorts before every time");
}

}  // namespace

Result<ScriptSet> read_set(std::vector<Text> texts, const ReadOptions& options) {
  ScriptSet set;
  std::vector<Marker> markers;
  std::vector<File> files = sort_out(std::move(texts), options, set, markers);
  if (const auto scanned = scan_all(files); !scanned) return scanned.error();
  const auto format = find_format(files, markers, options.format);
  if (!format) return format.error();
  set.format = *format;

  std::vector<std::pair<Name, File>> downs;
  set.scripts.reserve(files.size());
  for (File& file : files) {
    auto name = parse_name(file.text.name, set.format);
    if (!name) return name.error();
    if (name->down) {
      downs.emplace_back(std::move(*name), std::move(file));
      continue;
    }
    Script script{std::move(name->version), std::move(name->name), {}, {}, {}, {}};
    if (const auto parted = part(file, set.format, script); !parted) return parted.error();
    set.scripts.push_back(std::move(script));
  }
  const auto before = [](const Script& a, const Script& b) {
    const int order = compare_keys(a.version.key, b.version.key);
    return order != 0 ? order < 0 : a.forward.name < b.forward.name;
  };
  // Files come in the order of their names, which mostly is theirs; scripts are heavy to move.
  if (!std::is_sorted(set.scripts.begin(), set.scripts.end(), before))
    std::sort(set.scripts.begin(), set.scripts.end(), before);
  for (std::size_t i = 1; i < set.scripts.size(); ++i) {
    if (set.scripts[i - 1].version == set.scripts[i].version)
      return duplicate(set.scripts[i - 1], set.scripts[i]);
  }
  if (const auto attached = attach(std::move(downs), set.scripts); !attached) return attached.error();
  set.digest = digest_of(set.scripts);
  note_mixed_versions(set);
  return set;
}

}  // namespace dbm::script
