#pragma once
/// Pieces the schema's tables share; seen only by them and by whoever checks the parameters of a URL.

#include <nlohmann/json_fwd.hpp>

#include "migration/schema.h"

namespace dbm::migration::schema {

using Json = nlohmann::ordered_json;

constexpr const char* kDnsName = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
constexpr const char* kDnsNameMust =
    "must be a name as Kubernetes has them: lower-case letters, digits, '-' and '.'";
constexpr const char* kDnsLabel = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
constexpr const char* kDnsLabelMust =
    "must be a DNS label: lower-case letters, digits and '-', a letter or digit at both ends";
constexpr const char* kPlainName = "^[^\\x00-\\x1f\\x7f\"]*$";

constexpr Field object_name(const char* name, const char* docs, bool required) {
  return {.name = name,
          .type = Type::String,
          .docs = docs,
          .required = required,
          .pattern = kDnsName,
          .must = kDnsNameMust,
          .least = 1,
          .most = 253};
}
/// A name of PostgreSQL's, at most 63 bytes there.
constexpr Field plain_name(const char* name, const char* docs) {
  return {.name = name,
          .type = Type::String,
          .docs = docs,
          .pattern = kPlainName,
          .must = "must have no quotes and no control characters",
          .most = 63};
}

const Field& connection();
/// The parameters of spec.connection alone: those of a URL obey the same table.
const Field& connection_parameters();
const Field& source();
const Field& checks();

}  // namespace dbm::migration::schema
