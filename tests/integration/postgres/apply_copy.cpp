/// COPY in a script: its rows are streamed, in time or not at all.
#include <chrono>

#include "apply_fixture.h"

namespace dbm::test {
namespace {

class ApplyCopy : public ApplyTest {};

TEST_F(ApplyCopy, StreamsTheRows) {
  ASSERT_TRUE(begin());
  std::string rows;
  for (int i = 0; i < 20000; ++i) rows += std::to_string(i) + "\tline " + std::to_string(i) + "\n";

  const auto done = apply({{"0001_copy.sql", "CREATE TABLE c (i int, t text);\nCOPY c FROM stdin;\n" + rows +
                                                 "\\.\n" + witnessed("0001", "")}});

  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask("SELECT count(*), sum(i) FROM c"), "20000|199990000");
  expect_exactly_once(1);
}

TEST_F(ApplyCopy, RollsBackWhenARowDoesNotFit) {
  ASSERT_TRUE(begin());

  const auto done =
      apply({{"0001_copy.sql", "CREATE TABLE c (i int);\nCOPY c FROM stdin;\n1\ncanary-row-value\n\\.\n" +
                                   witnessed("0001", "")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::Terminal);
  EXPECT_EQ(done.error().at, (Position{"0001_copy.sql", 2, 1}));
  EXPECT_EQ(done.error().message.find("canary-row-value"), std::string::npos);
  EXPECT_EQ(ask("SELECT to_regclass('c') IS NULL"), "t");
  expect_exactly_once(0);
}

/// The server takes a row every 20 ms: the first of these waits with its rows sent, the second to send more.
TEST_F(ApplyCopy, IsCancelledAtTheDeadline) {
  as_login(
      "CREATE TABLE c (t text); CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM "
      "pg_sleep(0.02); RETURN NEW; END'; CREATE TRIGGER slow BEFORE INSERT ON c FOR EACH ROW EXECUTE "
      "FUNCTION "
      "slowly()");
  spec_.apply.deadline = std::chrono::milliseconds{700};
  for (const std::size_t count : {std::size_t{500}, std::size_t{40'000}}) {
    ASSERT_TRUE(begin());
    std::string rows;
    for (std::size_t i = 0; i < count; ++i) rows += std::string(1000, 'x') + "\n";
    const auto made =
        plan({{"0001_copy.sql", "COPY c FROM stdin;\n" + rows + "\\.\n" + witnessed("0001", "")}});
    const auto began = std::chrono::steady_clock::now();

    const auto done = apply_plan(made);

    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{8});  // 500 rows alone take ten
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().reason, "DeadlineExceeded") << done.error().message;
    expect_exactly_once(0);
    EXPECT_EQ(ask("SELECT count(*) FROM c"), "0");
  }
}

/// A refused row shows at the end of the rows, however many follow it.
TEST_F(ApplyCopy, RefusesARowFarBeforeTheLast) {
  ASSERT_TRUE(begin());
  std::string rows = "1\tx\ncanary-row-value\tx\n";
  for (int i = 0; i < 20'000; ++i) rows += std::to_string(i) + "\t" + std::string(1000, 'x') + "\n";

  const auto done =
      apply({{"0001_copy.sql", "CREATE TABLE c (i int, t text);\nSELECT 1;\n  COPY c FROM stdin;\n" + rows +
                                   "\\.\n" + witnessed("0001", "")}});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason, "ApplyFailed");
  EXPECT_EQ(done.error().sqlstate, "22P02");
  EXPECT_EQ(done.error().at, (Position{"0001_copy.sql", 3, 3}));
  EXPECT_EQ(done.error().message.find("canary-row-value"), std::string::npos);
  expect_exactly_once(0);
}

}  // namespace
}  // namespace dbm::test
