#include "artifact/manifest.h"

#include <nlohmann/json.hpp>

#include "unit/artifact/support.h"

namespace dbm::artifact {
namespace {

using Json = nlohmann::ordered_json;

Manifest a_manifest(const std::string& key) {
  MemoryStore store;
  Manifest manifest;
  manifest.id = "0042-pre-20261120T213655Z-4f2a91c3";
  manifest.started_at = "2026-11-20T21:36:55Z";
  manifest.finished_at = "2026-11-20T21:36:58Z";
  manifest.method = "Logical";
  manifest.owner = an_owner();
  manifest.engine = "PostgreSQL";
  manifest.facts = Json::parse(kFacts).dump();
  manifest.artifact = write_artifact(store, "a", table_data(200'000), key);
  manifest.schema = write_artifact(store, "s", "CREATE TABLE orders ();", key);
  return manifest;
}

class ManifestTest : public testing::TestWithParam<std::string> {
 protected:
  Manifest manifest_ = a_manifest(GetParam());
  KeyRing keys_ = ring(GetParam());
  std::string text_ = *write_manifest(manifest_, GetParam());

  Result<Manifest> read(const std::string& text) { return read_manifest(text, "manifest.json", keys_); }
};
INSTANTIATE_TEST_SUITE_P(Both, ManifestTest, testing::Values("", kKey),
                         [](const auto& info) { return info.param.empty() ? "clear" : "encrypted"; });

TEST_P(ManifestTest, ReadsBackAsItWasWritten) {
  const auto read_back = read(text_);

  ASSERT_TRUE(read_back) << read_back.error().message;
  EXPECT_EQ(*read_back, manifest_);
}

TEST_P(ManifestTest, HasTheShapeThatIsDocumented) {
  const Json document = Json::parse(text_);

  std::vector<std::string> names;
  for (const auto& [name, value] : document.items()) names.push_back(name);
  std::vector<std::string> expected{"format",   "id",        "startedAt", "finishedAt",    "method",
                                    "quiesced", "migration", "engine",    "serverVersion", "systemIdentifier",
                                    "database", "tables",    "artifact",  "schemaArtifact"};
  if (!GetParam().empty()) expected.emplace_back("hmac");
  EXPECT_EQ(names, expected);
  EXPECT_EQ(document["migration"]["ledgerId"], kLedger);
  EXPECT_EQ(document["artifact"]["parts"][0]["n"], 1);
  EXPECT_EQ(document["artifact"].contains("encryption"), !GetParam().empty());
}

TEST_P(ManifestTest, NamesTheTables) {
  EXPECT_EQ(table_names(manifest_), (std::vector<std::string>{"public.orders", "public.customers"}));
}

TEST_P(ManifestTest, NamesTheDatabase) {
  EXPECT_TRUE(same_database(database_of(manifest_), {"orders", "7710"}));
  EXPECT_TRUE(same_database(peek_database(text_), {"orders", "7710"}));
  Manifest other = manifest_;
  other.facts = R"({"database":{"name":7},"systemIdentifier":null})";  // another engine's, or damaged
  EXPECT_TRUE(database_of(other).name.empty());
  EXPECT_FALSE(same_database(database_of(other), database_of(other)));
}

TEST_P(ManifestTest, EveryMissingMemberIsNamed) {
  const Json document = Json::parse(text_);
  for (const char* pointer : {"/format",
                              "/id",
                              "/startedAt",
                              "/finishedAt",
                              "/method",
                              "/quiesced",
                              "/engine",
                              "/migration",
                              "/artifact",
                              "/migration/namespace",
                              "/migration/name",
                              "/migration/version",
                              "/migration/planDigest",
                              "/migration/ledgerId",
                              "/migration/epoch",
                              "/artifact/plainBytes",
                              "/artifact/plainSha256",
                              "/artifact/bytes",
                              "/artifact/sha256",
                              "/artifact/parts",
                              "/artifact/compression",
                              "/schemaArtifact/sha256"}) {
    Json damaged = document;
    const Json::json_pointer at{pointer};
    damaged[at.parent_pointer()].erase(at.back());
    const auto failed = read(damaged.dump());
    ASSERT_THAT(failed, FailsBy("BackupCorrupt")) << pointer;
    const std::string dotted =
        at.parent_pointer().empty() ? at.back() : at.parent_pointer().back() + "." + at.back();
    EXPECT_TRUE(failed.error().message.starts_with("manifest.json: " + dotted + " must be "))
        << failed.error().message;
  }
}

TEST_P(ManifestTest, EveryMistypedMemberIsRefused) {
  const Json flat = Json::parse(text_).flatten();
  for (const auto& [pointer, value] : flat.items()) {
    if (pointer.starts_with("/tables") || pointer.starts_with("/serverVersion") ||
        pointer.starts_with("/database") || pointer.starts_with("/systemIdentifier"))
      continue;  // the engine's
    if (pointer == "/artifact/compression/level" || pointer == "/schemaArtifact/compression/level") continue;
    for (const Json& other :
         {Json(nullptr), Json(-1.5), Json::array({1}), value.is_string() ? Json(1) : Json("1")}) {
      Json damaged = Json::parse(text_);
      damaged[Json::json_pointer(pointer)] = other;
      EXPECT_THAT(read(damaged.dump()), FailsBy("BackupCorrupt")) << pointer << " " << other.dump();
    }
  }
}

TEST_P(ManifestTest, AnotherVersionOfTheFormatIsRefused) {
  Json newer = Json::parse(text_);
  newer["format"] = "dbm-backup/2";

  const auto failed = read(newer.dump());

  ASSERT_THAT(failed, FailsBy("BackupCorrupt"));
  EXPECT_EQ(failed.error().message,
            "manifest.json: its format must be dbm-backup/1; this one was not written by this program or by "
            "a newer one");
}

TEST_P(ManifestTest, WhatIsNoManifestIsRefused) {
  std::string deep(200'000, '[');
  const auto message = [&](const std::string& text) {
    const auto failed = read(text);
    EXPECT_THAT(failed, FailsBy("BackupCorrupt"));
    return failed.error().message;
  };

  EXPECT_EQ(message(""), "manifest.json: is empty");
  EXPECT_EQ(message("{"), "manifest.json: is not JSON");
  EXPECT_EQ(message("[]"), "manifest.json: must be a JSON object");
  EXPECT_EQ(message("{\"format\": \"\xff\"}"), "manifest.json: is not JSON");
  EXPECT_EQ(message(deep), "manifest.json: is nested deeper than 32 levels");
  EXPECT_EQ(message(std::string(17 << 20, ' ')), "manifest.json: is longer than 16 MiB");
  EXPECT_EQ(message("{\"a\": {\"b\": 1, \"b\": 2}}"), "manifest.json: has a member twice: b");
  EXPECT_EQ(message(text_.substr(0, text_.size() / 2)), "manifest.json: is not JSON");
}

TEST_P(ManifestTest, TheEnginesFactsMayNotPassForOurs) {
  for (const char* facts :
       {"[]", "", "{\"id\": \"x\"}", "{\"artifact\": {}}", "{\"hmac\": \"\"}", "{\"a\": 1, \"a\": 2}"}) {
    Manifest manifest = manifest_;
    manifest.facts = facts;
    EXPECT_FALSE(write_manifest(manifest, GetParam())) << facts;
  }
}

class SignedManifest : public testing::Test {
 protected:
  std::string text_ = *write_manifest(a_manifest(kKey), kKey);
};

TEST_F(SignedManifest, AnyEditedValueIsFound) {
  const Json flat = Json::parse(text_).flatten();
  int edits = 0;
  for (const auto& [pointer, value] : flat.items()) {
    Json edited = Json::parse(text_);
    Json& at = edited[Json::json_pointer(pointer)];
    if (value.is_string()) {
      std::string text = value;
      if (text.empty()) continue;
      text.back() = text.back() == '0' ? '1' : '0';
      at = text;
    } else if (value.is_boolean()) {
      at = !value.get<bool>();
    } else {
      at = value.get<std::int64_t>() + 1;
    }
    EXPECT_THAT(read_manifest(edited.dump(), "m", ring(kKey)), FailsBy("BackupCorrupt")) << pointer;
    ++edits;
  }
  EXPECT_GT(edits, 30);
}

TEST_F(SignedManifest, AddedAndRemovedMembersAreFound) {
  Json edited = Json::parse(text_);
  edited["tables"].erase(0);
  EXPECT_THAT(read_manifest(edited.dump(), "m", ring(kKey)), FailsBy("BackupCorrupt"));
  edited = Json::parse(text_);
  edited["note"] = "added";
  EXPECT_THAT(read_manifest(edited.dump(), "m", ring(kKey)), FailsBy("BackupCorrupt"));
  edited = Json::parse(text_);
  edited.erase("schemaArtifact");
  EXPECT_THAT(read_manifest(edited.dump(), "m", ring(kKey)), FailsBy("BackupCorrupt"));
}

TEST_F(SignedManifest, LayoutAndOrderDoNotMatter) {
  EXPECT_TRUE(read_manifest(nlohmann::json::parse(text_).dump(4), "m", ring(kKey)));
}

TEST_F(SignedManifest, WithoutItsSignatureItIsRefused) {
  Json edited = Json::parse(text_);
  edited.erase("hmac");

  const auto failed = read_manifest(edited.dump(), "m", ring(kKey));

  ASSERT_THAT(failed, FailsBy("BackupCorrupt"));
  EXPECT_EQ(failed.error().message, "m: has no hmac");
}

TEST_F(SignedManifest, IsReadWithAnyKeyOfTheRingAndRefusedWithoutIt) {
  EXPECT_TRUE(read_manifest(text_, "m", KeyRing{{kOtherKey, kKey}}));
  EXPECT_THAT(read_manifest(text_, "m", ring(kOtherKey)), FailsBy("StoreDenied"));
  EXPECT_THAT(read_manifest(text_, "m", KeyRing{}), FailsBy("StoreDenied"));
}

TEST_F(SignedManifest, AForgersUnsignedOneIsRefusedWhereKeysAreInUse) {
  const std::string forged = *write_manifest(a_manifest(""), "");

  EXPECT_THAT(read_manifest(forged, "m", ring(kKey)), FailsBy("BackupCorrupt"));
  EXPECT_TRUE(read_manifest(forged, "m", KeyRing{{kKey}, true}));
}

TEST_F(SignedManifest, HundredsOfFlippedBitsAreFound) {
  const auto truth = *read_manifest(text_, "m", ring(kKey));
  std::mt19937 random{12};
  for (int i = 0; i < 1000; ++i) {
    std::string damaged = text_;
    const std::size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    const auto read = read_manifest(damaged, "m", ring(kKey));
    // A blank that turned into another kind of blank changes nothing that is said.
    ASSERT_TRUE(!read || *read == truth) << "byte " << at;
  }
}

}  // namespace
}  // namespace dbm::artifact
