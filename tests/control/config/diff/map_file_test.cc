#include "control/config/diff/map_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "control/config/diff/diff_text.h"
#include "tests/control/config/temp_dir.h"

namespace warp::config {
namespace {

constexpr char kAlice[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
constexpr char kBob[] = "XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=";

class MapFileTest : public testing::Test {
 protected:
  MapFileTest() {
    EXPECT_TRUE(wire::InitCrypto().ok());
    dir_.Write("k", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n");
  }
  MapFile Load(const std::string& more, const std::string& key_file = "k") {
    absl::StatusOr<MapFile> file = LoadMapFile(
        dir_.Write("map.yaml", absl::StrCat("private_key_file: ", key_file, "\n", more)));
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  std::string Differences(const std::string& before, const std::string& after) {
    const MapFile one = Load(before), other = Load(after);
    return DiffText(Diff(one.config, other.config));
  }

  TempDir dir_;
};

TEST_F(MapFileTest, WhatIsTheSameDiffersInNothing) {
  EXPECT_EQ(Differences("", "lifetime: 60s"), "");
  EXPECT_EQ(Differences("lifetime: 60s", "lifetime: 1m"), "");
  // The same keys in another place.
  dir_.Write("keys", absl::StrCat(kBob, "\n", kAlice, "\n"));
  EXPECT_EQ(
      Differences(absl::StrCat("allow_keys: [", kAlice, ", ", kBob, "]"), "allow_keys_file: keys"),
      "");
  // The same private key in another file.
  dir_.Write("same", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n");
  const MapFile before = Load(""), after = Load("", "same");
  EXPECT_TRUE(Diff(before.config, after.config).empty());
}

TEST_F(MapFileTest, NamesTheKeysThatComeAndGo) {
  EXPECT_EQ(Differences("", absl::StrCat("allow_keys: ", kAlice)),
            "~ map_server\n    allow_keys: every key -> 1 key\n");
  EXPECT_EQ(Differences(absl::StrCat("allow_keys: ", kAlice), absl::StrCat("allow_keys: ", kBob)),
            absl::StrCat("~ map_server\n    allow_keys: 1 key -> 1 key, others\n    allow_keys: ",
                         kAlice, " -> nothing\n    allow_keys: nothing -> ", kBob, "\n"));
}

TEST_F(MapFileTest, OfManyKeysItNamesAFew) {
  std::string few, many;
  for (int i = 1; i <= 12'000; ++i) {
    std::array<uint8_t, wire::kKeySize> bytes{};
    bytes[0] = static_cast<uint8_t>(i);
    bytes[1] = static_cast<uint8_t>(i >> 8);
    bytes[5] = 1;
    absl::StrAppend(i <= 100 ? &few : &many, wire::PublicKey::FromBytes(bytes).ToBase64(), "\n");
  }
  dir_.Write("one", absl::StrCat(kBob, "\n"));
  dir_.Write("few", few);
  dir_.Write("many", many);
  const std::string text = Differences("allow_keys_file: one", "allow_keys_file: few");
  EXPECT_THAT(text, testing::HasSubstr("allow_keys: 1 key -> 100 keys\n"));
  EXPECT_THAT(text, testing::HasSubstr("allow_keys: nothing -> 80 more keys\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 1 + 20 + 1);
  EXPECT_EQ(Differences("allow_keys_file: few", "allow_keys_file: many"),
            "~ map_server\n    allow_keys: 100 keys -> 11900 keys\n");
}

TEST_F(MapFileTest, SaysWhatNeedsARestartAndWhere) {
  const MapFile before = Load(""), after = Load("lifetime: 5s\nmax_registrations: 7\n");
  const std::vector<EntryChange> changes = Diff(before.config, after.config);
  EXPECT_EQ(
      DiffText(changes),
      "~ map_server (needs a restart)\n    lifetime: 60s -> 5s\n    max_registrations: 1000000 "
      "-> 7\n");
  EXPECT_EQ(
      WhatNeedsRestart(changes, after),
      absl::StrCat(dir_.At("map.yaml"),
                   ":3: max_registrations: 1000000 -> 7 needs a restart, because its tables "
                   "are made for so many at start: restart warp-map to change it, or leave it "
                   "as it is\n"));
  const MapFile live = Load("lifetime: 5s\nlisten: [\"127.0.0.1:1\"]\n");
  EXPECT_EQ(WhatNeedsRestart(Diff(before.config, live.config), live), "");
}

// A password that was changed in its file is not in force, and a reload must not say that nothing differs.
TEST_F(MapFileTest, WhatTheFilesOfAStoreHoldCounts) {
  dir_.Write("password", "hunter2\n");
  dir_.Write("ca", "one");
  const std::string store =
      "store:\n  redis: [\"192.0.2.1:6379\"]\n  password_file: password\n  tls: {ca: ca}\n";
  const MapFile before = Load(store);
  dir_.Write("password", "hunter3\n");
  dir_.Write("ca", "two");
  const MapFile after = Load(store);
  const std::vector<EntryChange> changes = Diff(before.config, after.config);
  EXPECT_EQ(
      DiffText(changes),
      absl::StrCat("~ map_server (needs a restart)\n    store.password_file: ", dir_.At("password"),
                   " -> ", dir_.At("password"), ", with other contents\n    store.tls.ca: ",
                   dir_.At("ca"), " -> ", dir_.At("ca"), ", with other contents\n"));
  EXPECT_THAT(WhatNeedsRestart(changes, after), testing::HasSubstr("store.password_file"));
  EXPECT_THAT(WhatNeedsRestart(changes, after), testing::Not(testing::HasSubstr("hunter")));
  EXPECT_THAT(Differences(store, "store:\n  redis: [\"192.0.2.1:6380\"]\n"),
              testing::HasSubstr("6379"));
  EXPECT_THAT(Differences(store, ""), testing::HasSubstr("store"));
}

// A certificate that was renewed is another one, and followed while the map runs.
TEST_F(MapFileTest, WhatTheFilesOfStreamsHoldCountsAndIsFollowed) {
  dir_.Write("pem", "one");
  dir_.Write("tls", "secret one");
  std::filesystem::permissions(dir_.At("tls"), std::filesystem::perms::owner_read);
  const std::string stream = "stream: {listen: [\"127.0.0.1:443\"], cert: pem, key: tls}\n";
  const MapFile before = Load(stream);
  EXPECT_EQ(DiffText(Diff(before.config, Load(stream).config)), DiffText({}));
  dir_.Write("pem", "two");
  std::filesystem::remove(dir_.At("tls"));
  dir_.Write("tls", "secret two");
  std::filesystem::permissions(dir_.At("tls"), std::filesystem::perms::owner_read);
  const MapFile after = Load(stream);
  EXPECT_EQ(DiffText(Diff(before.config, after.config)),
            absl::StrCat("~ map_server\n    stream.cert: ", dir_.At("pem"), " -> ", dir_.At("pem"),
                         ", with other contents\n    stream.key: ", dir_.At("tls"), " -> ",
                         dir_.At("tls"), ", with other contents\n"));
  EXPECT_EQ(WhatNeedsRestart(Diff(before.config, after.config), after), "");
  const MapFile moved = Load("stream: {listen: [\"127.0.0.1:444\"], cert: pem, key: tls}\n");
  EXPECT_THAT(WhatNeedsRestart(Diff(before.config, moved.config), moved),
              testing::HasSubstr("stream.listen"));
}

TEST_F(MapFileTest, AListThatIsBeingWrittenIsNotFollowedBeforeItStands) {
  const std::string path = dir_.Write("map.yaml", "private_key_file: k\nallow_keys_file: keys\n");
  int readings = 0;
  const auto grows = [&] {
    dir_.Write("keys",
               readings == 0 ? absl::StrCat(kAlice, "\n") : absl::StrCat(kAlice, "\n", kBob, "\n"));
    ++readings;
  };
  const absl::StatusOr<MapFile> file =
      LoadSettledMapFile(path, {.pause = std::chrono::milliseconds(0), .before_reading = grows});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->config.allowed->size(), 2u);
  EXPECT_EQ(readings, 3);
}

// It is gone in the middle: the file is not followed.
TEST_F(MapFileTest, AListThatVanishesIsAMistake) {
  const std::string path = dir_.Write("map.yaml", "private_key_file: k\nallow_keys_file: keys\n");
  dir_.Write("keys", absl::StrCat(kAlice, "\n"));
  int readings = 0;
  const auto vanishes = [&] {
    if (++readings == 2) std::remove(dir_.At("keys").c_str());
  };
  const absl::StatusOr<MapFile> file =
      LoadSettledMapFile(path, {.pause = std::chrono::milliseconds(0), .before_reading = vanishes});
  EXPECT_THAT(std::string(file.status().message()), testing::HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace warp::config
