#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/redact.h"
#include "unit/local/desk.h"

namespace dbm::local {
namespace {

class StatusFiles : public Desk {
 protected:
  StatusFiles() { write("m.yaml", migration("orders")); }

  static void expect_conflict(const Result<>& applied) {
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().kind, ErrorKind::Transient);
    EXPECT_EQ(applied.error().reason, "Conflict");
  }
};

TEST_F(StatusFiles, HoldTheWholeObject) {
  const auto objects = load();
  const auto object = get(*objects);

  ASSERT_TRUE(apply(*objects, object, {{"observedGeneration", 1}, {"currentVersion", "0042"}}));

  EXPECT_EQ(read("orders.status.yaml"),
            "apiVersion: dbmigration.dev/v1alpha1\nkind: DatabaseMigration\nmetadata:\n  name: orders\n  "
            "namespace: default\n  uid: " +
                (object.uid.front() <= '9' ? "\"" + object.uid + "\"" : object.uid) +
                "\n  generation: 1\n  resourceVersion: \"2\"\nspec:\n  a: 1\nstatus:\n  observedGeneration: "
                "1\n  currentVersion: \"0042\"\n");
  EXPECT_EQ(objects->status_file(object), path("orders.status.yaml"));
  EXPECT_FALSE(fs::exists(root / ".orders.status.yaml.tmp"));
}

TEST_F(StatusFiles, AreReadBackByTheNextProcess) {
  {
    const auto objects = load();
    ASSERT_TRUE(apply(*objects, get(*objects), {{"currentVersion", "0042"}}));
  }
  const auto again = load();
  EXPECT_EQ((*get(*again).document)["status"]["currentVersion"], "0042");
  EXPECT_EQ(get(*again).generation, 1);
  EXPECT_EQ(get(*again).resource_version, "2");

  write("m.yaml", migration("orders", "{a: 2}"));
  EXPECT_EQ(get(*load()).generation, 2);
  EXPECT_EQ((*get(*load()).document)["status"]["currentVersion"], "0042");
}

TEST_F(StatusFiles, DoNotCountAnotherOrderOfKeysAsAChange) {
  write("m.yaml", migration("orders", "{a: 1, b: {c: 1, d: 2}}"));
  const auto objects = load();
  ASSERT_TRUE(apply(*objects, get(*objects), Json::object()));

  write("m.yaml", migration("orders", "{b: {d: 2, c: 1}, a: 1}"));

  EXPECT_EQ(get(*load()).generation, 1);
}

TEST_F(StatusFiles, MayBeDeletedAtAnyTime) {
  const auto objects = load();
  ASSERT_TRUE(apply(*objects, get(*objects), {{"currentVersion", "0042"}}));
  const auto object = get(*objects);
  fs::remove(root / "orders.status.yaml");

  EXPECT_FALSE(get(*objects).document->contains("status"));
  EXPECT_TRUE(apply(*objects, object, {{"currentVersion", "0043"}}));
  EXPECT_EQ((*get(*objects).document)["status"]["currentVersion"], "0043");
}

TEST_F(StatusFiles, AreRefusedWhenTheManifestHasChanged) {
  const auto objects = load();
  const auto object = get(*objects);
  write("m.yaml", migration("orders", "{a: 2}"));

  expect_conflict(apply(*objects, object, Json::object()));
  EXPECT_FALSE(fs::exists(root / "orders.status.yaml"));
  EXPECT_TRUE(apply(*objects, get(*objects), Json::object()));
}

TEST_F(StatusFiles, AreRefusedWhenAnotherProcessHasWritten) {
  const auto mine = load();
  const auto theirs = load();
  const auto object = get(*mine);
  ASSERT_TRUE(apply(*theirs, get(*theirs), {{"by", "them"}}));

  expect_conflict(apply(*mine, object, {{"by", "me"}}));
  EXPECT_EQ((*get(*mine).document)["status"]["by"], "them");
  EXPECT_TRUE(apply(*mine, get(*mine), {{"by", "me"}}));
  expect_conflict(apply(*mine, object, {{"by", "me"}}));
}

TEST_F(StatusFiles, AreRefusedWhileAnotherProcessWrites) {
  const Fd held{::open(path(".orders.status.yaml.tmp").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  const auto objects = load();

  expect_conflict(apply(*objects, get(*objects), Json::object()));
}

TEST_F(StatusFiles, TakeOverWhatACrashLeft) {
  write(".orders.status.yaml.tmp",
        "half a status that is longer than the whole one will be" + std::string(5000, 'x'));
  const auto objects = load();

  ASSERT_TRUE(apply(*objects, get(*objects), {{"a", 1}}));

  EXPECT_TRUE(read("orders.status.yaml").ends_with("status:\n  a: 1\n"));
  EXPECT_FALSE(fs::exists(root / ".orders.status.yaml.tmp"));
}

TEST_F(StatusFiles, CanLieInAFolderOfTheirOwn) {
  fs::create_directories(root / "s");
  const auto objects = load({.paths = {path("m.yaml")}, .status_dir = path("s")});

  ASSERT_TRUE(apply(*objects, get(*objects), {{"a", 1}}));

  EXPECT_TRUE(fs::exists(root / "s/orders.status.yaml"));
  EXPECT_FALSE(fs::exists(root / "orders.status.yaml"));
}

TEST_F(StatusFiles, ThatCannotBeWrittenSayWhy) {
  const auto objects = load({.paths = {path("m.yaml")}, .status_dir = path("none")});

  const auto applied = apply(*objects, get(*objects), Json::object());

  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().kind, ErrorKind::Terminal);
  EXPECT_EQ(applied.error().message,
            "cannot write status file " + path("none/orders.status.yaml") + ": No such file or directory");
}

TEST_F(StatusFiles, ThatAreDamagedAreWrittenAnewAndThatAreNotOursAreLeftAlone) {
  write("orders.status.yaml", "half: [a");
  const auto objects = load();
  EXPECT_TRUE(apply(*objects, get(*objects), {{"a", 1}}));

  write("orders.status.yaml", "kind: ConfigMap\nmetadata: {name: orders}\n");
  EXPECT_EQ(refusal(),
            "orders.status.yaml: orders.status.yaml must be the status of DatabaseMigration default/orders, "
            "but holds something else");
}

TEST_F(StatusFiles, NeverHoldAKnownSecret) {
  redact::remember("st4tus-secret");
  const auto objects = load();

  ASSERT_TRUE(apply(*objects, get(*objects),
                    {{"failure", {{"message", "said st4tus-secret aloud"}}}, {"list", {"st4tus-secret"}}}));

  EXPECT_TRUE(
      read("orders.status.yaml")
          .ends_with(
              "status:\n  failure:\n    message: \"said [redacted] aloud\"\n  list:\n  - \"[redacted]\"\n"));
}

TEST_F(StatusFiles, TakeTheGenerationOfTheObjectWhileItsSpecIsTheManifests) {
  const auto objects = load();
  auto object = get(*objects);
  object.generation = 5;
  ASSERT_TRUE(apply(*objects, object, Json::object()));
  EXPECT_EQ(get(*objects).generation, 5);
  EXPECT_EQ(get(*load()).generation, 5);

  write("m.yaml", migration("orders", "{a: 2}"));
  object.resource_version = get(*objects).resource_version;
  ASSERT_TRUE(apply(*objects, object, {{"late", true}}));
  EXPECT_EQ(get(*objects).generation, 6);
}

TEST_F(StatusFiles, AreOnlyForWhatIsThere) {
  write("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
  const auto objects = load();
  expect_conflict(apply(*objects, get(*objects, "ConfigMap", "c"), Json::object()));
  const auto object = get(*objects);
  fs::remove(root / "m.yaml");
  expect_conflict(apply(*objects, object, Json::object()));
}

TEST_F(StatusFiles, HaveEventsBesideThemThatGoToWhoListens) {
  std::vector<std::string> heard;
  const auto objects =
      load({.paths = {path("m.yaml")},
            .on_event = [&](const kubernetes::Object& object, const kubernetes::Event& event) {
              heard.push_back(object.key.name + " " + event.reason + " " + event.note);
            }});
  redact::remember("ev3nt-secret");

  objects->emit(get(*objects), {kubernetes::EventType::Normal, "MigrationApplied", "with ev3nt-secret"});

  EXPECT_EQ(heard, (std::vector<std::string>{"orders MigrationApplied with [redacted]"}));
}

}  // namespace
}  // namespace dbm::local
