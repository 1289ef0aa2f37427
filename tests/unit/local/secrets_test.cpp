#include <cstdlib>

#include "base/digest.h"
#include "base/redact.h"
#include "unit/local/desk.h"

namespace dbm::local {
namespace {

class Secrets : public Desk {
 protected:
  static std::string secret(const std::string& rest) {
    return "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n" + rest;
  }

  static std::string value(LocalObjects& objects, const std::string& key) {
    const auto document = get(objects, "Secret", "db").document;
    return (*document)["data"].contains(key) ? *from_base64((*document)["data"][key].get<std::string>())
                                             : "(none)";
  }
  static std::string flag_refusal(const std::string& text) {
    const auto flag = parse_secret_flag(text);
    if (flag) return "accepted";
    EXPECT_EQ(flag.error().reason, "InvalidSpec");
    return flag.error().message;
  }
};

TEST_F(Secrets, HaveDataInBase64WhateverTheyWereWrittenAs) {
  write("m.yaml", secret("data: {a: " + to_base64("from data") + ", b: " + to_base64("hidden") +
                         "}\nstringData: {b: wins, c: \"\"}\n"));
  const auto objects = load();

  EXPECT_EQ(value(*objects, "a"), "from data");
  EXPECT_EQ(value(*objects, "b"), "wins");
  EXPECT_EQ(value(*objects, "c"), "");
  EXPECT_FALSE(get(*objects, "Secret", "db").document->contains("stringData"));
}

TEST_F(Secrets, AreRedactedButForWhatIsNoSecret) {
  write(
      "m.yaml",
      secret("stringData: {password: s3cr3t-word, host: db.example, username: tickets, token: tok-en-1}\n"));
  const auto objects = load();

  EXPECT_EQ(redact::scrub("s3cr3t-word tok-en-1 tickets at db.example"),
            "[redacted] [redacted] tickets at db.example");
}

TEST_F(Secrets, ThatAreWrongAreRefusedWithoutTheirValue) {
  write("m.yaml", secret("data: {password: not-base64!}\n"));
  EXPECT_EQ(refusal(), "m.yaml:4:18: data.password must be base64; plain text goes under stringData");
  write("m.yaml", secret("stringData: {port: 5432}\n"));
  EXPECT_EQ(refusal(), "m.yaml:4:20: stringData.port must be text; quote it");
  write("m.yaml", secret("data: [a]\n"));
  EXPECT_EQ(refusal(), "m.yaml:4:1: data of a Secret must be a mapping of keys to text");
}

TEST_F(Secrets, OfTheCommandLineComeFromFilesAndVariables) {
  write("password", "from-file\n");
  ::setenv("DBM_TEST_SECRET", "from-variable", 1);
  const auto flags = parse_secret_flags({"db=password:@" + path("password"), "db=token:env:DBM_TEST_SECRET"});
  ASSERT_TRUE(flags);
  write("m.yaml", secret("stringData: {password: placeholder, user: app}\n"));

  const auto with_manifest = load({.paths = {path("m.yaml")}, .secrets = *flags});
  const auto alone = load({.paths = {path("")}, .secrets = *flags});

  EXPECT_EQ(value(*with_manifest, "password"), "from-file");
  EXPECT_EQ(value(*with_manifest, "token"), "from-variable");
  EXPECT_EQ(value(*with_manifest, "user"), "app");
  EXPECT_EQ(redact::scrub("from-file from-variable"), "[redacted] [redacted]");
  fs::remove(root / "m.yaml");
  EXPECT_EQ(value(*alone, "password"), "from-file");
  EXPECT_EQ(alone->list("Secret", Deadline::never(), {})->size(), 1u);
  EXPECT_TRUE(*alone->get({"Secret", "shop", "db"}, Deadline::never(), {}));
  write("password", "rotated");
  EXPECT_EQ(value(*alone, "password"), "rotated");
  fs::remove(root / "password");
  const auto gone = alone->get({"Secret", "default", "db"}, Deadline::never(), {});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().cause, "NotFound");
}

TEST_F(Secrets, OfTheCommandLineKeepBytesAndLoseALineEnd) {
  const auto read = [&](const std::string& bytes) {
    write("f", bytes);
    return *read_value({"db", "k", path("f"), ""});
  };

  EXPECT_EQ(read("word\r\n"), "word");
  EXPECT_EQ(read("two\nlines\n"), "two\nlines");
  EXPECT_EQ(read(std::string("\x01raw key\n", 9)), std::string("\x01raw key\n", 9));
}

TEST_F(Secrets, OfTheCommandLineNeverRepeatWhatMayBeAValue) {
  write("empty", "");
  EXPECT_EQ(flag_refusal("hunter2"), "--secret must be NAME=KEY:@FILE or NAME=KEY:env:VAR");
  EXPECT_EQ(flag_refusal("db=hunter2"),
            "--secret db=… must be NAME=KEY:@FILE or NAME=KEY:env:VAR, never a value");
  EXPECT_EQ(flag_refusal("db=password:hunter2"),
            "--secret db=password:… must say where the value is, as :@FILE or :env:VAR; a value itself would "
            "be seen by every user");
  EXPECT_EQ(flag_refusal("db=hunt er:2"),
            "--secret db=… must have a key of letters, digits, '-', '_' and '.' before the colon");
  EXPECT_EQ(flag_refusal("D B=k:@f"),
            "--secret must begin with the name of a Secret, as NAME=KEY:@FILE or NAME=KEY:env:VAR");
  EXPECT_EQ(flag_refusal("db=k:@/nowhere"),
            "--secret db=k: cannot read file /nowhere: No such file or directory");
  EXPECT_EQ(flag_refusal("db=k:@/"), "--secret db=k: file / is a folder");
  EXPECT_EQ(flag_refusal("db=k:@" + path("empty")), "--secret db=k: file " + path("empty") + " is empty");
  EXPECT_EQ(flag_refusal("db=k:env:DBM_NOT_SET"),
            "--secret db=k: environment variable DBM_NOT_SET is not set");
  EXPECT_EQ(parse_secret_flags({"db=k:env:HOME", "db=k:env:PATH"}).error().message,
            "--secret db=k is given twice");
}

}  // namespace
}  // namespace dbm::local
