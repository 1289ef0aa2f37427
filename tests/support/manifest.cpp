#include "support/manifest.h"

namespace dbm::test {

std::string manifest(const ManifestOptions& options) {
  std::string metadata = "metadata: {name: " + options.name;
  std::string secret = "metadata: {name: " + options.name + "-db";
  if (!options.namespace_name.empty()) {
    metadata += ", namespace: " + options.namespace_name;
    secret += ", namespace: " + options.namespace_name;
  }
  std::string text = "apiVersion: v1\nkind: Secret\n" + secret + "}\nstringData:\n  url: \"" + options.url +
                     "\"\n---\n" + "apiVersion: dbmigration.dev/v1alpha1\nkind: DatabaseMigration\n" +
                     metadata + "}\nspec:\n" +
                     "  engine: PostgreSQL\n  connection:\n    secretRef: {name: " + options.name + "-db}\n";
  const auto field = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) text += "  " + name + ": " + value + "\n";
  };
  field("source", options.source);
  field("backup", options.backup);
  field("dryRun", options.dry_run);
  field("apply", options.apply);
  field("checks", options.checks);
  return text + options.more;
}

}  // namespace dbm::test
