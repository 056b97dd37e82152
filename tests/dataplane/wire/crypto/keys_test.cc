#include "dataplane/wire/crypto/keys.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

// Bob's keys in RFC 7748, section 6.1.
constexpr char kSecretHex[] = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
constexpr char kSecretText[] = "XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os=";
constexpr char kPublicHex[] = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

TEST(Keys, PublicKeyOfRfc7748) {
  const SecretKey secret = SecretKey::FromBase64(kSecretText).value();
  EXPECT_EQ(ToHex(secret.bytes()), kSecretHex);
  EXPECT_EQ(ToHex(secret.Public().bytes()), kPublicHex);
}

TEST(Keys, APairKnowsItsPublicKey) {
  const KeyPair pair(SecretKey::FromBase64(kSecretText).value());
  EXPECT_EQ(ToHex(pair.public_key().bytes()), kPublicHex);
  const KeyPair copy = pair.Clone();
  EXPECT_EQ(copy.secret().bytes(), pair.secret().bytes());
  EXPECT_EQ(copy.public_key(), pair.public_key());
}

TEST(Keys, TextThereAndBack) {
  const SecretKey secret = SecretKey::Generate();
  EXPECT_EQ(SecretKey::FromBase64(secret.ToBase64())->bytes(), secret.bytes());
  const PublicKey key = secret.Public();
  EXPECT_EQ(key.ToBase64().size(), 44u);
  EXPECT_EQ(PublicKey::FromBase64(key.ToBase64()).value(), key);
}

TEST(Keys, RefusesTextThatIsNoKey) {
  const std::string good = kSecretText;
  const std::string bad[] = {
      "",
      good.substr(0, 43),         // no padding
      good + "=",                 // too long
      " " + good.substr(1),       // a blank
      good.substr(0, 43) + "\n",  // a line end in place of the padding
      "-" + good.substr(1),       // the alphabet of URLs
      good.substr(0, 42) + "t=",  // stray bits, which would make a second text for one key
      good.substr(0, 42) + "==",  // 31 bytes
      std::string(44, 'A'),       // 33 bytes
  };
  for (const std::string& text : bad) {
    EXPECT_EQ(PublicKey::FromBase64(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
    const absl::Status status = SecretKey::FromBase64(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    // A secret mistyped by one character must not end up in a log.
    if (text.size() > 40) {
      EXPECT_EQ(status.message().find(text), absl::string_view::npos);
    }
    EXPECT_FALSE(PresharedKey::FromBase64(text).ok());
  }
}

TEST(Keys, GeneratedKeysAreClampedAndDiffer) {
  const SecretKey a = SecretKey::Generate();
  const SecretKey b = SecretKey::Generate();
  EXPECT_NE(a.bytes(), b.bytes());
  EXPECT_EQ(a.bytes()[0] & 7, 0);
  EXPECT_EQ(a.bytes()[31] & 0xc0, 0x40);
}

TEST(Keys, ASecretMovedFromIsWiped) {
  SecretKey from = SecretKey::Generate();
  const auto bytes = from.bytes();
  const SecretKey to = std::move(from);
  EXPECT_EQ(to.bytes(), bytes);
  EXPECT_EQ(from.bytes(), (std::array<uint8_t, kKeySize>{}));  // NOLINT: that is the question
}

TEST(Keys, ASecretWipesItself) {
  alignas(SecretKey) uint8_t place[sizeof(SecretKey)];
  auto* const secret = new (place) SecretKey(SecretKey::Generate());
  secret->~SecretKey();
  for (const uint8_t byte : place) EXPECT_EQ(byte, 0);
}

TEST(Keys, SecretsAreNeitherCopiedNorCompared) {
  static_assert(!std::is_copy_constructible_v<SecretKey>);
  static_assert(!std::is_copy_assignable_v<PresharedKey>);
  static_assert(!std::equality_comparable<SecretKey>);
  static_assert(!std::is_convertible_v<SecretKey, SymmetricKey>);
}

TEST(Keys, AnAllZeroPublicKeyNamesNobody) {
  EXPECT_TRUE(PublicKey().is_zero());
  EXPECT_FALSE(SecretKey::Generate().Public().is_zero());
}

TEST(Keys, EachByteOfATextIsOfTheAlphabet) {
  const std::string text = kSecretText;
  for (int byte = 0; byte < 256; ++byte) {
    std::string other = text;
    other[10] = static_cast<char>(byte);
    const bool fits = byte < 128 && (absl::ascii_isalnum(static_cast<unsigned char>(byte)) ||
                                     byte == '+' || byte == '/');
    EXPECT_EQ(PublicKey::FromBase64(other).ok(), fits) << byte;
    EXPECT_EQ(SecretKey::FromBase64(other).ok(), fits) << byte;
  }
}

}  // namespace
}  // namespace warp::wire
