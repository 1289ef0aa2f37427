/// What a run did to the schema, held against its rehearsal.

#include <gtest/gtest.h>

#include "postgres/always_on.h"
#include "postgres/schema_change.h"

namespace dbm::postgres {
namespace {

SchemaSnapshot schema(const std::vector<std::string>& tables) {
  SchemaSnapshot snapshot;
  for (const auto& table : tables) {
    CatalogObject object;
    object.kind = "table";
    object.name = "public." + table;
    object.identity = table;
    object.valid = true;
    snapshot.objects.push_back(std::move(object));
  }
  return snapshot;
}

TEST(SchemaChange, DoesNotTellOfPartsThatCameWithTheWhole) {
  auto with_column = schema({"a"});
  CatalogObject column;
  column.kind = "column";
  column.name = "public.a.id";
  column.identity = "a 1";
  column.container_identity = "a";
  with_column.objects.push_back(column);

  EXPECT_EQ(change_between(schema({}), with_column), (SchemaChange{{"table public.a"}, {}}));
  EXPECT_EQ(change_between(schema({"a"}), with_column), (SchemaChange{{"column public.a.id"}, {}}));
}

TEST(SchemaChange, DiffersFromTheRehearsalsBothWays) {
  const auto before = schema({"c"});
  const RehearsedChange rehearsed{schema({"a", "c"}), true, false};

  EXPECT_EQ(difference(rehearsed, before, schema({"a", "c"})), "");
  EXPECT_EQ(difference(rehearsed, before, before), "did not gain table public.a");
  EXPECT_EQ(difference(rehearsed, before, schema({"a", "b"})), "gained table public.b; lost table public.c");
  EXPECT_EQ(difference({schema({}), true, false}, before, before), "did not lose table public.c");
}

// Of what was not rehearsed the rehearsal says nothing.
TEST(SchemaChange, IsComparedAsFarAsTheRehearsalWent) {
  const RehearsedChange a{schema({"a"}), false, false};

  EXPECT_EQ(difference(a, schema({}), schema({"a", "b"})), "");
  EXPECT_EQ(difference(a, schema({}), schema({})), "did not gain table public.a");
  EXPECT_EQ(difference({schema({"a"}), false, true}, schema({}), schema({})), "");
}

TEST(SchemaChange, NamesTheFirstFew) {
  EXPECT_EQ(
      difference({schema({}), true, false}, schema({}), schema({"a", "b", "c", "d", "e", "f", "g", "h"})),
      "gained table public.a, table public.b, table public.c, table public.d, table public.e and 3 more");
}

TEST(SchemaChange, WarnsWhereTheRunIsNotAsRehearsed) {
  CheckBaseline baseline;
  baseline.schema = schema({});
  const RehearsedChange rehearsed{schema({"a"}), true, false};

  const auto as_rehearsed = judge_schema(schema({"a"}), &baseline, {}, &rehearsed);
  const auto otherwise = judge_schema(schema({"b"}), &baseline, {}, &rehearsed);

  EXPECT_EQ(as_rehearsed.back().name, "schemaDiff");
  EXPECT_EQ(as_rehearsed.back().result, "Passed");
  EXPECT_EQ(otherwise.back().result, "Warned");
  EXPECT_EQ(otherwise.back().message,
            "otherwise than in the dry run, the schema gained table public.b; did not gain table public.a");
}

}  // namespace
}  // namespace dbm::postgres
