#include "cli/configuration.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/yaml.h"

namespace dbm::cli {
namespace {

using Json = nlohmann::ordered_json;

/// One mapping of the file: hands out members, and knows where each stands for the error about it.
class Reader {
 public:
  Reader(const Json& value, const yaml::Positions& positions, std::string pointer)
      : value_(value), positions_(positions), pointer_(std::move(pointer)) {}

  /// Calls the reader of each member that is there; a member without one is UnknownField.
  Result<> read(
      const std::map<std::string, std::function<Result<>(const Reader&)>, std::less<>>& members) const {
    if (!value_.is_object()) return refuse("must be a mapping");
    for (const auto& [key, value] : value_.items()) {
      const Reader member{value, positions_, pointer_ + "/" + key};
      const auto known = members.find(key);
      if (known == members.end()) return member.refuse("is not a known field", "UnknownField");
      if (const auto done = known->second(member); !done) return done;
    }
    return {};
  }

  Result<> text(std::string& to) const {
    if (!value_.is_string() || value_.get_ref<const std::string&>().empty())
      return refuse("must be a string, not empty");
    to = value_.get<std::string>();
    return {};
  }
  Result<> boolean(bool& to) const {
    if (!value_.is_boolean()) return refuse("must be true or false");
    to = value_.get<bool>();
    return {};
  }
  Result<> texts(std::vector<std::string>& to) const {
    if (!value_.is_array()) return refuse("must be a list of strings");
    for (const auto& item : value_) {
      if (!item.is_string()) return refuse("must be a list of strings");
      to.push_back(item.get<std::string>());
    }
    return {};
  }
  Result<> word(std::string_view must_be) const {
    if (value_ != must_be) return refuse("must be " + std::string(must_be));
    return {};
  }
  [[nodiscard]] Error refuse(const std::string& what, const char* cause = "InvalidValue") const {
    Error error{ErrorKind::Terminal, "InvalidSpec",
                (pointer_.empty() ? "the document" : field()) + " " + what, cause};
    const auto at = positions_.find(pointer_);
    if (at != positions_.end()) error.at = at->second;
    return error;
  }
  [[nodiscard]] const Json& value() const { return value_; }
  [[nodiscard]] const std::string& pointer() const { return pointer_; }
  [[nodiscard]] const yaml::Positions& positions() const { return positions_; }

 private:
  /// "stores.default.directory" of "/stores/default/directory".
  [[nodiscard]] std::string field() const {
    std::string name = pointer_.substr(1);
    for (char& c : name) c = c == '/' ? '.' : c;
    return name;
  }

  const Json& value_;
  const yaml::Positions& positions_;
  std::string pointer_;
};

Result<> read_encryption(const Reader& reader, StoreEncryption& to) {
  std::string mode;
  const auto done = reader.read({
      {"mode", [&](const Reader& r) { return r.text(mode); }},
      {"reason", [&](const Reader& r) { return r.text(to.waived_reason); }},
      {"keySecretRef",
       [&](const Reader& ref) {
         return ref.read({{"name", [&](const Reader& r) { return r.text(to.secret_name); }},
                          {"key", [&](const Reader& r) { return r.text(to.secret_key); }}});
       }},
  });
  if (!done) return done;
  if (mode == "None" && to.secret_name.empty())
    return to.waived_reason.empty() ? Result<>{reader.refuse("needs a reason with mode None")} : Result<>{};
  if (!mode.empty() || !to.waived_reason.empty())
    return reader.refuse("must be {keySecretRef} or {mode: None, reason}");
  if (to.secret_name.empty() || to.secret_key.empty())
    return reader.refuse("must have keySecretRef {name, key}");
  return {};
}

Result<> read_stores(const Reader& reader, std::vector<StoreConfiguration>& to) {
  if (!reader.value().is_object()) return reader.refuse("must be a mapping of names to stores");
  for (const auto& [name, value] : reader.value().items()) {
    StoreConfiguration store{name, {}, {}};
    bool encrypted = false;
    const Reader entry{value, reader.positions(), reader.pointer() + "/" + name};
    const auto done = entry.read({
        {"directory",
         [&](const Reader& d) {
           return d.read({{"path", [&](const Reader& r) { return r.text(store.directory); }}});
         }},
        {"encryption",
         [&](const Reader& r) {
           encrypted = true;
           return read_encryption(r, store.encryption);
         }},
    });
    if (!done) return done;
    if (store.directory.empty()) return entry.refuse("must have directory {path}");
    if (!encrypted) return entry.refuse("must have encryption {keySecretRef} or {mode: None, reason}");
    if (!store.directory.starts_with('/')) return entry.refuse("must have an absolute directory.path");
    to.push_back(std::move(store));
  }
  return {};
}

Result<> read_log(const Reader& reader, std::string& level, std::string& format) {
  return reader.read({{"level", [&](const Reader& r) { return r.text(level); }},
                      {"format", [&](const Reader& r) { return r.text(format); }}});
}

Result<log::Level> level_of(const std::string& word) {
  static const std::map<std::string, log::Level, std::less<>> kLevels{{"debug", log::Level::Debug},
                                                                      {"info", log::Level::Info},
                                                                      {"warning", log::Level::Warning},
                                                                      {"error", log::Level::Error}};
  const auto found = kLevels.find(word);
  if (found == kLevels.end())
    return Error{ErrorKind::Terminal, "InvalidSpec", "log.level must be debug, info, warning or error",
                 "InvalidValue"};
  return found->second;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return Error{ErrorKind::Terminal, "InvalidSpec", "cannot read the configuration file " + path,
                 "NotFound"};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The file's part of the configuration, `level` and `format` left as words for flags to win over.
Result<> read_file_into(const std::string& path, Configuration& to, std::string& level, std::string& format) {
  const auto text = read_file(path);
  if (!text) return text.error();
  const auto documents = yaml::parse(*text, path);
  if (!documents) return documents.error();
  if (documents->size() != 1)
    return Error{ErrorKind::Terminal, "InvalidSpec", path + " must hold one OperatorConfiguration",
                 "InvalidValue"};
  const auto& document = documents->front();
  return Reader{*document.value, document.positions, ""}.read({
      {"apiVersion", [](const Reader& r) { return r.word("config.dbmigration.dev/v1alpha1"); }},
      {"kind", [](const Reader& r) { return r.word("OperatorConfiguration"); }},
      {"metadata", [](const Reader&) { return Result<>{}; }},
      {"stores", [&](const Reader& r) { return read_stores(r, to.stores); }},
      {"allowSuperuser", [&](const Reader& r) { return r.boolean(to.allow_superuser); }},
      {"allowedHosts", [&](const Reader& r) { return r.texts(to.allowed_hosts); }},
      {"sourceRoot", [&](const Reader& r) { return r.text(to.source_root); }},
      {"pgBinaries", [&](const Reader& r) { return r.text(to.pg_binaries); }},
      {"log", [&](const Reader& r) { return read_log(r, level, format); }},
  });
}

/// NAME=VALUE of a flag.
Result<std::pair<std::string, std::string>> split_flag(const std::string& flag, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return Error{ErrorKind::Terminal, "InvalidSpec",
                 flag + " must be NAME=VALUE, such as default=/srv/backups", "InvalidValue"};
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

Result<> add_flag_stores(const Options& options, Configuration& to) {
  for (const std::string& text : options.stores) {
    const auto flag = split_flag("--store", text);
    if (!flag) return flag.error();
    std::erase_if(to.stores, [&](const auto& store) { return store.name == flag->first; });
    to.stores.push_back(
        {flag->first, std::filesystem::absolute(flag->second).lexically_normal().string(), {}});
  }
  for (const std::string& text : options.store_keys) {
    const auto flag = split_flag("--store-key", text);
    if (!flag) return flag.error();
    const auto store = std::find_if(to.stores.begin(), to.stores.end(),
                                    [&](const auto& s) { return s.name == flag->first; });
    if (store == to.stores.end() || !flag->second.starts_with('@'))
      return Error{ErrorKind::Terminal, "InvalidSpec",
                   "--store-key must be NAME=@FILE, with a store of that name", "InvalidValue"};
    store->encryption = {};
    store->encryption.key_file = flag->second.substr(1);
  }
  return {};
}

}  // namespace

Result<Configuration> read_configuration(const Options& options) {
  Configuration configuration;
  std::string level = "warning";
  std::string format = "text";
  if (!options.config.empty()) {
    const auto read = read_file_into(options.config, configuration, level, format);
    if (!read) return read.error();
  }
  if (const auto added = add_flag_stores(options, configuration); !added) return added.error();
  if (options.allow_superuser) configuration.allow_superuser = *options.allow_superuser;
  if (!options.allowed_hosts.empty()) configuration.allowed_hosts = options.allowed_hosts;
  if (!options.source_root.empty()) configuration.source_root = options.source_root;
  if (!options.pg_binaries.empty()) configuration.pg_binaries = options.pg_binaries;
  if (!options.log_level.empty()) level = options.log_level;
  if (!options.log_format.empty()) format = options.log_format;
  const auto read_level = level_of(level);
  if (!read_level) return read_level.error();
  configuration.log_level = *read_level;
  if (format != "text" && format != "json")
    return Error{ErrorKind::Terminal, "InvalidSpec", "log.format must be text or json", "InvalidValue"};
  configuration.log_format = format == "json" ? log::Format::Json : log::Format::Text;
  return configuration;
}

}  // namespace dbm::cli
