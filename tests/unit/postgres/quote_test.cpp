#include <gtest/gtest.h>

#include "postgres/ledger.h"
#include "postgres/session.h"

namespace dbm::postgres {
namespace {

TEST(QuoteIdent, DoublesQuotes) {
  EXPECT_EQ(quote_ident("dbm"), "\"dbm\"");
  EXPECT_EQ(quote_ident("a\"b; DROP"), "\"a\"\"b; DROP\"");
}

TEST(QuoteLiteral, HoldsWhateverStandardConformingStringsSays) {
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\'b"), "E'a\\\\''b'");
  EXPECT_EQ(quote_literal(""), "''");
}

TEST(LedgerSteps, WriteTheirArgumentsOutWithTypes) {
  const Fence fence{"my dbm", -7, 3, "0d9f2b3c-0000-4000-8000-000000000001"};

  EXPECT_EQ(enter_sql(fence),
            "SELECT \"my dbm\".enter('-7'::bigint, '3'::bigint, "
            "'0d9f2b3c-0000-4000-8000-000000000001'::pg_catalog.uuid)");
  EXPECT_EQ(done_statement_sql(fence, "0007", 2, "done", 5),
            "SELECT \"my dbm\".done_statement('0007'::pg_catalog.text, '2'::bigint, 'done'::pg_catalog.text, "
            "'5'::bigint)");
}

}  // namespace
}  // namespace dbm::postgres
