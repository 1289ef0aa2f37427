#pragma once
/// A status for people, and the whole object for programs.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "kubernetes/objects.h"
#include "migration/object.h"

namespace dbm::cli {

/// The object as read, with this status in place of its own.
nlohmann::ordered_json with_status(const kubernetes::Object& object, const migration::Status& status);

/// Several lines: where it is, what holds it and what to do, backup, checks, conditions.
std::string describe(const kubernetes::Object& object, const migration::Status& status);

/// One line: "orders: Ready, Succeeded: …".
std::string summarize(const kubernetes::Object& object, const migration::Status& status);

}  // namespace dbm::cli
