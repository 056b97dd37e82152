#include "dataplane/wire/handshake/noise.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

template <typename Key>
Key KeyFromHex(const std::string& hex) {
  const std::vector<uint8_t> bytes = FromHex(hex);
  return Key(std::span<const uint8_t, kKeySize>(bytes));
}

PublicKey PublicFromHex(const std::string& hex) {
  std::array<uint8_t, kKeySize> bytes;
  const std::vector<uint8_t> from = FromHex(hex);
  std::copy_n(from.begin(), bytes.size(), bytes.begin());
  return PublicKey::FromBytes(bytes);
}

// Encrypts a transport message of Noise, section 5.1. The vectors contain some after each handshake.
std::vector<uint8_t> EncryptTransport(const SymmetricKey& key, uint8_t number, Bytes plaintext) {
  const uint8_t nonce[12] = {0, 0, 0, 0, number};
  std::vector<uint8_t> ciphertext(plaintext.size() + kTagSize);
  crypto_aead_chacha20poly1305_ietf_encrypt(ciphertext.data(), nullptr, plaintext.data(),
                                            plaintext.size(), nullptr, 0, nullptr, nonce,
                                            key.bytes().data());
  return ciphertext;
}

// The build sets WARP_NOISE_VECTORS to the file of published vectors.
TEST(Noise, AgreesWithThePublishedVectors) {
  std::ifstream file(WARP_NOISE_VECTORS);
  const nlohmann::json vectors = nlohmann::json::parse(file)["vectors"];
  ASSERT_EQ(vectors.size(), 2u);
  for (const nlohmann::json& v : vectors) {
    const std::string name = v["protocol_name"];
    SCOPED_TRACE(name);
    const NoisePattern pattern =
        name == "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b" ? NoisePattern::kIkPsk2 : NoisePattern::kIk;
    const auto psk = v.contains("init_psks")
                         ? KeyFromHex<PresharedKey>(v["init_psks"][0].get<std::string>())
                         : PresharedKey();
    NoiseInitiator initiator(KeyPair(KeyFromHex<SecretKey>(v["init_static"])),
                             PublicFromHex(v["init_remote_static"]),
                             FromHex(v["init_prologue"].get<std::string>()), pattern);
    initiator.SetEphemeralForTest(KeyFromHex<SecretKey>(v["init_ephemeral"]));
    NoiseResponder responder(KeyPair(KeyFromHex<SecretKey>(v["resp_static"])),
                             FromHex(v["resp_prologue"].get<std::string>()), pattern);
    responder.SetEphemeralForTest(KeyFromHex<SecretKey>(v["resp_ephemeral"]));

    const auto payload = [&](size_t i) {
      return FromHex(v["messages"][i]["payload"].get<std::string>());
    };
    const auto ciphertext = [&](size_t i) {
      return v["messages"][i]["ciphertext"].get<std::string>();
    };
    const auto initiation = initiator.WriteInitiation(payload(0)).value();
    EXPECT_EQ(ToHex(initiation), ciphertext(0));
    const auto read = responder.ReadInitiation(initiation).value();
    EXPECT_EQ(read.payload, payload(0));
    EXPECT_EQ(read.remote_static, KeyFromHex<SecretKey>(v["init_static"]).Public());

    const auto response = responder.WriteResponse(psk, payload(1)).value();
    EXPECT_EQ(ToHex(response), ciphertext(1));
    const NoiseInitiator::Response heard = initiator.ReadResponse(psk, response).value();
    EXPECT_EQ(heard.payload, payload(1));

    const NoiseKeys& ours = heard.keys;
    const NoiseKeys theirs = responder.Split().value();
    EXPECT_EQ(ToHex(ours.handshake_hash), v["handshake_hash"].get<std::string>());
    EXPECT_EQ(ours.handshake_hash, theirs.handshake_hash);
    ASSERT_EQ(v["messages"].size(), 6u);
    for (size_t i = 2; i < 6; ++i) {
      const NoiseKeys& keys = i % 4 < 2 ? ours : theirs;
      const SymmetricKey& key =
          i % 2 == 0 ? keys.initiator_to_responder : keys.responder_to_initiator;
      EXPECT_EQ(ToHex(EncryptTransport(key, static_cast<uint8_t>((i - 2) / 2), payload(i))),
                ciphertext(i));
    }
  }
}

class NoiseTest : public testing::Test {
 protected:
  const KeyPair alice_ = KeyPair::Generate();
  const KeyPair bob_ = KeyPair::Generate();
  const std::vector<uint8_t> prologue_ = {'W'};
  const std::vector<uint8_t> hello_ = {1, 2, 3};
  const std::vector<uint8_t> answer_ = {4, 5};
  NoiseInitiator initiator_{alice_, bob_.public_key(), prologue_};
  NoiseResponder responder_{bob_, prologue_};
};

TEST_F(NoiseTest, BothSidesAgree) {
  const auto initiation = initiator_.WriteInitiation(hello_).value();
  EXPECT_EQ(initiation.size(), hello_.size() + kNoiseInitiationOverhead);
  const auto read = responder_.ReadInitiation(initiation).value();
  EXPECT_EQ(read.remote_static, alice_.public_key());
  EXPECT_EQ(read.payload, hello_);
  const auto response = responder_.WriteResponse(PresharedKey(), answer_).value();
  EXPECT_EQ(response.size(), answer_.size() + kNoiseResponseOverhead);
  const NoiseInitiator::Response heard = initiator_.ReadResponse(PresharedKey(), response).value();
  EXPECT_EQ(heard.payload, answer_);
  const NoiseKeys& a = heard.keys;
  const NoiseKeys b = responder_.Split().value();
  EXPECT_EQ(a.initiator_to_responder.bytes(), b.initiator_to_responder.bytes());
  EXPECT_EQ(a.responder_to_initiator.bytes(), b.responder_to_initiator.bytes());
  EXPECT_NE(a.initiator_to_responder.bytes(), a.responder_to_initiator.bytes());
}

TEST_F(NoiseTest, AChangedMessageFailsAndLeavesTheHandshakeAsItWas) {
  const auto initiation = initiator_.WriteInitiation(hello_).value();
  for (size_t i = 0; i < initiation.size(); ++i) {
    auto changed = initiation;
    changed[i] ^= 0x01;
    EXPECT_EQ(responder_.ReadInitiation(changed).status().code(),
              absl::StatusCode::kUnauthenticated)
        << i;
  }
  for (size_t size = 0; size < initiation.size(); size += 7) {
    EXPECT_FALSE(responder_.ReadInitiation(Bytes(initiation).first(size)).ok());
  }
  ASSERT_TRUE(responder_.ReadInitiation(initiation).ok());

  const auto response = responder_.WriteResponse(PresharedKey(), answer_).value();
  for (size_t i = 0; i < response.size(); ++i) {
    auto changed = response;
    changed[i] ^= 0x01;
    EXPECT_EQ(initiator_.ReadResponse(PresharedKey(), changed).status().code(),
              absl::StatusCode::kUnauthenticated)
        << i;
  }
  EXPECT_FALSE(initiator_.ReadResponse(PresharedKey(), {}).ok());
  EXPECT_EQ(initiator_.ReadResponse(PresharedKey(), response)->payload, answer_);
}

TEST_F(NoiseTest, AnotherPrologueFails) {
  NoiseResponder map(bob_, std::vector<uint8_t>{'M'});
  EXPECT_FALSE(map.ReadInitiation(initiator_.WriteInitiation(hello_).value()).ok());
}

TEST_F(NoiseTest, AnotherResponderFails) {
  NoiseResponder eve(KeyPair::Generate(), prologue_);
  EXPECT_FALSE(eve.ReadInitiation(initiator_.WriteInitiation(hello_).value()).ok());
}

TEST_F(NoiseTest, AnotherPresharedKeyFailsUntilTheRightOneIsTried) {
  const PresharedKey psk(CountingBytes(7));
  ASSERT_TRUE(responder_.ReadInitiation(initiator_.WriteInitiation(hello_).value()).ok());
  const auto response = responder_.WriteResponse(psk, answer_).value();
  EXPECT_FALSE(initiator_.ReadResponse(PresharedKey(), response).ok());
  EXPECT_TRUE(initiator_.ReadResponse(psk, response).ok());
}

TEST_F(NoiseTest, KeysOfLowOrderFail) {
  // The points of order 1, 2, 4 and 8 on the curve, and the encodings above the prime that equal them.
  for (const char* hex : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    SCOPED_TRACE(hex);
    const PublicKey weak = PublicFromHex(hex);
    NoiseInitiator towards(alice_, weak, prologue_);
    EXPECT_EQ(towards.WriteInitiation(hello_).status().code(), absl::StatusCode::kInvalidArgument);

    // A stranger sends the weak point as its ephemeral key.
    std::vector<uint8_t> message(200, 0x5a);
    std::copy(weak.bytes().begin(), weak.bytes().end(), message.begin());
    EXPECT_FALSE(responder_.ReadInitiation(message).ok());
  }
}

TEST_F(NoiseTest, CallsOutOfTurnFail) {
  constexpr auto kOutOfTurn = absl::StatusCode::kFailedPrecondition;
  const PresharedKey psk;
  EXPECT_EQ(initiator_.ReadResponse(psk, hello_).status().code(), kOutOfTurn);
  EXPECT_EQ(responder_.WriteResponse(psk, hello_).status().code(), kOutOfTurn);
  EXPECT_EQ(responder_.Split().status().code(), kOutOfTurn);

  const auto initiation = initiator_.WriteInitiation(hello_).value();
  EXPECT_EQ(initiator_.WriteInitiation(hello_).status().code(), kOutOfTurn);
  ASSERT_TRUE(responder_.ReadInitiation(initiation).ok());
  EXPECT_EQ(responder_.ReadInitiation(initiation).status().code(), kOutOfTurn);
  const auto response = responder_.WriteResponse(psk, answer_).value();
  EXPECT_EQ(responder_.WriteResponse(psk, answer_).status().code(), kOutOfTurn);
  ASSERT_TRUE(initiator_.ReadResponse(psk, response).ok());
}

// A caller may refuse what an authentic response says, and read another one.
TEST_F(NoiseTest, ResponseCanBeReadAgain) {
  const PresharedKey psk;
  const auto initiation = initiator_.WriteInitiation(hello_).value();
  NoiseResponder again(bob_, prologue_);
  ASSERT_TRUE(responder_.ReadInitiation(initiation).ok());
  ASSERT_TRUE(again.ReadInitiation(initiation).ok());
  EXPECT_TRUE(initiator_.ReadResponse(psk, responder_.WriteResponse(psk, {}).value()).ok());
  EXPECT_TRUE(initiator_.ReadResponse(psk, again.WriteResponse(psk, answer_).value()).ok());
}

TEST_F(NoiseTest, RetrySecretIsKnownToBothEndsAndNobodyElse) {
  const auto initiation = initiator_.WriteInitiation(hello_).value();
  ASSERT_TRUE(responder_.ReadInitiation(initiation).ok());
  const RetrySecret a = initiator_.retry_secret();
  const RetrySecret b = responder_.retry_secret();
  EXPECT_EQ(a.key.bytes(), b.key.bytes());
  EXPECT_EQ(a.hash, b.hash);
  NoiseInitiator other(alice_, bob_.public_key(), prologue_);
  ASSERT_TRUE(other.WriteInitiation(hello_).ok());
  EXPECT_NE(a.key.bytes(), other.retry_secret().key.bytes());
}

TEST_F(NoiseTest, EphemeralsAreFresh) {
  NoiseInitiator again(alice_, bob_.public_key(), prologue_);
  const auto first = initiator_.WriteInitiation(hello_).value();
  const auto second = again.WriteInitiation(hello_).value();
  EXPECT_FALSE(std::equal(first.begin(), first.begin() + kKeySize, second.begin()));
}

}  // namespace
}  // namespace warp::wire
