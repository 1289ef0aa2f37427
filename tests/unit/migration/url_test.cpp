#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/connection_url.h"

namespace dbm::migration {
namespace {

using Keywords = std::map<std::string, std::string>;

Keywords read(const char* url) {
  const auto keywords = parse_connection_url(url);
  EXPECT_TRUE(keywords) << (keywords ? "" : keywords.error().message);
  return keywords ? *keywords : Keywords{};
}

TEST(ConnectionUrl, GivesKeywords) {
  EXPECT_EQ(read("postgresql://app:pw@db.shop.svc:6432/orders?sslmode=require&connect_timeout=5"),
            (Keywords{{"user", "app"},
                      {"password", "pw"},
                      {"host", "db.shop.svc"},
                      {"port", "6432"},
                      {"dbname", "orders"},
                      {"sslmode", "require"},
                      {"connect_timeout", "5"}}));
  EXPECT_EQ(read("postgres://db"), (Keywords{{"host", "db"}}));
  EXPECT_EQ(read("postgres://app@[::1]:5433/x\n"),
            (Keywords{{"user", "app"}, {"host", "::1"}, {"port", "5433"}, {"dbname", "x"}}));
  EXPECT_EQ(read("postgres:///orders?host=/run/postgresql&user=app"),
            (Keywords{{"dbname", "orders"}, {"host", "/run/postgresql"}, {"user", "app"}}));
}

TEST(ConnectionUrl, DecodesPercentsAndPasswordsWithSigns) {
  EXPECT_EQ(read("postgres://a%40b:p%2Fw%25%20@h/d%C3%A9"),
            (Keywords{{"user", "a@b"}, {"password", "p/w% "}, {"host", "h"}, {"dbname", "d\xC3\xA9"}}));
  EXPECT_EQ(read("postgres://app:p@ss@h/d"),
            (Keywords{{"user", "app"}, {"password", "p@ss"}, {"host", "h"}, {"dbname", "d"}}));
  EXPECT_EQ(read("postgres://app:a/b@h/d"),
            (Keywords{{"user", "app"}, {"password", "a/b"}, {"host", "h"}, {"dbname", "d"}}));
}

TEST(ConnectionUrl, ErrorsNeverEchoIt) {
  for (const char* url :
       {"mysql://app:hunter2@h/d", "postgres://app:hunter2@h:port/d", "postgres://app:hunter2%zz@h/d",
        "postgres://app:hunter2@h1,h2/d", "postgres://app:hunter2@[::1/d",
        "postgres://app:hunter2@h/d?passfile=hunter2", "postgres://app:hunter2@h/d?sslmode=hunter2",
        "postgres://app:hunter2@h/d?hunter2", "postgres://app:hunter2@h:99999/d",
        "postgres://app:hunter2@::1/d", "hunter2", "postgres://app:hunter2@h/d?options=-c%20hunter2",
        "postgres://app:hunter2%00@h/d", "postgres://app:hunter2@h/d#x"}) {
    const auto keywords = parse_connection_url(url);
    ASSERT_FALSE(keywords) << url;
    EXPECT_EQ(keywords.error().reason, "InvalidSpec");
    EXPECT_THAT(keywords.error().message, testing::Not(testing::HasSubstr("hunter2"))) << url;
  }
}

TEST(ConnectionUrl, TakesWhatFollowsAQuestionMarkInAPasswordForNoName) {
  const auto refused = parse_connection_url("postgres://app:12?hunter=2@h:5432/d");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::Not(testing::HasSubstr("hunter")));
}

TEST(ConnectionUrl, NamesTheParameterThatIsRefused) {
  EXPECT_THAT(parse_connection_url("postgres://h/d?sslkey=/x").error().message,
              testing::HasSubstr("'sslkey' is not one of those allowed"));
  EXPECT_THAT(parse_connection_url("postgres://h/d?client_encoding=LATIN1").error().message,
              testing::HasSubstr("'client_encoding' must be UTF8"));
}

}  // namespace
}  // namespace dbm::migration
