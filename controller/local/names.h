#pragma once
/// Names as the API server takes them. Here they also become names of files, so nothing else may pass.

#include <string_view>

namespace dbm::local {

/// RFC 1123 subdomain: lower-case letters, digits, '-' and '.', at most 253.
bool is_object_name(std::string_view name);
/// RFC 1123 label: the same without dots, at most 63.
bool is_namespace_name(std::string_view name);
/// A key of a Secret or ConfigMap: letters, digits, '-', '_', '.', at most 253.
bool is_data_key(std::string_view key);

}  // namespace dbm::local
