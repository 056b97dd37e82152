#include "control/config/file/key_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "control/config/map_config.h"
#include "tests/control/config/temp_dir.h"

namespace warp::config {
namespace {

constexpr char kAlice[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
constexpr char kBob[] = "XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=";

wire::PublicKey Key(const char* text) { return *wire::PublicKey::FromBase64(text); }

class KeyListTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(wire::InitCrypto().ok()); }

  // Without the name of the file.
  std::string Refusal(const std::string& text) {
    const auto keys = ReadKeyListFile(dir_.Write("keys", text));
    EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument) << text;
    const std::string message(keys.status().message());
    EXPECT_THAT(message, testing::StartsWith(dir_.At("keys")));
    return message.substr(dir_.At("keys").size());
  }

  TempDir dir_;
};

TEST_F(KeyListTest, ReadsAKeyALineWithComments) {
  const auto keys = ReadKeyListFile(dir_.Write(
      "keys", absl::StrCat("# nodes\n\n  ", kAlice, "  # alice\r\n#", kBob, "\n", kBob)));
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(*keys, testing::ElementsAre(Key(kAlice), Key(kBob)));
}

TEST_F(KeyListTest, HasEachKeyOnceAndFindsIt) {
  const KeyList list({Key(kBob), Key(kAlice), Key(kBob)});
  EXPECT_EQ(list.size(), 2u);
  EXPECT_TRUE(list.Contains(Key(kAlice)));
  EXPECT_TRUE(list.Contains(Key(kBob)));
  EXPECT_FALSE(list.Contains(wire::PublicKey()));
  EXPECT_EQ(list, KeyList({Key(kAlice), Key(kBob)}));
}

TEST_F(KeyListTest, RefusesWhatIsNoListOfKeys) {
  const std::string good = absl::StrCat(kAlice, "\n");
  EXPECT_EQ(Refusal(""), " has no key: one stands in a line");
  EXPECT_EQ(Refusal("# none\n\n"), " has no key: one stands in a line");
  EXPECT_EQ(Refusal(good + "nonsense\n"),
            ":2: \"nonsense\" is not a public key: 44 characters of base64");
  EXPECT_EQ(Refusal(good + good + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ":3: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" is not a public key: 44 "
            "characters of base64");
  // What a terminal would obey is not shown as it is.
  EXPECT_THAT(Refusal(std::string("\x1b[2J\0x\n", 7)), testing::Not(testing::HasSubstr("\x1b")));
  EXPECT_EQ(Refusal(good + "#" + std::string(2000, 'x') + "\n"), ":2: is longer than 1024 bytes");
  // A file without any line end does not fill the memory.
  EXPECT_EQ(Refusal(std::string(size_t{8} << 20, 'A')), ":1: is longer than 1024 bytes");
}

TEST_F(KeyListTest, RefusesWhatIsNoFile) {
  const auto message = [](const std::string& path) {
    return std::string(ReadKeyListFile(path).status().message());
  };
  EXPECT_EQ(message(dir_.At("none")),
            dir_.At("none") + " cannot be read: No such file or directory");
  EXPECT_EQ(message("/dev/zero"), "/dev/zero is not a regular file");
  ASSERT_EQ(mkfifo(dir_.At("fifo").c_str(), 0600), 0);
  EXPECT_EQ(message(dir_.At("fifo")), dir_.At("fifo") + " is not a regular file");
  // A hole of two gibibytes is neither read for long nor kept.
  dir_.Write("hole", "");
  ASSERT_EQ(truncate(dir_.At("hole").c_str(), off_t{2} << 30), 0);
  EXPECT_EQ(message(dir_.At("hole")), dir_.At("hole") + ":1: is longer than 1024 bytes");
}

TEST_F(KeyListTest, AMillionKeysTakeThirtyTwoBytesEach) {
  constexpr size_t kMany = 1'000'000;
  {
    std::ofstream file(dir_.At("many"));
    std::array<uint8_t, wire::kKeySize> bytes{};
    for (size_t i = 0; i < kMany; ++i) {
      for (size_t at = 0; at < 4; ++at) bytes[at] = static_cast<uint8_t>((i + 1) >> (8 * at));
      file << wire::PublicKey::FromBytes(bytes).ToBase64() << " # node " << i << "\n";
    }
  }
  auto keys = ReadKeyListFile(dir_.At("many"));
  ASSERT_TRUE(keys.ok()) << keys.status();
  const KeyList list(*std::move(keys));
  EXPECT_EQ(list.size(), kMany);
  EXPECT_EQ(list.keys().size_bytes(), 32 * kMany);
  EXPECT_TRUE(list.Contains(list.keys()[777'777]));
  EXPECT_FALSE(list.Contains(Key(kAlice)));
}

TEST_F(KeyListTest, AMapsFileNamesThemInItAndInAnother) {
  dir_.Write("k", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n");
  dir_.Write("keys", absl::StrCat(kBob, "\n"));
  const auto load = [this](const std::string& more) {
    return LoadMapConfig(dir_.Write("map.yaml", "private_key_file: k\n" + more));
  };
  EXPECT_EQ(load("")->allowed, nullptr) << "every key may register";
  EXPECT_EQ(*load(absl::StrCat("allow_keys: [\"", kAlice, "\"]"))->allowed, KeyList({Key(kAlice)}));
  EXPECT_EQ(*load("allow_keys_file: keys")->allowed, KeyList({Key(kBob)}));
  EXPECT_EQ(*load(absl::StrCat("allow_keys: ", kAlice, "\nallow_keys_file: keys"))->allowed,
            KeyList({Key(kAlice), Key(kBob)}));
  // Nobody means everybody by an empty list, nor by a file that is not there.
  EXPECT_EQ(load("allow_keys: []").status().message(),
            dir_.At("map.yaml") + ":2: allow_keys: needs at least 1 entry");
  EXPECT_EQ(load("allow_keys_file: gone").status().message(),
            absl::StrCat(dir_.At("map.yaml"), ":2: allow_keys_file: ", dir_.At("gone"),
                         " cannot be read: No such file or directory"));
  dir_.Write("keys", "# empty\n");
  EXPECT_FALSE(load("allow_keys_file: keys").ok());
}

}  // namespace
}  // namespace warp::config
