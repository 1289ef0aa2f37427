#include "base/yaml.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dbm {
namespace {

using Json = nlohmann::ordered_json;

Json one(std::string_view text) {
  const auto documents = yaml::parse(text, "m.yaml");
  if (!documents) return "ERROR " + to_string(documents.error().at) + " " + documents.error().message;
  return documents->size() == 1 ? *documents->front().value : Json(documents->size());
}

std::string refusal(std::string_view text) {
  const auto documents = yaml::parse(text, "m.yaml");
  if (documents) return "accepted";
  EXPECT_EQ(documents.error().reason, "InvalidSpec");
  EXPECT_EQ(documents.error().cause, "InvalidValue");
  return to_string(documents.error().at) + " " + documents.error().message;
}

TEST(Yaml, ReadsScalarsByTheJsonSchema) {
  EXPECT_EQ(one("a: [true, false, null, ~, 1, -2, 1.5, 1e3, 18446744073709551616]").dump(),
            R"({"a":[true,false,null,null,1,-2,1.5,1000.0,1.8446744073709552e+19]})");
  EXPECT_EQ(one("a: [yes, on, True, 0042, 017, 0x1F, 1.0.0, 1_000, .5, 12:30, 1e999, +1]").dump(),
            R"({"a":["yes","on","True","0042","017","0x1F","1.0.0","1_000",".5","12:30","1e999","+1"]})");
  EXPECT_EQ(one("a: ['1', \"true\", 'null', \"\", |\n  7\n]").is_string(),
            true);  // a block cannot stand in a flow list
  EXPECT_EQ(one("a: '1'\nb: \"true\"\nc: 'null'\nd: \"\"\ne: |\n  7\nf:\n").dump(),
            R"({"a":"1","b":"true","c":"null","d":"","e":"7\n","f":null})");
}

TEST(Yaml, ReadsJson) {
  const std::string sql(5000, 'x');
  EXPECT_EQ(
      one("{\n\t\"a\": {\"b\": [1, \"2\", \"\\u00e9\\/\\n\"]},\"sql\":\"" + sql + "\",\"c\":{}}\n").dump(),
      "{\"a\":{\"b\":[1,\"2\",\"\xc3\xa9/\\n\"]},\"sql\":\"" + sql + "\",\"c\":{}}");
}

TEST(Yaml, ReadsSeveralDocumentsAndLeavesEmptyOnesOut) {
  const auto documents = yaml::parse(
      "# only a comment\n---\na: 1\n---\n---\n{b: 2}\n...\n--- # c\nc: |\n  --- not a marker\n", "m.yaml");

  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 3u);
  EXPECT_EQ((*documents)[2].value->dump(), R"({"c":"--- not a marker\n"})");
  EXPECT_EQ((*documents)[2].positions.at("/c"), (Position{"m.yaml", 9, 4}));
  EXPECT_TRUE(yaml::parse("", "m.yaml")->empty());
}

TEST(Yaml, KnowsWhereEachValueStands) {
  const auto documents = yaml::parse(
      "\xef\xbb\xbfspec:\n  source:\n    inline:\n    - name: a.sql\n      a/b~c: 7\n  empty:\n", "m.yaml");
  ASSERT_TRUE(documents);
  const auto& positions = documents->front().positions;

  EXPECT_EQ(positions.at("/spec"), (Position{"m.yaml", 1, 1}));
  EXPECT_EQ(positions.at("/spec/source"), (Position{"m.yaml", 2, 3}));
  EXPECT_EQ(positions.at("/spec/source/inline/0"), (Position{"m.yaml", 4, 7}));
  EXPECT_EQ(positions.at("/spec/source/inline/0/name"), (Position{"m.yaml", 4, 13}));
  EXPECT_EQ(positions.at(yaml::pointer("/spec/source/inline/0", "a/b~c")), (Position{"m.yaml", 5, 14}));
  EXPECT_EQ(positions.at("/spec/empty"), (Position{"m.yaml", 6, 3}));
  EXPECT_EQ(yaml::position_of(positions, "m.yaml", "/spec/source/inline/7/sql"), (Position{"m.yaml", 3, 5}));
  EXPECT_EQ(yaml::position_of({}, "m.yaml", "/x"), (Position{"m.yaml"}));
}

TEST(Yaml, ExpandsAnAliasAndRefusesABomb) {
  EXPECT_EQ(one("a: &x {k: [1]}\nb: *x\nc: &y text\nd: *y\n").dump(),
            R"({"a":{"k":[1]},"b":{"k":[1]},"c":"text","d":"text"})");

  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k > 0 ? ",*a" : "*a") + before;
    bomb += "]\n";
  }
  EXPECT_EQ(refusal(bomb), "m.yaml:5:38 more than 100000 values, aliases expanded");
  EXPECT_EQ(refusal("a: &a [*a]\n"), "m.yaml:1:8 an alias cannot stand inside what it refers to");
}

TEST(Yaml, EndsOnTheTextsThatYamlCppLoopsOn) {
  EXPECT_EQ(refusal(","), "m.yaml:1 not YAML: something follows that does not belong to the document");
  EXPECT_EQ(refusal("a: 1\n---\n, b"),
            "m.yaml:3 not YAML: something follows that does not belong to the document");
  EXPECT_NE(refusal("{a: 1} }"), "accepted");
  EXPECT_NE(refusal("]"), "accepted");
}

TEST(Yaml, RefusesWhatAManifestMayNotHold) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3\n"), "m.yaml:3:1 key 'a' stands here twice, first in line 1");
  EXPECT_EQ(refusal("a: !!str 017\n"),
            "m.yaml:1:4 tags such as !!str are not supported; quote the text instead");
  EXPECT_EQ(refusal("a: &x {k: 1}\nb:\n  <<: *x\n"), "m.yaml:3:3 merge keys (<<) are not supported");
  EXPECT_EQ(refusal("? [a]\n: 1\n"), "m.yaml:1:3 a key must be text");
  EXPECT_EQ(refusal("%YAML 1.2\n---\na: 1\n"),
            "m.yaml:1:1 YAML directives (%…) are not supported; remove the line");
  EXPECT_EQ(refusal("a: 1\nb: \xff\n"), "m.yaml:2:4 not UTF-8");
  EXPECT_EQ(refusal("a: \xed\xa0\x80\n"), "m.yaml:1:4 not UTF-8");
  EXPECT_EQ(refusal(std::string("a: x\0y\n", 7)),
            "m.yaml:1:5 a control character; write it as an escape in a quoted text");
  EXPECT_EQ(refusal("a: " + std::string(100, '[') + std::string(100, ']')),
            "m.yaml:1:103 nested deeper than 100 levels");
  EXPECT_NE(refusal(std::string(1'000'000, '[')), "accepted");
  EXPECT_EQ(refusal(std::string(4 * 1024 * 1024 + 1, ' ')), "m.yaml larger than 4 MiB");
}

TEST(Yaml, SaysWhereItIsNoYaml) {
  EXPECT_EQ(refusal("a: b: c\n").substr(0, 18), "m.yaml:1:5 not YAM");
  EXPECT_EQ(refusal("a: 1\n b: [\n").substr(0, 7), "m.yaml:");
  EXPECT_EQ(refusal("a: 1\nb: 'open\nc: 3\n"), "m.yaml:4:2 not YAML: illegal EOF in scalar");
  EXPECT_EQ(refusal("a: \"open\n").substr(0, 7), "m.yaml:");
  EXPECT_EQ(refusal("a:\n\t- b\n").substr(0, 9), "m.yaml:2:");
}

TEST(Yaml, IsWrittenInBlockStyle) {
  const auto json =
      Json::parse(R"({"apiVersion":"dbmigration.dev/v1alpha1","metadata":{"name":"orders","labels":{}},
    "spec":{"targetVersion":"0042","suspend":false,"port":5432,"sql":"SELECT 1;\n-- two\nSELECT 2;\n"},
    "status":{"conditions":[{"type":"Ready","status":"True","message":"a: b"},{"type":"x","list":[["p","q"],[]]}],"none":null}})");

  EXPECT_EQ(yaml::emit(json), R"(apiVersion: dbmigration.dev/v1alpha1
metadata:
  name: orders
  labels: {}
spec:
  targetVersion: "0042"
  suspend: false
  port: 5432
  sql: |
    SELECT 1;
    -- two
    SELECT 2;
status:
  conditions:
  - type: Ready
    status: "True"
    message: "a: b"
  - type: x
    list:
    -
      - p
      - q
    - []
  "none": null
)");
}

TEST(Yaml, ReadsBackWhatItWrote) {
  for (const std::string& text : std::vector<std::string>{"",
                                                          " ",
                                                          "plain",
                                                          "two words",
                                                          "yes",
                                                          "No",
                                                          "null",
                                                          "~",
                                                          "1",
                                                          "1.0",
                                                          "-",
                                                          "- a",
                                                          "a:",
                                                          "a: b",
                                                          "a #b",
                                                          "#",
                                                          "&a",
                                                          "*a",
                                                          "!t",
                                                          "'q'",
                                                          "\"q\"",
                                                          "a\\b",
                                                          "2026-11-25",
                                                          "=",
                                                          "<<",
                                                          "a\nb",
                                                          "a\nb\n",
                                                          "a\n\n\nb\n\n",
                                                          "\n",
                                                          "\na\n",
                                                          " a\nb",
                                                          "  a\n b\n",
                                                          "\ta\nb",
                                                          "a \n b",
                                                          "a\n \nb",
                                                          "a\r\nb",
                                                          "tab\tin",
                                                          "\x01",
                                                          "\x7f",
                                                          "caf\xc3\xa9\nx",
                                                          "\xc2\x85",
                                                          "\xe2\x80\xa8",
                                                          "\xef\xbb\xbfx",
                                                          "\xf0\x9f\x98\x80",
                                                          "--- x\n---\n",
                                                          "...\n...",
                                                          "% x\n",
                                                          "a: |\n  b\n",
                                                          "trailing ",
                                                          "CREATE TABLE t (\n  a int\n);\n",
                                                          "[a]",
                                                          "{a}",
                                                          "a,b",
                                                          "@x",
                                                          "`x"}) {
    for (const Json& json : {Json{{"k", text}}, Json{{"k", Json::array({text, text})}},
                             Json{{"k", Json::array({Json{{"a", text}, {"b", text}}})}},
                             Json{{text, 1}, {"deep", {{"er", text}, {"z", 1}}}},
                             Json{{"l", Json::array({Json::array({text, "x"}), text})}}}) {
      EXPECT_EQ(one(yaml::emit(json)), json) << yaml::emit(json);
    }
  }
}

TEST(Yaml, ReadsBackNumbers) {
  const Json json{{"a", 1}, {"b", -1.5}, {"c", 1e20}, {"d", 1e-7}, {"e", std::uint64_t{1} << 63}, {"f", 2.0}};
  EXPECT_EQ(one(yaml::emit(json)), json);
}

}  // namespace
}  // namespace dbm
