#pragma once
/// Objects for tests.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "kubernetes/objects.h"

namespace dbm::migration {

using Json = nlohmann::ordered_json;

inline Json small_spec() {
  return {
      {"connection", {{"secretRef", {{"name", "orders-db"}}}}},
      {"source",
       {{"inline", Json::array({{{"name", "0001_orders.sql"}, {"sql", "CREATE TABLE orders (id int)"}}})}}}};
}

inline kubernetes::Object object_of(Json spec, Json status = nullptr) {
  kubernetes::Object object;
  object.key = {"DatabaseMigration", "shop", "orders"};
  object.uid = "u-1";
  object.generation = 1;
  object.resource_version = "1";
  object.file = "orders.yaml";
  Json document = {{"apiVersion", "dbmigration.dev/v1alpha1"},
                   {"kind", "DatabaseMigration"},
                   {"metadata", {{"name", "orders"}, {"namespace", "shop"}}},
                   {"spec", std::move(spec)}};
  if (!status.is_null()) document["status"] = std::move(status);
  object.document = std::make_shared<const Json>(std::move(document));
  object.position = [](const std::string& pointer) {
    return Position{"orders.yaml", static_cast<int>(pointer.size()), 1};
  };
  return object;
}

}  // namespace dbm::migration
