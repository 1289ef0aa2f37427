// Grammar newer than the parser we are built with: the server is the judge. The right one takes it; an older
// one refuses it while the plan is made, with file, line and column (docs/scripts.md#newer-grammar).

#include <gmock/gmock.h>

#include <algorithm>
#include <ostream>

#include "support/world.h"

namespace dbm::test {
namespace {

using ::testing::HasSubstr;

struct Form {
  std::string name;
  int since = 0;    ///< the first major that knows it
  std::string sql;  ///< one statement, on lines of its own
  std::string at;   ///< where an older server stumbles: this word's first character
};

void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }

const std::vector<Form>& forms() {
  static const std::vector<Form> all{
      {"Underscores", 16, "INSERT INTO base\n  VALUES (1_000, 'x');\n", "1_000"},
      {"SubqueryWithoutAlias", 16, "CREATE VIEW few AS\n  SELECT id FROM (SELECT id FROM base);\n",
       "(SELECT id FROM base)"},
      {"MergeReturning", 17,
       "MERGE INTO base b USING (VALUES (1)) AS v (id) ON b.id = v.id\n"
       "  WHEN NOT MATCHED THEN INSERT (id) VALUES (v.id)\n  RETURNING b.id;\n",
       "RETURNING"},
      {"JsonTable", 17,
       "INSERT INTO base (id)\n  SELECT j.id FROM JSON_TABLE('[{\"id\": 7}]'::jsonb, '$[*]'\n"
       "    COLUMNS (id integer PATH '$.id')) AS j;\n",
       "COLUMNS"},
      {"SetExpression", 17, "ALTER TABLE doubled\n  ALTER COLUMN twice SET EXPRESSION AS (id * 3);\n",
       "EXPRESSION"},
      {"NotNullNotValid", 18, "ALTER TABLE base\n  ADD CONSTRAINT note_there NOT NULL note NOT VALID;\n",
       "NOT NULL"},
      {"NotEnforced", 18, "ALTER TABLE base\n  ADD CONSTRAINT positive CHECK (id > 0) NOT ENFORCED;\n",
       "ENFORCED"},
      {"Virtual", 18,
       "CREATE TABLE computed (\n  id integer,\n  twice integer GENERATED ALWAYS AS (id * 2) VIRTUAL\n);\n",
       "VIRTUAL"},
      {"WithoutOverlaps", 18,
       "CREATE TABLE booked (\n  room int4range,\n  during daterange,\n"
       "  PRIMARY KEY (room, during WITHOUT OVERLAPS)\n);\n",
       "WITHOUT"},
  };
  return all;
}

/// "file:line:column" of a place in a script.
std::string place(const std::string& file, const std::string& text, const std::string& word) {
  const auto at = text.find(word);
  const auto begin = text.rfind('\n', at) + 1;
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  return file + ":" + std::to_string(line) + ":" + std::to_string(at - begin + 1);
}

void prepare(World& world) {
  Session(world.database().address(), kLogin)(
      "CREATE TABLE base (id integer, note text); CREATE TABLE doubled (id integer, twice integer GENERATED "
      "ALWAYS AS (id * 2) STORED)");
}

class NewerGrammar : public ::testing::TestWithParam<Form> {
 protected:
  const std::string file_ = "0001_step.sql";
  const std::string text_ = witness_lines("0001") + GetParam().sql;
};

TEST_P(NewerGrammar, IsAcceptedByTheServerThatKnowsIt) {
  World world(PostgresServer::shared(GetParam().since));
  prepare(world);
  world.script(file_, text_);

  const auto finished = world.apply();

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  world.expect_exactly_once({"0001"});
}

TEST_P(NewerGrammar, IsRefusedByAnOlderServerWithItsPlace) {
  World world(PostgresServer::shared(GetParam().since - 1));
  prepare(world);
  world.script(file_, text_);

  const auto finished = world.apply();

  EXPECT_EQ(finished.exit_code, 1) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr(place(file_, text_, GetParam().at)));
  EXPECT_EQ(world.condition("Stalled"), "True/SourceInvalid");
  EXPECT_THAT(read_file(world.folder() / "orders.status.yaml"), HasSubstr("SyntaxError"));
  EXPECT_EQ(world.canary(), canary_after(0));
}

INSTANTIATE_TEST_SUITE_P(Forms, NewerGrammar, ::testing::ValuesIn(forms()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace dbm::test
