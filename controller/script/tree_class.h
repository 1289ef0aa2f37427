#pragma once
/// What a parse tree (libpg_query's JSON) says of a statement. Internal to the room.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "script/classify.h"
#include "script/summary.h"

namespace dbm::script {

/// Classes one statement: `node` is the object with one member, {"IndexStmt": {…}}.
StatementClass class_of_tree(const nlohmann::json& node);
/// ALTER TABLE and what it alters besides tables.
void class_alter_table(const nlohmann::json& statement, StatementClass& out);
/// DROP, RENAME, COMMENT, REVOKE: what is named as lost.
void class_drop(const nlohmann::json& statement, StatementClass& out);
void class_rename(const nlohmann::json& statement, StatementClass& out);
void class_comment(const nlohmann::json& statement, StatementClass& out);

/// What the first keywords say. `exact`: they say all there is to say, as far as classes go.
struct KeywordClass {
  StatementClass what;
  bool exact = false;
};
KeywordClass class_of_keywords(const Summary& summary);
/// Whether class_of_keywords would be exact.
bool keywords_suffice(const Summary& summary);

/// A name as it would be written: quoted where it must be.
std::string quote_name(std::string_view name);
/// "schema.table" of a RangeVar.
std::string relation_name(const nlohmann::json& range);
/// "a.b" of a list of String nodes.
std::string dotted_name(const nlohmann::json& list);
/// A member's text, or "" when it is not there.
std::string text_at(const nlohmann::json& object, const char* member);
bool flag_at(const nlohmann::json& object, const char* member);
const nlohmann::json& at(const nlohmann::json& object, const char* member);
/// The value of an option such as (concurrently), as text; nullptr-like empty optional when it is not there.
bool option_is_on(const nlohmann::json& options, std::string_view name, bool missing);

/// What is called and touched anywhere in a tree, found without recursion.
struct Contents {
  std::vector<std::string>
      functions;  ///< Last names, "schema.name" where the schema is not pg_catalog; lower case.
  std::vector<std::string> relations;  ///< As written, each once, at most 64.
  bool inserts = false, deletes = false, merges = false, updates = false;
  bool update_loses = false;  ///< An UPDATE whose WHERE does not say that what it sets is NULL.
};
Contents contents_of(const nlohmann::json& tree);

/// Puts what is called into the class. `runs`: the calls are made by the statement itself, not stored for
/// later. True when a function is called of which nothing is known.
bool judge_functions(const Contents& contents, bool runs, StatementClass& out);
bool is_volatile(const std::string& function);

/// The heavier of two lock classes.
LockClass heavier(LockClass a, LockClass b);

}  // namespace dbm::script
