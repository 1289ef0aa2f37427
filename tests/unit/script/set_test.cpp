#include <thread>

#include "support.h"

namespace dbm::script {
namespace {

struct File {
  std::string name;
  std::string text = "SELECT 1;";
};

Result<ScriptSet> read(const std::vector<File>& files, ReadOptions options = {}) {
  std::vector<Text> texts;
  for (const File& file : files) texts.push_back(text_of(file.name, file.text));
  return read_set(std::move(texts), options);
}

std::string order(const Result<ScriptSet>& set) {
  if (!set) return set.error().failure_reason() + " " + set.error().at.file;
  std::string text;
  for (const Script& script : set->scripts)
    text += (text.empty() ? "" : " ") + script.version.key + ":" + script.name + (script.rollback ? "~" : "");
  return text;
}

std::string bytes_of(const Text& text) {
  const auto reader = text.open();
  std::string bytes(text.size + 10, '\0');
  std::size_t at = 0;
  while (const std::size_t count = *(*reader)->read(std::span(bytes).subspan(at))) at += count;
  bytes.resize(at);
  return bytes;
}

TEST(Set, OrdersByVersionAsNumbers) {
  EXPECT_EQ(order(read({{"10_c.sql"},
                        {"a/2_b.sql"},
                        {"1.10-x.sql"},
                        {"1.9__y z.sql"},
                        {"20250726123456_t.sql"},
                        {"015_d.sql"}})),
            "1.9:y z 1.10:x 2:b 10:c 15:d 20250726123456:t");
}

TEST(Set, PairsUpAndDown) {
  const auto set = read({{"2_b.up.sql"}, {"2_b.down.sql"}, {"1_a.up.sql"}, {"README.md"}});

  EXPECT_EQ(order(set), "1:a 2:b~");
  EXPECT_EQ(set->format, Format::UpDown);
  ASSERT_EQ(set->excluded.size(), 1U);
  EXPECT_EQ(set->excluded[0].file + ": " + set->excluded[0].why, "README.md: is no .sql file");
}

TEST(Set, PartsAPlainFileAtItsRollbackLine) {
  const std::string text = "SELECT '\n-- dbm:rollback\n';\nSELECT 2\n  -- dbm:rollback\nDROP TABLE t;\n\\bad";
  const auto set = read({{"1_a.sql", text}});

  ASSERT_EQ(order(set), "1:a~");
  const Script& script = set->scripts[0];
  EXPECT_EQ(bytes_of(script.forward), "SELECT '\n-- dbm:rollback\n';\nSELECT 2\n  ");
  EXPECT_EQ(bytes_of(*script.rollback), "\nDROP TABLE t;\n\\bad");
  EXPECT_EQ(script.checksum, "sha256:" + sha256_hex(bytes_of(script.forward)));
  EXPECT_EQ(script.rollback_checksum, "sha256:" + sha256_hex(bytes_of(*script.rollback)));
  EXPECT_EQ(cut(*script.rollback).error, "PsqlCommand 7:1");
  EXPECT_EQ(analyse(script)->checksum, script.checksum);
}

TEST(Set, ARollbackOfCommentsIsNone) {
  EXPECT_EQ(order(read({{"1_a.sql", "SELECT 1;\n-- dbm:rollback\n-- nothing\n"}})), "1:a");
}

TEST(Set, StatementsBelowTheRollbackLineAloneAreRefused) {
  for (const char* text : {"-- dbm:rollback\nDROP TABLE t;", "-- a note\n\n  -- dbm:rollback\n\nSELECT 1",
                           "\\restrict x\n-- dbm:rollback\nSELECT 'open"}) {
    const auto set = read({{"1_a.sql", text}});
    ASSERT_FALSE(set) << text;
    EXPECT_EQ(set.error().failure_reason(), "RollbackOnly") << text;
    EXPECT_FALSE(set.error().remedy.empty());
  }
  EXPECT_EQ(to_string(read({{"1_a.sql", "\n -- dbm:rollback\nDROP TABLE t;"}}).error().at), "1_a.sql:2:2");
  EXPECT_EQ(order(read({{"1_a.sql", "-- later\n-- dbm:rollback\n-- nothing\n"}})), "1:a");
  EXPECT_EQ(order(read({{"1_a.sql", "SELECT 1\n-- dbm:rollback\nSELECT 2"}})), "1:a~");
  EXPECT_EQ(order(read({{"1_a.sql", "-- why\nSELECT 1;\n-- dbm:rollback\n-- back\nSELECT 2;"}})), "1:a~");
}

TEST(Set, ExcludesByGlobAndSaysSo) {
  ReadOptions options;
  options.exclude = {"COMBINED_*", "*.bak.sql", "x?.sql"};
  const auto set = read({{"dir/COMBINED_all.sql"}, {"1_a.sql"}, {"2_b.bak.sql"}, {"xy.sql"}}, options);

  EXPECT_EQ(order(set), "1:a");
  ASSERT_EQ(set->excluded.size(), 3U);
  EXPECT_EQ(set->excluded[0].why, "matches exclude COMBINED_*");
}

TEST(Set, RefusesNamesAndPairsThatMeanNothing) {
  EXPECT_EQ(order(read({{"a.sql"}})), "UnversionedFile a.sql");
  EXPECT_EQ(order(read({{"0001.sql"}})), "UnversionedFile 0001.sql");
  EXPECT_EQ(order(read({{"1.2.3x.sql"}})), "UnversionedFile 1.2.3x.sql");
  EXPECT_EQ(order(read({{"1234567890123456789_x.sql"}})), "UnversionedFile 1234567890123456789_x.sql");
  EXPECT_EQ(order(read({{"7_a.sql"}, {"b/007_b.sql"}})), "DuplicateVersion b/007_b.sql");
  EXPECT_EQ(order(read({{"1.0_a.sql"}, {"1_b.sql"}})), "DuplicateVersion 1_b.sql");
  EXPECT_EQ(order(read({{"1_a.down.sql"}})), "OrphanRollback 1_a.down.sql");
  EXPECT_EQ(order(read({{"1_a.up.sql"}, {"1_b.down.sql"}})), "OrphanRollback 1_b.down.sql");
  EXPECT_EQ(order(read({{"1_a.up.sql"}, {"2_b.sql"}})), "AmbiguousFormat 2_b.sql");
  EXPECT_EQ(order(read({{"1_a.down.sql"}, {"1_a.sql"}}, {Format::Plain, {}})),
            "AmbiguousFormat 1_a.down.sql");
}

TEST(Set, KnowsOtherToolsByTheirMarks) {
  for (const File& file :
       std::vector<File>{{"sqitch.plan"},
                         {"atlas.sum"},
                         {"meta/_journal.json"},
                         {"20240101_x/migration.sql"},
                         {"2024_x/up.sql"},
                         {"V1__a.sql"},
                         {"R__view.sql"},
                         {"1_a.sql", "--liquibase formatted sql\n"},
                         {"1_a.sql", "\n-- +goose Up\nSELECT 1;"},
                         {"1_a.sql", "--+GOOSE up\nSELECT 1;"},
                         {"1_a.sql", "-- +migrate Up\nSELECT 1;"},
                         {"1_a.sql", "-- migrate:up transaction:false\nSELECT 1;"},
                         {"1_a.sql", "SELECT 1;\n---- create above / drop below ----\nSELECT 1;"},
                         {"1_a.sql", "-- Up Migration\nSELECT 1;"},
                         {"1_a.sql", "-- morph:nontransactional\nSELECT 1;"},
                         {"1_a.sql", "-- ======\n-- FORWARD MIGRATION\n-- ======\nSELECT 1;"},
                         {"1_a.sql", "-- +up\nSELECT 1;"}}) {
    EXPECT_EQ(order(read({file})), "UnsupportedFormat " + file.name) << file.text;
    EXPECT_EQ(order(read({file}, {Format::Plain, {}})), "AmbiguousFormat " + file.name) << file.text;
  }
  EXPECT_EQ(order(read({{"1_a.sql", "-- +goose Up\n"}, {"2_a.sql", "-- migrate:up\n"}})),
            "AmbiguousFormat 1_a.sql");
}

TEST(Set, LooksForMarksOutsideLiteralsOnly) {
  EXPECT_EQ(order(read({{"1_a.sql",
                         "SELECT '\n-- +goose Up\n';\nCOPY t FROM stdin;\n-- migrate:up\n'\n\\.\n/* -- +up "
                         "*/ SELECT 1;"}})),
            "1:a");
}

TEST(Set, FindsAMarkThatBlocksCut) {
  std::string text = "SELECT '" + std::string(65'536 - 14, 'x') + "';\n-- +goose Up\n";
  for (int i = 0; i < 20; ++i) {
    text.insert(8, "y");
    EXPECT_EQ(order(read({{"1_a.sql", text}})), "UnsupportedFormat 1_a.sql") << i;
  }
}

TEST(Set, DigestFollowsNamesAndBytes) {
  const auto digest = [](const std::vector<File>& files) { return read(files)->digest; };
  EXPECT_EQ(digest({{"1_a.sql"}, {"2_b.sql"}}), digest({{"2_b.sql"}, {"1_a.sql"}}));
  EXPECT_NE(digest({{"1_a.sql"}}), digest({{"1_b.sql"}}));
  EXPECT_NE(digest({{"1_a.sql"}}), digest({{"1_a.sql", "SELECT 2;"}}));
  EXPECT_NE(digest({{"1_a.up.sql"}, {"1_a.down.sql"}}),
            digest({{"1_a.up.sql"}, {"1_a.down.sql", "SELECT 2;"}}));
}

TEST(Set, OfManyFilesIsReadByTwoThreadsAndReportsTheFirstError) {
  std::vector<Text> texts;
  for (int i = 1; i <= 1000; ++i) {
    texts.push_back(text_of(std::to_string(i) + "_x.sql", "SELECT " + std::to_string(i)));
    if (i % 300 == 0)
      texts.back().open = [i]() -> Result<std::unique_ptr<ByteReader>> {
        return Error{ErrorKind::Waiting, "NotFound", std::to_string(i)};
      };
  }

  EXPECT_EQ(read_set(texts, {}).error().message, "read 300_x.sql: 300");
}

TEST(Set, SaysWhenNumbersAndTimesAreMixed) {
  EXPECT_EQ(read({{"1_a.sql"}, {"20260102030405_b.sql"}})->notices.size(), 1U);
  EXPECT_EQ(read({{"20260102030405_b.sql"}})->notices.size(), 0U);
}

TEST(Version, IsKnownByItsNumbers) {
  for (const auto& [id, key] :
       std::vector<std::pair<std::string, std::string>>{{"0042", "42"},
                                                        {"42", "42"},
                                                        {"1.0", "1"},
                                                        {"1.10.2", "1.10.2"},
                                                        {"0", "0"},
                                                        {"000", "0"},
                                                        {"01.02.00", "1.2"},
                                                        {"20260102030405", "20260102030405"}})
    EXPECT_EQ(parse_version(id)->key, key) << id;
  for (const char* id : {"", ".", "1.", ".1", "1..2", "a", "1a", "1234567890123456789", "-1", "1,2", " 1"})
    EXPECT_FALSE(parse_version(id)) << id;
  EXPECT_LT(compare_keys("2", "10"), 0);
  EXPECT_LT(compare_keys("1.9", "1.10"), 0);
  EXPECT_LT(compare_keys("1", "1.1"), 0);
  EXPECT_GT(compare_keys("15", "1.99"), 0);
  EXPECT_EQ(compare_keys("1.2", "1.2"), 0);
}

}  // namespace
}  // namespace dbm::script
