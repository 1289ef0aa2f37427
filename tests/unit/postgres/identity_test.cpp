#include "postgres/identity.h"

#include <gtest/gtest.h>

namespace dbm::postgres {
namespace {

Identity server(int version_num, const std::string& version) {
  Identity identity;
  identity.version_num = version_num;
  identity.version = version;
  identity.login = "app";
  return identity;
}

TEST(RefuseServer, OlderThanFourteenAndStandbys) {
  auto standby = server(150018, "15.18");
  standby.in_recovery = true;

  const auto too_old = refuse_server(server(130023, "13.23"));
  const auto read_only = refuse_server(standby);

  ASSERT_FALSE(too_old);
  EXPECT_EQ(too_old.error().reason + "/" + too_old.error().cause, "InvalidSpec/ServerTooOld");
  EXPECT_EQ(too_old.error().message, "the server is PostgreSQL 13.23; 14 or newer is needed");
  ASSERT_FALSE(read_only);
  EXPECT_EQ(read_only.error().kind, ErrorKind::Transient);
  EXPECT_EQ(read_only.error().cause, "ReadOnly");
  EXPECT_TRUE(refuse_server(server(140000, "14.0")));
}

TEST(RefuseLogin, SuperusersAndBypassrlsUnlessAllowed) {
  auto bypass = server(150018, "15.18");
  bypass.bypass_rls = true;
  migration::Target target;

  const auto refused = refuse_login(bypass, target);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the login \"app\" has BYPASSRLS");
  EXPECT_EQ(refused.error().cause, "SuperuserLogin");
  target.allow_superuser = true;
  EXPECT_TRUE(refuse_login(bypass, target));
}

}  // namespace
}  // namespace dbm::postgres
