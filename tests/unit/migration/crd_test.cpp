/// The CRD, the decoder and crds/README.md say the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/yaml.h"
#include "unit/migration/crd_document.h"

namespace dbm::migration {
namespace {

const std::string kFolder = std::string(DBM_SOURCE_DIR) + "/crds/";
const std::string kCrd = kFolder + "dbmigration.dev_databasemigrations.yaml";
const std::string kReadme = kFolder + "README.md";

std::string content(const std::string& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void update(const std::string& file, const std::string& text) {
  if (std::getenv("DBM_UPDATE_GOLDEN") != nullptr) std::ofstream{file} << text;
}

TEST(Crd, IsMadeOfTheTablesTheDecoderWalks) {
  update(
      kCrd,
      "# What it means: README.md. Made from controller/migration/schema*.cpp; unit_migration compares.\n" +
          yaml::emit(crd_document()));

  const auto documents = yaml::parse(content(kCrd), kCrd);

  ASSERT_TRUE(documents) << documents.error().message;
  ASSERT_EQ(documents->size(), 1u);
  EXPECT_EQ(nlohmann::json(*documents->front().value), nlohmann::json(crd_document()));
}

TEST(Crd, ReadmeDescribesEveryField) {
  update(kReadme, crd_readme());

  EXPECT_EQ(content(kReadme), crd_readme());
}

TEST(Crd, EveryFieldHasADescriptionAndABound) {
  for (const auto* root : {&schema::spec(), &schema::status()}) {
    for (const auto& [path, field] : all_fields(*root, root->name)) {
      EXPECT_STRNE(field->docs, "") << path;
      const bool bounded =
          field->type == schema::Type::Object || field->type == schema::Type::Boolean || field->most > 0;
      EXPECT_TRUE(bounded) << path;
      EXPECT_EQ(field->pattern != nullptr && path.rfind("spec", 0) == 0, field->must != nullptr) << path;
      if (field->pattern != nullptr) {
        EXPECT_NO_THROW(std::regex{field->pattern}) << path;
      }
    }
  }
}

TEST(Crd, DefaultsAreValidValues) {
  for (const auto& [path, field] : all_fields(schema::spec(), "spec")) {
    if (field->initial == nullptr) continue;
    const auto checked = schema::check(*field, nlohmann::ordered_json::parse(field->initial), "/x", {});
    EXPECT_TRUE(checked) << path;
  }
}

TEST(Crd, RulesUseReasonsThatTheServerKnows) {
  for (const auto& [path, field] : all_fields(schema::spec(), "spec")) {
    for (const schema::Rule& rule : field->rules)
      EXPECT_THAT(rule.reason,
                  testing::AnyOf(testing::StrEq("FieldValueInvalid"), testing::StrEq("FieldValueForbidden"),
                                 testing::StrEq("FieldValueRequired")))
          << path;
  }
}

TEST(Crd, ConditionsComeFirstInStatusAndAnUnseenObjectIsNeverCurrent) {
  EXPECT_STREQ(schema::status().members.front().name, "conditions");
  EXPECT_STREQ(schema::status().initial, "{\"observedGeneration\":-1}");
}

}  // namespace
}  // namespace dbm::migration
