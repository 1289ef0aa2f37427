#pragma once
/// The CRD and its description for people, made from the tables the decoder walks.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "migration/schema.h"

namespace dbm::migration {

nlohmann::ordered_json crd_document();
std::string crd_readme();

/// Every field with its path ("spec.backup.method", "spec.checks[].name"), parents first.
std::vector<std::pair<std::string, const schema::Field*>> all_fields(const schema::Field& root,
                                                                     const std::string& path);

}  // namespace dbm::migration
