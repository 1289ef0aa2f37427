/// The only file that knows CLI11: it is slow to compile, and verbs should read values, not parsers.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/units.h"
#include "cli/options.h"
#include "cli/version.h"

namespace dbm::cli {
namespace {

constexpr const char* kRootHelp =
    "Examples:\n"
    "  dbm plan  -f orders.yaml          what would be done, and why; touches nothing\n"
    "  dbm apply -f orders.yaml          backup, dry run, apply, validate; safe to repeat and to kill\n"
    "  dbm status -f orders.yaml         where the database is\n"
    "  dbm create add_priority           a new script with a version of its own\n"
    "\n"
    "Exit codes: 0 done or nothing to do, 1 failed, 2 usage or manifest, 3 waits for a person,\n"
    "            4 a check failed, 5 --timeout passed while waiting.\n"
    "A flag that `dbm VERB --help` shows with (Env:NAME) can be given as that environment variable too.";

constexpr const char* kApplyHelp =
    "Examples:\n"
    "  dbm apply -f orders.yaml\n"
    "  dbm apply -f migrations/ --secret orders-db=password:env:ORDERS_PASSWORD\n"
    "  dbm apply -f orders.yaml --store default=/srv/backups --store-key default=@/etc/dbm/key\n"
    "  dbm apply -f orders.yaml -o json | jq .status.conditions\n"
    "\n"
    "The status is written to NAME.status.yaml beside the manifest; it may be deleted at any time.\n"
    "Killed half way? Type the same again: what is done is found in the ledger, the rest is done once.";

constexpr const char* kPlanHelp =
    "Examples:\n"
    "  dbm plan -f orders.yaml\n"
    "  dbm plan -f orders.yaml -o json | jq '.scripts[].why'\n"
    "\n"
    "Reads the source and the database, creates and changes nothing.";

constexpr const char* kResolveHelp =
    "Examples:\n"
    "  dbm resolve 0042=applied -f orders.yaml    it has taken effect: record it, go on after it\n"
    "  dbm resolve 0042=pending -f orders.yaml    it has not: run it again\n"
    "  dbm resolve 0042=pending --again -f orders.yaml   it was applied, and undone by hand since\n"
    "\n"
    "For a script whose outcome a crash left unknown (exit code 3). Look at the database first;\n"
    "`dbm status` says at what.";

constexpr const char* kBackupHelp =
    "Examples:\n"
    "  dbm backup list -f orders.yaml             the backups there are, newest first\n"
    "  dbm backup verify -f orders.yaml           reads the newest one back whole\n"
    "\n"
    "`dbm apply` takes backups, `dbm restore` restores one into a new database.";

constexpr const char* kRestoreHelp =
    "Examples:\n"
    "  dbm backup list -f orders.yaml\n"
    "  dbm restore 0042-pre-20261125T120000Z-4f2a --into orders_check -f orders.yaml\n"
    "  dbm restore --into orders_check -f orders.yaml      the newest verified backup\n"
    "\n"
    "Restores into a new database only, never over one that exists, and compares row counts and\n"
    "content sums with those taken at backup. Exit code 4 when they differ.";

constexpr const char* kCreateHelp =
    "Examples:\n"
    "  dbm create add_priority                          in the current folder\n"
    "  dbm create add_priority 'Tickets get a priority' -f orders.yaml   in its source.directory\n"
    "  dbm create add_priority --up-down --dir db/migrations";

/// A value that must be one of these words.
CLI::Validator one_of(std::vector<std::string> words) {
  return {[words = std::move(words)](const std::string& text) {
            if (std::find(words.begin(), words.end(), text) != words.end()) return std::string{};
            std::string all;
            for (const std::string& word : words)
              all += (all.empty() ? "" : &word == &words.back() ? " or " : ", ") + word;
            return "must be " + all + ", not '" + text + "'";
          },
          ""};
}

/// Options that name the objects and what they need, alike for every verb that takes -f.
void add_object_options(CLI::App& app, Options& to, bool required) {
  auto* files =
      app.add_option("-f,--filename", to.files, "Manifest file or folder; may be given several times")
          ->type_name("PATH")
          ->envname("DBM_FILENAME");
  if (required) files->required();
  app.add_option("--secret", to.secrets, "A Secret's entry: NAME=KEY:@FILE or NAME=KEY:env:VAR")
      ->type_name("ENTRY");
  app.add_option("--source-root", to.source_root,
                 "Folder that source.directory may not leave (default: the version-control root)")
      ->type_name("DIR")
      ->envname("DBM_SOURCE_ROOT");
  app.add_option("--status-dir", to.status_dir,
                 "Where NAME.status.yaml is written (default: beside the manifest)")
      ->type_name("DIR")
      ->envname("DBM_STATUS_DIR");
}

void add_configuration_options(CLI::App& app, Options& to) {
  app.add_option("--config", to.config, "OperatorConfiguration file")
      ->type_name("FILE")
      ->envname("DBM_CONFIG");
  app.add_option("--store", to.stores, "A backup store: NAME=DIR")
      ->type_name("NAME=DIR")
      ->delimiter(',')
      ->envname("DBM_STORE");
  app.add_option("--store-key", to.store_keys, "A store's encryption key, 32 bytes raw or base64: NAME=@FILE")
      ->type_name("NAME=@FILE")
      ->delimiter(',')
      ->envname("DBM_STORE_KEY");
  app.add_option("--allowed-hosts", to.allowed_hosts, "Database hosts that may be used (default: any)")
      ->type_name("HOST")
      ->delimiter(',')
      ->envname("DBM_ALLOWED_HOSTS");
  app.add_option("--pg-binaries", to.pg_binaries, "Folder of pg_dump and pg_restore, % is the major version")
      ->type_name("DIR")
      ->envname("DBM_PG_BINARIES");
  app.add_flag_callback(
         "--allow-superuser", [&to] { to.allow_superuser = true; },
         "Accept a login that is superuser or BYPASSRLS (a script can then do anything)")
      ->envname("DBM_ALLOW_SUPERUSER");
  app.add_option("--log-level", to.log_level, "debug, info, warning or error")
      ->check(one_of({"debug", "info", "warning", "error"}))
      ->envname("DBM_LOG_LEVEL");
  app.add_option("--log-format", to.log_format, "text or json")
      ->check(one_of({"text", "json"}))
      ->envname("DBM_LOG_FORMAT");
}

void add_output_option(CLI::App& app, Options& to) {
  const auto read = [&to](const std::string& text) {
    to.output = text == "json" ? Output::Json : text == "yaml" ? Output::Yaml : Output::Table;
  };
  app.add_option_function<std::string>("-o,--output", read, "table, json or yaml")
      ->check(one_of({"table", "json", "yaml"}))
      ->type_name("FORMAT");
}

void add_timeout_option(CLI::App& app, Options& to) {
  const auto read = [&to](const std::string& text) {
    const auto span = parse_duration(text);
    if (!span) throw CLI::ValidationError("--timeout", span.error().message);
    to.timeout = *span;
  };
  app.add_option_function<std::string>("--timeout", read,
                                       "How long to wait and retry, such as 90s or 1h; 0s: for ever")
      ->type_name("DURATION")
      ->default_str("10m")
      ->envname("DBM_TIMEOUT");
}

struct VerbHelp {
  const char* name;
  const char* summary;
  const char* footer;
};

/// A verb that works on objects: everything but `create` and `version`.
CLI::App* add_object_verb(CLI::App& parent, Options& to, const VerbHelp& help) {
  CLI::App* app = parent.add_subcommand(help.name, help.summary);
  if (*help.footer != '\0') app->footer(help.footer);
  add_object_options(*app, to, true);
  add_configuration_options(*app, to);
  add_output_option(*app, to);
  add_timeout_option(*app, to);
  return app;
}

void add_apply(CLI::App& root, Options& to) {
  CLI::App* app =
      add_object_verb(root, to, {"apply", "Take each database where its manifest says", kApplyHelp});
  app->add_flag("--take-over", to.take_over,
                "Accept another owner of the ledger, or a database whose identity changed");
  app->add_flag("-q,--quiet", to.quiet, "No progress on standard error, each error in one line");
}

void add_resolve(CLI::App& root, Options& to) {
  CLI::App* app = add_object_verb(
      root, to, {"resolve", "Say what became of a script whose outcome is unknown", kResolveHelp});
  const auto read = [&to](const std::string& text) {
    const auto equals = text.rfind('=');
    const std::string outcome = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (outcome != "applied" && outcome != "pending")
      throw CLI::ValidationError("VERSION=applied|pending",
                                 "must end in =applied or =pending, such as 0042=applied");
    to.resolve_version = text.substr(0, equals);
    to.resolve_applied = outcome == "applied";
  };
  app->add_option_function<std::string>("outcome", read, "VERSION=applied or VERSION=pending")
      ->required()
      ->type_name("VERSION=applied|pending");
  app->add_flag("--again", to.again,
                "With pending: run it once more even though the ledger says it is applied");
}

void add_backup(CLI::App& root, Options& to) {
  CLI::App* backup = root.add_subcommand("backup", "List and verify stored backups");
  backup->footer(kBackupHelp);
  backup->require_subcommand(1);
  add_object_verb(*backup, to,
                  {"list", "List the backups of a ledger, newest first",
                   "Examples:\n  dbm backup list -f orders.yaml\n  dbm backup list -f orders.yaml -o json"});
  CLI::App* verify =
      add_object_verb(*backup, to,
                      {"verify", "Read a stored backup back and verify it",
                       "Examples:\n  dbm backup verify -f orders.yaml          the newest\n"
                       "  dbm backup verify 0042-pre-20261125T120000Z-4f2a -f orders.yaml --level Decode"});
  verify->add_option("id", to.backup_id, "Which backup (default: the newest)")->type_name("ID");
  verify->add_option("--level", to.verify_level, "Checksum, Decode or Structure (default)")
      ->check(one_of({"Checksum", "Decode", "Structure"}));
}

void add_restore(CLI::App& root, Options& to) {
  CLI::App* app = add_object_verb(
      root, to, {"restore", "Restore a backup into a new database and compare", kRestoreHelp});
  app->add_option("id", to.backup_id, "Which backup (default: the newest verified)")->type_name("ID");
  app->add_option("--into", to.into, "The database to create")->required()->type_name("NEWDATABASE");
}

void add_create(CLI::App& root, Options& to) {
  CLI::App* app = root.add_subcommand("create", "Write a new script with a version of its own");
  app->footer(kCreateHelp);
  app->add_option("name", to.name, "A short name: letters, digits, _ and -")->required()->type_name("NAME");
  app->add_option("description", to.description, "One line for the head of the file")
      ->type_name("DESCRIPTION");
  app->add_option("--dir", to.directory, "The folder (default: source.directory of -f, else this one)")
      ->type_name("DIR");
  app->add_flag("--up-down", to.up_down, "A pair NAME.up.sql and NAME.down.sql");
  add_object_options(*app, to, false);
}

void add_verbs(CLI::App& root, Options& to) {
  add_apply(root, to);
  add_object_verb(root, to, {"plan", "Show what apply would do, and why", kPlanHelp});
  add_object_verb(root, to,
                  {"status", "Show where the database is",
                   "Examples:\n  dbm status -f orders.yaml\n  dbm status -f orders.yaml -o yaml"});
  add_object_verb(
      root, to,
      {"history", "Show every attempt of every script",
       "Examples:\n  dbm history -f orders.yaml --limit 20\n  dbm history -f orders.yaml -o json"})
      ->add_option("--limit", to.limit, "At most so many, newest first (default: all)")
      ->check(CLI::NonNegativeNumber);
  add_object_verb(root, to,
                  {"validate", "Run the checks now",
                   "Examples:\n  dbm validate -f orders.yaml\n\nChanges nothing. Exit code 4 when a check of "
                   "severity Error fails."});
  add_resolve(root, to);
  add_backup(root, to);
  add_restore(root, to);
  add_create(root, to);
#ifdef DBM_INJECTION
  root.add_subcommand("inject-points", "List the fault injection points of this build");
#endif
}

/// The name of the innermost verb that was given: "backup list".
std::string verb_of(const CLI::App& root) {
  std::string verb;
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    verb += (verb.empty() ? "" : " ") + app->get_name();
  }
  return verb;
}

/// The innermost verb that was given; the program itself when none was.
const CLI::App& innermost(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

/// What is wrong with the command line. Of what was not expected only names of flags and verbs are shown: the
/// rest may be a secret that slipped.
std::string wrong(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = innermost(root);
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  const auto rest = root.remaining(true);
  if (!verbs.empty()) {
    std::string all;
    for (const CLI::App* verb : verbs)
      if (verb->get_name() != "inject-points") all += (all.empty() ? "" : ", ") + verb->get_name();
    return (rest.empty() ? "a verb must be given, one of " : "there is no such verb; they are ") + all;
  }
  const bool unexpected = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  if (!unexpected) return error.what();
  const auto flag = std::find_if(rest.begin(), rest.end(), [](const auto& text) { return text[0] == '-'; });
  if (flag == rest.end()) return "more was given than this verb takes";
  return "there is no flag " + flag->substr(0, flag->find('='));
}

}  // namespace

Parsed parse(int argc, const char* const* argv) {
  CLI::App root{
      "dbm takes a database schema where a DatabaseMigration says: backup, dry run, apply, validate; each "
      "script exactly once."};
  root.name("dbm");
  root.footer(kRootHelp);
  root.set_version_flag("--version", std::string("dbm ") + kVersion);
  root.require_subcommand(1);
  root.get_formatter()->column_width(34);
  Parsed parsed;
  Options options;
  add_verbs(root, options);
  try {
    root.parse(argc, argv);
    options.verb = verb_of(root);
    parsed.options = std::move(options);
  } catch (const CLI::CallForHelp&) {
    parsed.message = root.help();  // of the innermost verb that was named
  } catch (const CLI::CallForVersion&) {
    parsed.message = std::string("dbm ") + kVersion + "\n";
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = kUsage;
    parsed.message = "dbm: " + wrong(root, error) + "; see `dbm " + verb_of(root) +
                     (verb_of(root).empty() ? "" : " ") + "--help`\n";
  }
  return parsed;
}

}  // namespace dbm::cli
