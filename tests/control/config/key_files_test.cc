#include "control/config/file/key_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "tests/control/config/temp_dir.h"

namespace warp::config {
namespace {

// The key pair of Alice in RFC 7748, section 6.1. `wg pubkey` derives the same public key.
constexpr char kPrivate[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
constexpr char kPublic[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

class KeyFilesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(wire::InitCrypto().ok()); }

  std::string Refusal(const std::string& path) {
    const absl::StatusOr<wire::SecretKey> key = ReadSecretKeyFile(path);
    EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument) << path;
    return std::string(key.status().message());
  }

  TempDir dir_;
};

TEST_F(KeyFilesTest, ReadsAKeyWithSpaceAroundIt) {
  for (const std::string& text : {std::string(kPrivate), absl::StrCat(kPrivate, "\n"),
                                  absl::StrCat(" ", kPrivate, "\r\n\n")}) {
    const absl::StatusOr<wire::SecretKey> key = ReadSecretKeyFile(dir_.Write("k", text));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->Public().ToBase64(), kPublic);
  }
  EXPECT_TRUE(ReadSecretKeyFile(dir_.Write("k", kPrivate, 0400)).ok());
}

TEST_F(KeyFilesTest, ReadsAPresharedKey) {
  const absl::StatusOr<wire::PresharedKey> key = ReadPresharedKeyFile(dir_.Write("k", kPrivate));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->bytes()[0], 0x77);
  EXPECT_EQ(key->bytes()[31], 0x2a);
}

TEST_F(KeyFilesTest, RefusesWhatOthersMayTouch) {
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0644, 0666, 0610}) {
    const std::string path = dir_.Write("k", kPrivate, mode);
    char digits[8];
    std::snprintf(digits, sizeof(digits), "%04o", mode);
    EXPECT_EQ(Refusal(path),
              path + " is open to group or others (mode " + digits + "): chmod 600 it");
  }
}

// The path may come out of a configuration that somebody else wrote.
TEST_F(KeyFilesTest, NamesTheFileWithoutItsControlCharacters) {
  const std::string message(ReadSecretKeyFile(dir_.At("\x1b[2J\n")).status().message());
  EXPECT_NE(message.find("\\033[2J\\n cannot be read"), std::string::npos) << message;
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST_F(KeyFilesTest, RefusesWhatIsNoKeyFile) {
  EXPECT_EQ(Refusal(dir_.At("none")),
            dir_.At("none") + " cannot be read: No such file or directory");
  EXPECT_EQ(Refusal(dir_.At("")), dir_.At("") + " is not a regular file");
  ASSERT_EQ(::mkfifo(dir_.At("fifo").c_str(), 0600), 0);
  EXPECT_EQ(Refusal(dir_.At("fifo")), dir_.At("fifo") + " is not a regular file");
  EXPECT_EQ(Refusal("/dev/null"), "/dev/null is not a regular file");
}

TEST_F(KeyFilesTest, RefusesWhatIsNoKey) {
  const std::string base64 = kPrivate;
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("secret"), base64.substr(1), base64 + base64,
        "x" + base64.substr(1, 42) + "*", base64.substr(0, 20) + "\n" + base64.substr(20)}) {
    const std::string path = dir_.Write("k", text);
    EXPECT_EQ(Refusal(path), path + " does not hold a key of 32 bytes in base64") << text;
  }
  const std::string zero = dir_.Write("k", wire::SecretKey().ToBase64());
  const std::string no_key =
      zero + " holds 32 zero bytes, which are no key: `warp keygen` makes one";
  EXPECT_EQ(Refusal(zero), no_key);
  EXPECT_EQ(ReadPresharedKeyFile(zero).status().message(), no_key);
  const std::string path = dir_.Write("k", base64 + std::string(100, '\n'));
  EXPECT_EQ(Refusal(path), path + " is larger than 128 bytes");
}

// A secret must not reach a log, so a refusal must not repeat the contents of the file.
TEST_F(KeyFilesTest, NeverRepeatsTheContents) {
  EXPECT_EQ(Refusal(dir_.Write("k", "hunter2")).find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace warp::config
