/// `dbm create`: a new script file whose version is the time, so that two people rarely choose the same.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/deadline.h"
#include "base/yaml.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/wiring.h"

namespace dbm::cli {
namespace {

namespace fs = std::filesystem;

bool is_name(const std::string& text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), fits);
}

/// 14 digits, UTC.
std::string version_of_now() {
  std::string text = to_compact_utc(std::chrono::system_clock::now());
  std::erase_if(text, [](char c) { return c == 'T' || c == 'Z'; });
  return text;
}

std::string head_of(const Options& options) {
  const std::string what = options.description.empty() ? options.name : options.description;
  return "-- " + what + "\n-- Created " + to_rfc3339(std::chrono::system_clock::now()) + "\n\n";
}

/// Writes a file that must not exist yet.
Result<> write_new(const fs::path& path, const std::string& text) {
  const auto fail = [&](const std::string& why) {
    return Error{ErrorKind::Terminal, "InvalidSpec", "cannot write " + path.string() + ": " + why,
                 "InvalidValue"};
  };
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return fail(std::generic_category().message(errno));
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  if (!written) return fail("not all of it could be written");
  return {};
}

/// The folder of a manifest's source.directory.
Result<fs::path> folder_of_manifest(const Options& options) {
  const auto wiring = Wiring::make(options, Wiring::Need::Objects);
  if (!wiring) return wiring.error();
  const auto objects = (*wiring)->migrations();
  if (!objects) return objects.error();
  if (objects->size() != 1)
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "-f must name one DatabaseMigration for create; found " + std::to_string(objects->size()),
                 "InvalidValue"};
  const auto& object = objects->front();
  const auto& document = *object.document;
  const auto directory =
      document.value(nlohmann::ordered_json::json_pointer("/spec/source/directory/path"), std::string());
  if (directory.empty())
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 "the manifest has no source.directory; say where with --dir", "InvalidValue"}
        .with_position({object.file, 0, 0});
  return fs::path(object.file).parent_path() / directory;
}

Result<fs::path> folder_for(const Options& options) {
  if (!options.directory.empty()) return fs::path(options.directory);
  if (!options.files.empty()) return folder_of_manifest(options);
  return fs::path(".");
}

}  // namespace

ExitCode run_create(const Options& options) {
  if (!is_name(options.name)) {
    complain({ErrorKind::Terminal, "InvalidSpec", "NAME must be 1 to 100 letters, digits, _ or -",
              "InvalidValue"});
    return kUsage;
  }
  const auto folder = folder_for(options);
  if (!folder) return complain(folder.error()), kUsage;
  const fs::path base = *folder / (version_of_now() + "_" + options.name);
  struct NewFile {
    std::string suffix, text;
  };
  std::vector<NewFile> files;
  if (options.up_down) {
    files = {{".up.sql", head_of(options)}, {".down.sql", head_of(options)}};
  } else {
    // Nothing stands behind the place where people append.
    files = {{".sql", head_of(options)}};
  }
  for (const auto& [suffix, text] : files) {
    const fs::path path = base.string() + suffix;
    if (const auto written = write_new(path, text); !written) return complain(written.error()), kFailed;
    print(path.lexically_normal().string() + "\n");
  }
  return kDone;
}

}  // namespace dbm::cli
