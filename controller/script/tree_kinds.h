#pragma once
/// Kinds of statements whose class depends on more than what they are. `node` is the object inside, the value
/// of "IndexStmt". Internal to the room.

#include <nlohmann/json_fwd.hpp>

#include "script/classify.h"

namespace dbm::script {

void class_create_table(const nlohmann::json& node, StatementClass& out);
void class_create_as(const nlohmann::json& node, StatementClass& out);
void class_index(const nlohmann::json& node, StatementClass& out);
void class_reindex(const nlohmann::json& node, StatementClass& out);
void class_enum(const nlohmann::json& node, StatementClass& out);
void class_domain(const nlohmann::json& node, StatementClass& out);
void class_vacuum(const nlohmann::json& node, StatementClass& out);
void class_cluster(const nlohmann::json& node, StatementClass& out);
void class_copy(const nlohmann::json& node, StatementClass& out);
void class_subscription(const nlohmann::json& node, StatementClass& out);
void class_database(const nlohmann::json& node, StatementClass& out);
void class_tablespace(const nlohmann::json& node, StatementClass& out);
void class_transaction(const nlohmann::json& node, StatementClass& out);
void class_setting(const nlohmann::json& node, StatementClass& out);
void class_discard(const nlohmann::json& node, StatementClass& out);
void class_do(const nlohmann::json& node, StatementClass& out);
void class_grant(const nlohmann::json& node, StatementClass& out);
void class_refresh(const nlohmann::json& node, StatementClass& out);
void class_view(const nlohmann::json& node, StatementClass& out);
/// DO, CALL, EXECUTE: what it does is not in its text.
void class_opaque(StatementClass& out);

}  // namespace dbm::script
